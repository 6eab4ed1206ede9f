package store

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// A directory that cannot be written, since its file system has become read-only or was not mounted, keeps no server from its calls. Then Open
// gives a store that tries it again each second. Until it is open, records wait as those that a full disk refuses, and questions read what can be read.

// refusedForNow tells an error of the operating system, which may pass, from a directory that is not ours and one that is none.
func refusedForNow(err error) bool {
	return errors.As(err, new(syscall.Errno)) && !errors.Is(err, syscall.ENOTDIR)
}

// refuse keeps why the directory cannot be opened, and logs what is new of that.
func (s *Store) refuse(err error) {
	err = fmt.Errorf("data directory %s: %w", s.cfg.Dir, err)
	s.writeErrors.Add(1)
	if had := s.refused.Swap(&err); had == nil || (*had).Error() != err.Error() {
		s.log.Error("the data directory cannot be written; calls go on, their records wait in memory until it can: make it writable for this user, or start with another --data", "err", err)
	}
}

// openLater tries the directory until it opens, or until the store is closed and has nothing to write or no more time for it.
func (s *Store) openLater() {
	defer s.wg.Done()
	for stop := s.stopWriter; ; {
		select {
		case <-time.After(retryEvery):
		case <-stop:
			stop = nil
		}
		if stop == nil && (s.abandon.Load() || s.queue.len() == 0) {
			close(s.stopAux)
			return
		}
		if err := s.open(); err != nil {
			s.release()
			s.refuse(err)
			continue
		}
		s.refused.Store(nil)
		s.log.Info("the data directory can be written again", "waiting", s.queue.len())
		s.run()
		return
	}
}
