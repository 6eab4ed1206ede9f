package store

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// recovery collects what the journal of a stopped server says.
type recovery struct {
	open  map[string]*cdr.Record
	alive time.Time // the latest moment that is known of
	paths []string
	waits bool // the disk does not take the records: they go to the queue
}

// replay makes records of calls that never ended and has the journal removed when they are durable. It may be interrupted at any
// point and repeated: a call that has a record gets no other. A disk that is full keeps no server from its calls: then the
// records wait as those of other calls do, and the journal stays for the next Open.
func (s *Store) replay(dir string, list []int) {
	r := recovery{open: map[string]*cdr.Record{}}
	for _, no := range list {
		if err := s.replayCalls(&r, filepath.Join(dir, fileName(no, callSuffix))); err != nil {
			s.log.Error("a call journal segment cannot be read; calls that it alone notes get no record", "err", err)
		}
	}
	s.replayLost(&r)
	if !r.waits {
		s.sync.drop(r.paths...)
	}
	if rec := s.recovered; rec != (Recovered{}) {
		s.log.Info("call records recovered", "records", rec.Records, "lost_calls", rec.Lost, "torn_bytes", rec.TornBytes)
	}
}

// replayCalls reads a call segment. Torn bytes are counted, and kept aside unless they are just an unfinished write.
func (s *Store) replayCalls(r *recovery, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	skipped, cut := frames(b, func(_ int, kind frameKind, payload []byte) { r.frame(kind, payload) })
	r.paths = append(r.paths, path)
	if skipped == 0 {
		return nil
	}
	s.recovered.TornBytes += int64(skipped)
	s.recovered.TornFiles++
	s.log.Warn("call journal segment has unreadable bytes", "segment", path, "bytes", skipped, "unfinished_write", cut)
	if cut {
		return nil
	}
	if err := os.Link(path, path+".torn"); err != nil && !errors.Is(err, os.ErrExist) { // takes no room
		s.log.Warn("a damaged call journal segment cannot be kept", "segment", path, "err", err)
	}
	return nil
}

func (r *recovery) frame(kind frameKind, payload []byte) {
	switch kind {
	case frameBegin:
		if rec, err := cdr.DecodeBinary(payload); err == nil {
			r.open[rec.ID] = rec
			r.seen(rec.Start)
			r.seen(rec.Answered)
		}
	case frameEnd:
		delete(r.open, string(payload))
	case frameAlive:
		if len(payload) == 8 { // the last one counts, and not the latest: the clock may have been ahead before
			r.alive = time.Unix(0, int64(binary.LittleEndian.Uint64(payload))).UTC()
		}
	}
}

func (r *recovery) seen(t time.Time) {
	if t.After(r.alive) {
		r.alive = t
	}
}

// replayLost makes the records of calls that the dead server could not finish.
func (s *Store) replayLost(r *recovery) {
	lost := make([]*cdr.Record, 0, len(r.open))
	for _, rec := range r.open {
		lost = append(lost, rec)
	}
	slices.SortFunc(lost, func(a, b *cdr.Record) int { return a.Start.Compare(b.Start) })
	if len(lost) > 0 {
		if end, ok := s.index.lastEnd(); ok && !end.After(s.opened) {
			r.seen(end)
		}
	}
	v := s.index.view() // the records that are made here are of other calls
	defer v.close()
	for batch := range slices.Chunk(lost, maxBatch) {
		for _, rec := range batch {
			known, err := v.hasEnded(rec.ID, rec.Start)
			if err != nil {
				s.log.Error("cannot tell whether a call that was lost has its record already; it gets one", "id", rec.ID, "err", err)
			}
			if !known { // else its record was written, the note of its end was not
				r.finish(rec)
				s.records.add(rec)
			}
		}
		s.recovered.Lost += len(s.records.recs)
		s.writeLost(r)
	}
	if f := s.records.file; f != nil {
		s.sync.touch(f.f, f.size)
		s.sync.named(s.records.dir)
	}
}

// writeLost writes what was added, or leaves it to the writer.
func (s *Store) writeLost(r *recovery) {
	l := &s.records
	if len(l.recs) == 0 {
		return
	}
	if !r.waits && l.write() == nil {
		s.index.add(l)
		return
	}
	r.waits = true
	for _, rec := range l.recs {
		s.Put(rec)
	}
	l.forget()
}

// finish ends a call at the last moment at which its server is known to have lived.
func (r *recovery) finish(rec *cdr.Record) {
	rec.End = rec.Start
	if r.alive.After(rec.Start) {
		rec.End = r.alive
	}
	rec.Reason = ReasonServerLost
	rec.EndedBy = "directsip"
	rec.Detail = "the server stopped without ending the call; the end is the last moment at which it is known to have lived"
	if !rec.Answered.IsZero() {
		rec.Status = 200
	}
}

// lastEnd is the latest end of the newest block.
func (x *index) lastEnd() (time.Time, bool) {
	for _, s := range slices.Backward(x.segs) {
		for _, b := range slices.Backward(s.blocks) {
			if b.rows > 0 {
				return time.UnixMicro(b.maxEnd).UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// journalNext is a segment number above all that were ever used, kept ones included.
func journalNext(dir string) (int, error) {
	list, err := numbered(dir, callSuffix, callSuffix+".torn")
	if err != nil || len(list) == 0 {
		return 1, err
	}
	return list[len(list)-1] + 1, nil
}
