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
	var e blockEncoder
	for {
		select {
		case <-s.index.wake:
			s.writeBlocks(&e)
		case <-purge.C:
			s.purge(s.stopIndexer)
		case <-s.stopIndexer:
			s.writeBlocks(&e)
			return
		}
	}
}

// writeBlocks writes until no full block is in memory only. Nothing is lost while it cannot: blocks are made of records.
func (s *Store) writeBlocks(e *blockEncoder) {
	failed := false
	pace := newPacer(s.stopIndexer)
	for {
		b := s.index.unwritten()
		if b == nil {
			break
		}
		err := s.writeBlock(e, b, pace)
		if s.abandon.Load() {
			return
		}
		if err == nil {
			continue
		}
		s.indexErrors.Add(1)
		if !failed {
			s.log.Error("the index of call records cannot be written; records are searched without it", "err", err)
		}
		failed = true
		select {
		case <-time.After(retryEvery):
		case <-s.stopIndexer:
			return // the next Open makes it
		}
	}
	if failed {
		s.log.Info("the index of call records can be written again")
	}
}

// writeBlock appends a block to the index of its segment. A block that is not whole is written over by the next try.
func (s *Store) writeBlock(e *blockEncoder, b *block, pace *pacer) error {
	v := &view{}
	defer v.close()
	c, err := v.content(b)
	if err != nil {
		return err
	}
	h := b.header
	h.rows, h.keys, h.heap = c.len(), len(c.keys), len(c.heap)
	frame := e.encode(&h, c, pace)
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
		pace.pause()
	}
	s.sync.finish(f)
	s.sync.named(b.seg.dir)
	s.index.replace(b, &block{header: h, seg: b.seg, first: b.first, at: b.seg.stored}, b.seg.stored+int64(len(frame)))
	return nil
}
