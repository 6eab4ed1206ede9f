package store

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

const syncEvery = 100 * time.Millisecond // what a power cut may cost

// syncer has the files to sync, to close and to remove, and the directories with new names.
type syncer struct {
	mu     sync.Mutex
	files  map[*os.File]*extent // open ones that were written
	closes []*os.File
	remove []string
	dirs   []string
}

// extent is how much of a file is written, and how much of that is durable.
type extent struct {
	written int64 // under the syncer's lock
	durable int64 // of runSync alone
}

// touch asks for a sync of a file of which so much is written.
func (y *syncer) touch(f *os.File, written int64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.files == nil {
		y.files = map[*os.File]*extent{}
	}
	e := y.files[f]
	if e == nil {
		e = &extent{}
		y.files[f] = e
	}
	e.written = written
}

// named asks for a sync of a directory.
func (y *syncer) named(dir string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !slices.Contains(y.dirs, dir) {
		y.dirs = append(y.dirs, dir)
	}
}

// finish asks for a last sync and for closing f.
func (y *syncer) finish(f *os.File, written int64) {
	y.touch(f, written)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.closes = append(y.closes, f)
}

// drop asks for removing files after everything dirty was synced.
func (y *syncer) drop(paths ...string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.remove = append(y.remove, paths...)
}

// dirty is a file of which so much is written, and not all of that durable.
type dirty struct {
	*os.File
	*extent
	to int64
}

func (y *syncer) take() (list []dirty, closes []*os.File, remove, dirs []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for f, e := range y.files {
		if e.durable < e.written {
			list = append(list, dirty{f, e, e.written})
		}
	}
	closes, remove, dirs = y.closes, y.remove, y.dirs
	y.closes, y.remove, y.dirs = nil, nil, nil
	return list, closes, remove, dirs
}

// close closes files of which nothing is left to sync, and keeps the others.
func (y *syncer) close(files []*os.File) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, f := range files {
		if e := y.files[f]; e.durable < e.written {
			y.closes = append(y.closes, f)
			continue
		}
		delete(y.files, f)
		f.Close()
	}
}

// abandon closes what could not be synced.
func (y *syncer) abandon() {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, f := range y.closes {
		f.Close()
	}
}

// renew writes what is not durable once more, where it is. Linux takes pages that could not be written for clean and tells it
// once: another fsync would do nothing and succeed.
func (d dirty) renew() error {
	r, err := os.Open(d.Name())
	if errors.Is(err, os.ErrNotExist) { // purged meanwhile
		d.durable = d.to
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.NewOffsetWriter(d.File, d.durable), io.NewSectionReader(r, d.durable, d.to-d.durable))
	return err
}

// runSync makes what was written durable, at most every syncEvery, and removes what is no longer needed
// afterwards. os.File.Sync gives the processor away while the disk works.
func (s *Store) runSync() {
	defer s.wg.Done()
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
			failed = s.syncFiles(failed)
		case <-s.stopAux:
			if s.syncFiles(failed) && s.syncFiles(true) { // the second sync is of what was written anew
				s.unsynced.Store(true)
				s.sync.abandon()
			}
			return
		}
	}
}

// syncFiles tells whether a sync failed; the first failure in a row is logged. What failed is written anew, and nothing that it
// may be needed for is removed.
func (s *Store) syncFiles(before bool) (failed bool) {
	s.enter(&s.syncing)
	defer s.syncing.leave()
	list, closes, remove, dirs := s.sync.take()
	note := func(err error) {
		if err == nil {
			return
		}
		s.writeErrors.Add(1)
		if !before && !failed {
			s.log.Error("call records cannot be synced; a power cut may lose some", "err", err)
		}
		failed = true
	}
	for _, d := range list {
		if err := s.cfg.fsync(d.File); err != nil {
			note(err)
			note(d.renew())
		} else {
			d.durable = d.to
		}
	}
	s.sync.close(closes)
	for _, dir := range dirs {
		note(syncDir(dir))
	}
	if failed {
		s.sync.drop(remove...)
		for _, dir := range dirs {
			s.sync.named(dir)
		}
		return true
	}
	if before {
		s.log.Info("call records can be synced again")
	}
	if len(remove) > 0 {
		if err := removeAll(remove...); err != nil {
			s.log.Warn("cannot remove a call journal segment", "err", err)
		}
		note(syncDir(s.journal.dir))
	}
	return failed
}
