package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	insertBatch = 1000
	insertEvery = time.Second // longest wait for a batch to fill
	purgeEvery  = time.Minute
	purgeStep   = 32 // rows of one transaction, some 500 µs of work
)

// runInserter moves journalled records into SQLite. It is the only one that writes SQLite.
func (s *Store) runInserter() {
	defer s.wg.Done()
	defer close(s.stopAux)
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	for {
		select {
		case <-s.pend.wake:
			s.fill()
			s.insertAll()
		case <-purge.C:
			s.purge(s.stopInserter)
		case <-s.stopInserter:
			s.insertAll()
			return
		}
	}
}

// fill waits for a full batch, a hurried reader or the end.
func (s *Store) fill() {
	timeout := time.NewTimer(insertEvery)
	defer timeout.Stop()
	for s.pend.waiting() < insertBatch && !s.pend.hurried() {
		select {
		case <-s.pend.wake:
		case <-timeout.C:
			return
		case <-s.stopInserter:
			return
		}
	}
}

// insertAll inserts until nothing is pending and gives finished segments to the syncer.
func (s *Store) insertAll() {
	failed := false
	for {
		seg, chunks := s.pend.first(insertBatch)
		if seg == nil {
			break
		}
		if err := s.insertChunks(seg, chunks); err != nil {
			s.insertErrors.Add(1)
			if !failed {
				s.log.Error("call records cannot be inserted; they wait in the journal", "err", err, "bytes", s.Stats().Pending)
			}
			failed = true
			if s.abandon.Load() {
				return
			}
			s.rest(retryEvery)
			continue
		}
		if failed {
			s.log.Info("call records can be inserted again")
			failed = false
		}
		if s.abandon.Load() {
			return
		}
		if !s.urgent() {
			break
		}
	}
	done := s.pend.finished()
	if len(done) == 0 {
		return
	}
	err := s.db.sync()
	for _, seg := range done {
		path := seg.file.path
		switch {
		case err != nil:
			path = "" // the next replay finds it and removes it
		case seg.bad:
			if e := os.Rename(path, path+".torn"); e != nil {
				s.log.Error("cannot keep a damaged journal segment aside", "err", e)
			}
			path = ""
		}
		s.pend.finish(seg.file.f, path)
	}
}

// urgent tells whether to insert what is pending at once. Else it waits for its second: a transaction has a price,
// and so have the pages that the next one writes again.
func (s *Store) urgent() bool {
	select {
	case <-s.stopInserter:
		return true
	default:
	}
	if s.pend.waiting() >= insertBatch || s.pend.hurried() {
		return true
	}
	s.pend.signal()
	return false
}

// rest waits, but not when the store is told to abandon its work.
func (s *Store) rest(d time.Duration) {
	until := time.Now().Add(d)
	for time.Now().Before(until) && !s.abandon.Load() {
		time.Sleep(d / 20)
	}
}

func (s *Store) insertChunks(seg *recordSegment, chunks []chunk) error {
	var rows []row
	for _, c := range chunks {
		var err error
		had := len(rows)
		if rows, err = appendRows(rows, seg, c); err != nil {
			if errors.Is(err, errRead) {
				return err
			}
			s.log.Error("journalled records cannot be read back", "segment", seg.file.path, "records", c.n-(len(rows)-had), "err", err)
			seg.bad = true
		}
	}
	if err := s.insertRows(rows, newPacer(s.stopInserter)); err != nil {
		return err
	}
	s.pend.inserted(seg, len(chunks))
	return nil
}

func (s *Store) insertRows(rows []row, pace *pacer) error {
	n, err := s.db.ins.insert(rows, s.db.next, pace)
	if err != nil {
		return err
	}
	s.db.next += int64(len(rows))
	s.inserted.Add(uint64(n))
	s.duplicates.Add(uint64(len(rows) - n))
	return nil
}

// errRead may pass; damage does not.
var errRead = errors.New("reading the journal")

// appendRows has the records of a chunk, from memory or from the segment.
func appendRows(rows []row, seg *recordSegment, c chunk) ([]row, error) {
	if c.data != nil {
		from := 0
		for i, end := range c.ends {
			rows = append(rows, row{rec: c.recs[i], stored: c.data[from+frameHeader : end]})
			from = end
		}
		return rows, nil
	}
	f, err := os.Open(seg.file.path)
	if err != nil {
		return rows, fmt.Errorf("%w: %w", errRead, err)
	}
	defer f.Close()
	data := make([]byte, c.size)
	if _, err := f.ReadAt(data, c.at); err != nil {
		return rows, fmt.Errorf("%w: %w", errRead, err)
	}
	rows, _, err = decodeRows(rows, data)
	return rows, err
}

// decodeRows has the records of a row of frames.
func decodeRows(rows []row, data []byte) (out []row, skipped int, err error) {
	skipped, _ = frames(data, func(kind frameKind, payload []byte) {
		if kind != frameRecord {
			return
		}
		rec, e := cdr.DecodeBinary(payload)
		if e != nil {
			err = e
			return
		}
		rows = append(rows, row{rec: rec, stored: payload})
	})
	if skipped > 0 && err == nil {
		err = fmt.Errorf("%d bytes are not readable", skipped)
	}
	return rows, skipped, err
}

// purge removes what is older than Retention or beyond MaxRows in small steps, letting insertions through.
func (s *Store) purge(stop <-chan struct{}) {
	var cutoff int64
	if s.cfg.Retention > 0 {
		cutoff = time.Now().Add(-s.cfg.Retention).UnixMicro()
	}
	pace := newPacer(stop)
	for {
		n, err := s.db.purge(cutoff, s.cfg.MaxRows, purgeStep)
		if err != nil {
			s.log.Error("purging call records", "err", err)
			return
		}
		s.purged.Add(uint64(n))
		if n == 0 {
			return
		}
		pace.rest()
		select {
		case <-stop:
			return
		case <-s.pend.wake:
			s.pend.signal()
			s.insertAll()
		default:
		}
	}
}

// runWatch logs once a second what was lost: Put itself never logs.
func (s *Store) runWatch() {
	defer s.wg.Done()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var dropped, begins, slimmed uint64
	report := func() {
		if n := s.dropped.Load(); n != dropped {
			s.log.Error("call records lost: the journal is stuck", "lost", n-dropped, "total", n)
			dropped = n
		}
		if n := s.droppedBegins.Load(); n != begins {
			s.log.Warn("begun calls not noted: the journal is stuck", "calls", n-begins, "total", n)
			begins = n
		}
		if n := s.slimmed.Load(); n != slimmed {
			s.log.Warn("call records without ladder: the journal is behind", "records", n-slimmed, "total", n)
			slimmed = n
		}
	}
	for {
		select {
		case <-tick.C:
			report()
		case <-s.stopAux:
			report()
			return
		}
	}
}
