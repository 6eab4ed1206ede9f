package store

import (
	"errors"
	"sync/atomic"
	"time"
)

// A disk that is full says so. One that is stuck, a file server that is gone or a file system that is frozen, does not even return.

// stuckAfter is how long the disk may take for what is usually done in less than a millisecond, and on a busy one in less than a second.
const stuckAfter = 5 * time.Second

var errStuck = errors.New("the disk does not answer")

// stall is what a goroutine asks of the disk: when it began, since Open; 0: nothing.
type stall struct{ since atomic.Int64 }

func (s *Store) enter(x *stall) { x.since.Store(int64(max(1, time.Since(s.opened)))) }

func (x *stall) leave() { x.since.Store(0) }

// stuck tells whether the disk owes an answer for so long that nobody should wait for it.
func (s *Store) stuck(x *stall) bool {
	at := x.since.Load()
	return at != 0 && time.Since(s.opened)-time.Duration(at) >= s.cfg.stuckAfter
}

// tellStuck logs that the disk does not answer, and that it does again; told is that it was so when it was looked at last.
func (s *Store) tellStuck(x *stall, told *bool, what, over string) {
	is := s.stuck(x)
	switch {
	case is && !*told:
		waiting, _ := s.Waiting()
		s.writeErrors.Add(1)
		s.log.Error(what, "err", errStuck, "waiting", waiting)
	case !is && *told:
		s.log.Info(over)
	}
	*told = is
}
