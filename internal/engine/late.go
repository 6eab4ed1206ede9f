package engine

import "time"

// A shard whose timers are long overdue was kept from running, and so was whoever reads for it: the process was stopped (SIGSTOP), or its machine frozen.
// What peers have said meanwhile, an ACK or the refresh of a session, waits in the sockets still. Were timers first, calls that are well would end, so the
// shard hears for a moment before it looks at them.
const (
	overdue = 2 * time.Second
	hearing = 500 * time.Millisecond
)

// hears tells whether timers have to wait for what peers have said.
func (s *shard) hears(now time.Time) bool {
	switch at := s.core.Deadline(); {
	case now.Before(s.until):
		return true
	case !s.until.IsZero():
		s.until = time.Time{}
		return false
	case at.IsZero() || now.Sub(at) < overdue:
		return false
	}
	s.until = now.Add(hearing)
	return true
}

// wakes is when the shard has something to do of its own accord; zero: not before something comes.
func (s *shard) wakes() time.Time {
	if !s.until.IsZero() {
		return s.until
	}
	return s.core.Deadline()
}
