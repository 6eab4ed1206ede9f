package store

import (
	"encoding/binary"
	"os"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	gather     = 25 * time.Millisecond  // between two writes: a busy server pays for 40 a second, not 2000
	syncEvery  = 100 * time.Millisecond // what a power cut may cost
	aliveEvery = 5 * time.Second        // how exactly the end of a lost call is known
	retryEvery = time.Second
	maxBatch   = 256 // items in one write, some 500 µs of work
)

// runWriter moves the queue into the journal. It is the only one that touches s.journal.
func (s *Store) runWriter() {
	defer s.wg.Done()
	defer close(s.stopInserter)
	w := writer{s: s, j: s.journal, pace: newPacer(s.stopWriter)}
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	pause := time.NewTimer(gather)
	defer pause.Stop()
	for {
		items, seq, closed := s.queue.take(w.spare)
		w.spare = nil
		if len(items) == 0 {
			s.acknowledge(seq, false) // what is not journalled was dropped
			if closed {
				w.close()
				return
			}
			select {
			case <-s.queue.wake:
			case <-alive.C:
				w.alive()
			case <-s.stopWriter:
			}
			continue
		}
		w.writeAll(items, seq)
		clear(items)
		w.spare = items
		pause.Reset(gather)
		select {
		case <-pause.C:
		case <-s.stopWriter:
		}
	}
}

// writer holds the buffers of runWriter.
type writer struct {
	s      *Store
	j      *journal
	spare  []item
	calls  []byte // frames for the call segment
	begun  []place
	pace   *pacer
	failed bool // the last write failed and was logged
}

// writeAll writes the items in batches; seq counts the records up to the last item.
func (w *writer) writeAll(items []item, seq uint64) {
	w.pace.at = time.Now()
	for len(items) > maxBatch {
		records := 0
		for _, it := range items[maxBatch:] {
			if it.rec != nil {
				records++
			}
		}
		w.write(items[:maxBatch], seq-min(seq, uint64(records)))
		items = items[maxBatch:]
		w.pace.pause()
	}
	w.write(items, seq)
}

// write journals one batch, repeating until the disk takes it or Close gives up.
func (w *writer) write(items []item, seq uint64) {
	c := chunk{seq: seq}
	var records []byte
	if n := countRecords(items); n > 0 {
		c.recs, c.ends = make([]*cdr.Record, 0, n), make([]int, 0, n)
		records = make([]byte, 0, w.s.pend.guess(n))
	}
	w.calls, w.begun = w.calls[:0], w.begun[:0]
	for _, it := range items {
		if it.rec == nil {
			at := len(w.calls)
			w.calls = appendBegin(w.calls, it.id, it.opened)
			w.begun = append(w.begun, place{at: int64(at), size: len(w.calls) - at})
			continue
		}
		var at int
		records, at = beginFrame(records, frameRecord)
		records = endFrame(it.rec.AppendBinary(records), at)
		c.recs, c.ends = append(c.recs, it.rec), append(c.ends, len(records))
		if _, known := w.j.open[it.rec.ID]; known {
			w.calls, at = beginFrame(w.calls, frameEnd)
			w.calls = endFrame(append(w.calls, it.rec.ID...), at)
		}
	}
	if !w.persist(records, w.calls) {
		w.s.dropped.Add(uint64(len(c.recs)))
		return
	}
	base, n := w.j.calls.size-int64(len(w.calls)), 0
	for _, it := range items {
		if it.rec != nil {
			w.j.end(it.rec.ID)
			continue
		}
		p := w.begun[n]
		p.at += base
		w.j.begin(it.id, p)
		n++
	}
	w.s.openCalls.Store(int64(len(w.j.open)))
	if len(c.recs) > 0 {
		c.data = records
		w.s.pend.add(w.s, w.j.records, c)
	}
	w.s.acknowledge(seq, len(c.recs) > 0)
	w.rotate()
}

// acknowledge tells that the first seq records are safe.
func (s *Store) acknowledge(seq uint64, news bool) {
	if !news && s.acked.Load() == seq {
		return
	}
	s.acked.Store(seq)
	s.pend.progress()
	if s.cfg.OnAcknowledged != nil {
		s.cfg.OnAcknowledged(seq)
	}
}

func countRecords(items []item) (n int) {
	for i := range items {
		if items[i].rec != nil {
			n++
		}
	}
	return n
}

// persist writes records first: a call whose end is not noted is looked for in SQLite at the next Open, a
// record that is missing cannot be found.
func (w *writer) persist(records, calls []byte) bool {
	if len(records) > 0 && !w.repeat(func() error { return w.j.records.write(records) }) {
		return false
	}
	if len(calls) > 0 && !w.repeat(func() error { return w.j.calls.write(calls) }) {
		return len(records) > 0
	}
	if len(records) > 0 {
		w.s.pend.touch(w.j.records)
	}
	if len(calls) > 0 {
		w.s.pend.touch(w.j.calls)
	}
	return true
}

// repeat tries until the disk obeys. It logs the first failure and the recovery.
func (w *writer) repeat(do func() error) bool {
	for {
		err := do()
		if err == nil {
			if w.failed {
				w.s.log.Info("the call journal can be written again")
				w.failed = false
			}
			return true
		}
		w.s.journalErrors.Add(1)
		if !w.failed {
			w.s.log.Error("the call journal cannot be written; records wait in memory", "err", err, "queued", w.s.queue.len())
			w.failed = true
		}
		if w.s.abandon.Load() {
			return false
		}
		time.Sleep(retryEvery)
	}
}

// rotate starts new segments and gives up old ones.
func (w *writer) rotate() {
	if w.j.records.size >= w.s.cfg.recordsSize {
		old := w.j.records
		next, err := w.j.create(recordSuffix)
		if err == nil {
			w.j.records = next
			w.s.pend.seal(old)
		} else {
			w.s.journalErrors.Add(1) // the old one goes on; the next batch tries again
		}
	}
	if w.j.calls.size >= w.s.cfg.callsSize {
		old := w.j.calls
		if err := w.j.newCalls(); err == nil {
			w.s.pend.finish(old.f, "")
		} else {
			w.s.journalErrors.Add(1)
		}
	}
	for {
		l, survivors, list, err := w.j.clean()
		if err != nil {
			w.s.journalErrors.Add(1) // it stays; the next batch tries again
			return
		}
		if l == nil {
			return
		}
		base := w.j.calls.size
		if len(survivors) > 0 {
			if w.j.calls.write(survivors) != nil {
				return
			}
			w.s.pend.touch(w.j.calls)
		}
		w.j.drop(l, list, base)
		w.s.pend.finish(nil, l.path)
	}
}

// alive notes that the server lives, so that the end of a lost call is known to aliveEvery.
func (w *writer) alive() {
	if len(w.j.open) == 0 {
		return
	}
	b, at := beginFrame(nil, frameAlive)
	b = endFrame(binary.LittleEndian.AppendUint64(b, uint64(time.Now().UnixNano())), at)
	if w.j.calls.write(b) == nil {
		w.rotate()
	}
}

// close leaves the segments to the inserter, which knows which are still needed.
func (w *writer) close() {
	w.s.pend.seal(w.j.records)
	if len(w.j.open) > 0 {
		w.alive()
		w.s.pend.finish(w.j.calls.f, "")
		return
	}
	for _, l := range append(w.j.old, w.j.calls) {
		w.s.pend.finish(nil, l.path)
	}
	w.s.pend.finish(w.j.calls.f, "")
}

// appendBegin writes the record that the call gets if nothing else comes.
func appendBegin(b []byte, id string, o *Opened) []byte {
	r := cdr.Record{
		ID: id, Server: o.Server, Pool: o.Pool, Version: o.Version, Start: o.Start, Answered: o.Answered,
		In: o.In, Out: o.Out, Called: o.Called, Calling: o.Calling,
	}
	b, at := beginFrame(b, frameBegin)
	return endFrame(r.AppendBinary(b), at)
}

// runSync makes what was written durable, at most every syncEvery, and removes what is no longer needed
// afterwards.
func (s *Store) runSync() {
	defer s.wg.Done()
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
			failed = s.syncJournal(failed)
		case <-s.stopAux:
			s.syncJournal(failed)
			return
		}
	}
}

// syncJournal tells whether a sync failed; the first failure in a row is logged.
func (s *Store) syncJournal(before bool) (failed bool) {
	dirty, done, remove := s.pend.takeDirty()
	if len(dirty)+len(done)+len(remove) == 0 {
		return before
	}
	for _, f := range dirty {
		if err := f.Sync(); err != nil {
			s.journalErrors.Add(1)
			if !before && !failed {
				s.log.Error("the call journal cannot be synced; a power cut may lose records", "err", err)
			}
			failed = true
		}
	}
	for _, f := range done {
		f.Close()
	}
	if failed {
		s.pend.keep(remove)
		return true
	}
	for _, path := range remove {
		if err := os.Remove(path); err != nil {
			s.log.Warn("cannot remove a journal segment", "err", err)
		}
	}
	if len(remove) > 0 {
		if err := syncDir(s.journal.dir); err != nil {
			s.journalErrors.Add(1)
		}
	}
	return false
}
