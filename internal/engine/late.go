package engine

import "time"

// A shard whose timers are long overdue was kept from running, and so was whoever reads for it: the process was stopped (SIGSTOP), or its machine frozen, as for
// the second in which it moves to another host.
// What peers have said meanwhile, an ACK or the refresh of a session, waits in the sockets still. Were timers first, calls that are well would end, so the
// shard hears for a moment before it looks at them.
const (
	overdue = 250 * time.Millisecond // more than a busy machine makes them wait, see Config.MaxLag
	hearing = 500 * time.Millisecond // at most, and a quarter of what they are overdue
)

// hears tells whether timers have to wait for what peers have said.
func (s *shard) hears(now time.Time) bool {
	at := s.core.Deadline()
	late := now.Sub(at)
	switch {
	case now.Before(s.until):
		return true
	case !s.until.IsZero():
		s.until = time.Time{}
		return false
	case at.IsZero() || late < overdue:
		return false
	}
	s.until = now.Add(min(hearing, late/4))
	return true
}

// wakes is when the shard has something to do of its own accord; zero: not before something comes.
func (s *shard) wakes() time.Time {
	if !s.until.IsZero() {
		return s.until
	}
	return s.core.Deadline()
}
