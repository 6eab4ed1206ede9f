package store

import (
	"encoding/binary"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	gather     = 25 * time.Millisecond // between two writes: a busy server pays for 40 a second, not 2000
	aliveEvery = 5 * time.Second       // how exactly the end of a lost call is known
	retryEvery = time.Second
	maxBatch   = 128 // items in one write, some 300 µs of work
)

// runWriter moves the queue into segments. It is the only one that touches s.journal and s.records.
func (s *Store) runWriter() {
	defer s.wg.Done()
	defer close(s.stopIndexer)
	w := writer{s: s, j: s.journal, l: &s.records, pace: newPacer(s.stopWriter)}
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	pause := time.NewTimer(gather)
	defer pause.Stop()
	var spare batch
	for {
		b, seq, closed := s.queue.take(spare)
		if len(b.items) == 0 {
			spare = b
			s.acknowledge(seq, false) // what is not written was dropped
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
		w.writeAll(b, seq)
		b.reset()
		spare = b
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
	l      *recordLog
	calls  []byte // frames for the call segment
	pace   *pacer
	failed bool // the last write failed and was logged
}

// writeAll writes the items in small batches; seq counts the records up to the last item.
func (w *writer) writeAll(b batch, seq uint64) {
	w.pace.at = time.Now()
	left := countRecords(b.items)
	for len(b.items) > 0 {
		n := min(len(b.items), maxBatch)
		left -= countRecords(b.items[:n])
		b.begins = w.write(b.items[:n], b.begins, seq-min(seq, left))
		b.items = b.items[n:]
		w.pace.pause()
	}
}

func countRecords(items []item) (n uint64) {
	for i := range items {
		if items[i].rec != nil {
			n++
		}
	}
	return n
}

// write writes one batch, repeating until the disk takes it or Close gives up. It returns the frames of begun calls
// that belong to later items.
func (w *writer) write(items []item, begins []byte, seq uint64) []byte {
	w.s.enter(&w.s.writing)
	defer w.s.writing.leave()
	w.calls = w.calls[:0]
	repeated := 0
	for i := range items {
		it := &items[i]
		if it.rec == nil {
			w.j.begin(it.id, place{at: w.j.calls.size + int64(len(w.calls)), size: it.size})
			w.calls, begins = append(w.calls, begins[:it.size]...), begins[it.size:]
			continue
		}
		if w.j.end(it.rec.ID) {
			var at int
			w.calls, at = beginFrame(w.calls, frameEnd)
			w.calls = endFrame(append(w.calls, it.rec.ID...), at)
		} else if w.stored(it.rec) {
			repeated++
			continue
		}
		w.l.add(it.rec)
	}
	records := len(w.l.recs)
	if !w.persist() {
		w.s.dropped.Add(uint64(records))
		w.l.forget()
		return begins
	}
	if records > 0 {
		w.s.index.add(w.l)
	}
	w.s.written.Add(uint64(records))
	w.s.duplicates.Add(uint64(repeated))
	w.s.openCalls.Store(int64(len(w.j.open)))
	w.s.acknowledge(seq, records > 0)
	w.rotate()
	return begins
}

// stored tells whether a record that no Begin announced is there already: in this batch or in the index.
func (w *writer) stored(rec *cdr.Record) bool {
	for _, r := range w.l.recs {
		if r.ID == rec.ID && r.Start.Equal(rec.Start) {
			return true
		}
	}
	found, err := w.s.has(rec.ID, rec.Start)
	if err != nil {
		w.s.log.Error("cannot tell whether a call record is stored already; it is stored", "id", rec.ID, "err", err)
	}
	return found
}

// acknowledge tells that the first seq records are safe.
func (s *Store) acknowledge(seq uint64, news bool) {
	if !news && s.acked.Load() == seq {
		return
	}
	s.acked.Store(seq)
	s.waiters.progress()
	if s.cfg.OnAcknowledged != nil {
		s.cfg.OnAcknowledged(seq)
	}
}

// persist writes records first: a call whose end is not noted is looked for among the records at the next Open, a
// record that is missing cannot be found.
func (w *writer) persist() bool {
	if len(w.l.recs) > 0 {
		if f := w.l.file; f != nil && f.removed() {
			w.s.log.Error("a segment of call records was removed while it was written, and what it held is lost; a new one begins", "segment", f.path)
			w.seal()
		}
		if !w.repeat(w.writeRecords) {
			return false
		}
		w.s.sync.touch(w.l.file.f, w.l.file.size)
	}
	if len(w.calls) > 0 {
		if !w.repeat(func() error { return w.j.calls.write(w.calls) }) {
			return len(w.l.recs) > 0
		}
		w.s.sync.touch(w.j.calls.f, w.j.calls.size)
	}
	return true
}

func (w *writer) writeRecords() error {
	begins := w.l.file == nil
	err := w.l.write()
	if begins && w.l.file != nil {
		w.s.sync.named(w.l.dir) // not before: a sync without the new name would be the last one
	}
	return err
}

// repeat tries until the disk obeys. It logs the first failure and the recovery.
func (w *writer) repeat(do func() error) bool {
	for {
		err := do()
		if err == nil {
			if w.failed {
				w.s.log.Info("call records can be written again")
				w.failed = false
				w.s.refused.Store(nil)
			}
			return true
		}
		w.s.writeErrors.Add(1)
		if !w.failed {
			waiting, _ := w.s.Waiting()
			w.s.log.Error("call records cannot be written; they wait in memory", "err", err, "waiting", waiting)
			w.failed = true
			w.s.refused.Store(&err)
		}
		if w.s.abandon.Load() {
			return false
		}
		w.s.writing.leave()
		time.Sleep(retryEvery)
		w.s.enter(&w.s.writing)
	}
}

// rotate begins new segments and gives up old ones.
func (w *writer) rotate() {
	if f := w.l.file; f != nil && (f.size >= w.s.cfg.recordsSize || time.Since(f.born) >= segmentAge) {
		w.seal()
	}
	removed := w.j.calls.removed()
	if removed {
		w.s.log.Error("the call journal was removed; calls that run now get no record if the server is killed", "segment", w.j.calls.path)
	}
	if removed || w.j.calls.size >= w.s.cfg.callsSize {
		old := w.j.calls
		if err := w.j.newCalls(); err == nil {
			w.s.sync.finish(old.f, old.size)
			w.s.sync.named(w.j.dir)
		} else {
			w.s.writeErrors.Add(1)
		}
	}
	for {
		l, survivors, list, err := w.j.clean()
		if err != nil {
			w.s.writeErrors.Add(1) // it stays; the next batch tries again
			return
		}
		if l == nil {
			return
		}
		base := w.j.calls.size
		if len(survivors) > 0 {
			if w.j.calls.write(survivors) != nil {
				w.s.writeErrors.Add(1)
				return
			}
			w.s.sync.touch(w.j.calls.f, w.j.calls.size)
		}
		w.j.drop(l, list, base)
		w.s.sync.drop(l.path)
	}
}

// seal ends the segment of records; the next record begins another.
func (w *writer) seal() {
	w.s.sync.finish(w.l.file.f, w.l.file.size)
	w.s.index.seal(w.l.file.no)
	w.l.file = nil
}

// alive notes that the server lives, so that the end of a lost call is known to aliveEvery.
func (w *writer) alive() {
	w.s.enter(&w.s.writing)
	defer w.s.writing.leave()
	if len(w.j.open) > 0 {
		b, at := beginFrame(nil, frameAlive)
		b = endFrame(binary.LittleEndian.AppendUint64(b, uint64(time.Now().UnixNano())), at)
		if w.j.calls.write(b) != nil {
			w.s.writeErrors.Add(1)
			return
		}
	}
	w.rotate()
}

// close leaves the last blocks to the indexer. What notes calls goes when none is open.
func (w *writer) close() {
	if w.l.file != nil {
		w.seal()
	}
	if len(w.j.open) > 0 {
		w.alive()
	} else {
		for _, l := range append(w.j.old, w.j.calls) {
			w.s.sync.drop(l.path)
		}
	}
	w.s.sync.finish(w.j.calls.f, w.j.calls.size)
}
