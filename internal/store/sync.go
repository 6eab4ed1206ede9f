package store

import (
	"os"
	"slices"
	"sync"
	"time"
)

const syncEvery = 100 * time.Millisecond // what a power cut may cost

// syncer has the files to sync, to close and to remove, and the directories with new names.
type syncer struct {
	mu     sync.Mutex
	dirty  []*os.File
	closes []*os.File
	remove []string
	dirs   []string
}

// touch asks for a sync.
func (y *syncer) touch(f *os.File) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !slices.Contains(y.dirty, f) {
		y.dirty = append(y.dirty, f)
	}
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
func (y *syncer) finish(f *os.File) {
	y.touch(f)
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

func (y *syncer) take() (dirty, closes []*os.File, remove, dirs []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	dirty, closes, remove, dirs = y.dirty, y.closes, y.remove, y.dirs
	y.dirty, y.closes, y.remove, y.dirs = nil, nil, nil, nil
	return dirty, closes, remove, dirs
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
			s.syncFiles(failed)
			return
		}
	}
}

// syncFiles tells whether a sync failed; the first failure in a row is logged.
func (s *Store) syncFiles(before bool) (failed bool) {
	dirty, closes, remove, dirs := s.sync.take()
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
	for _, f := range dirty {
		note(f.Sync())
	}
	for _, f := range closes {
		f.Close()
	}
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
	if len(remove) > 0 {
		if err := removeAll(remove...); err != nil {
			s.log.Warn("cannot remove a call journal segment", "err", err)
		}
		note(syncDir(s.journal.dir))
	}
	return failed
}
