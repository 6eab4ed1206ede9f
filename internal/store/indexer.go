package store

import (
	"os"
	"time"
)

const (
	purgeEvery = time.Minute
	writePiece = 128 << 10 // bytes that are written to an index at once
)

// runIndexer writes blocks of the index when they are full, and purges. It is the only one that changes index files.
func (s *Store) runIndexer() {
	defer s.wg.Done()
	defer close(s.stopAux)
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	retry := time.NewTimer(retryEvery)
	defer retry.Stop()
	w := indexWriter{s: s, pace: newPacer(s.stopIndexer)}
	for {
		if w.readLate() {
			s.index.signal() // so that it goes on, when nothing else is to be done before
		}
		select {
		case <-s.index.wake:
		case <-retry.C:
		case <-purge.C:
			s.purge(s.stopIndexer)
		case <-s.stopIndexer:
			w.again = time.Time{}
			w.writeAll()
			return
		}
		if !w.writeAll() {
			retry.Reset(time.Until(w.again))
		}
	}
}

// indexWriter holds the buffers of runIndexer.
type indexWriter struct {
	s      *Store
	pace   *pacer
	enc    blockEncoder
	failed bool // the last time, and it was logged
	wait   time.Duration
	again  time.Time // after a failure: not before then
}

// retryMost is how long an index that cannot be written is left alone at most: to try means to make blocks of records, and a disk may be full for days.
const retryMost = time.Minute

// settle notes how it went, and after a failure when it is tried again: later each time.
func (w *indexWriter) settle(failed bool, now time.Time) {
	w.failed = failed
	if !failed {
		w.wait, w.again = 0, time.Time{}
		return
	}
	w.wait = min(max(2*w.wait, retryEvery), retryMost)
	w.again = now.Add(w.wait)
}

// writeAll writes what is in memory only and tells whether it could. Nothing is lost otherwise: blocks are made of
// records. A segment that cannot be indexed keeps no other one from it.
func (w *indexWriter) writeAll() bool {
	w.pace.at = time.Now()
	if w.pace.at.Before(w.again) {
		return false
	}
	var failure error
	var skip *segment
	for _, b := range w.s.index.unwritten() {
		if w.s.abandon.Load() {
			return true
		}
		if b.seg == skip {
			continue
		}
		if err := w.write(b); err != nil {
			w.s.indexErrors.Add(1)
			failure, skip = err, b.seg
		}
	}
	switch {
	case failure != nil && !w.failed:
		w.s.log.Error("the index of call records cannot be written; records are searched without it", "err", failure)
	case failure == nil && w.failed:
		w.s.log.Info("the index of call records can be written again")
	}
	w.settle(failure != nil, time.Now())
	return failure == nil
}

// write appends a block to the index of its segment. A block that is not whole is written over by the next try.
func (w *indexWriter) write(b *block) error {
	v := &view{}
	defer v.close()
	c, err := v.content(b)
	if err != nil {
		return err
	}
	h := b.header
	h.rows, h.keys, h.heap = c.len(), len(c.keys), len(c.heap)
	frame := w.enc.encode(&h, c, w.pace)
	path := b.seg.indexPath()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for at := 0; at < len(frame); at += writePiece {
		piece := frame[at:min(at+writePiece, len(frame))]
		if _, err := f.WriteAt(piece, b.seg.stored+int64(at)); err != nil {
			f.Close()
			return err
		}
		w.pace.pause()
	}
	w.s.sync.finish(f, b.seg.stored+int64(len(frame)))
	w.s.sync.named(b.seg.dir)
	w.s.index.replace(b, &block{header: h, seg: b.seg, first: b.first, at: b.seg.stored}, b.seg.stored+int64(len(frame)))
	return nil
}
