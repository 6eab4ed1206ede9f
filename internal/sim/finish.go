package sim

import (
	"time"
)

// finish checks the ends of a call when all has come to rest.
func (s *Scenario) finish(w *World) {
	if s.caller == nil {
		return
	}
	if s.caller.state == up {
		w.fail("%s: the caller is still up", s.Name)
	}
	for _, p := range s.ends {
		if p.state != over {
			w.fail("%s: %s is still %s", s.Name, p.host.Name, p.state)
			continue
		}
		// A party that never heard of the end rang until its own limit: only allowed when the caller did not hang up.
		if s.caller.stopped.IsZero() || p.stopped.IsZero() || p.gone {
			continue
		}
		if late := p.stopped.Sub(s.caller.stopped); late > 70*time.Second {
			w.fail("%s: %s ended %v after the caller", s.Name, p.host.Name, late)
		}
	}
}
