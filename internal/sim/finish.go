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
		// A party of which the node never heard anything cannot be cancelled and rings until its own limit.
		leg := w.Nodes[s.Node].watch.legs[p.callID]
		if s.caller.stopped.IsZero() || p.stopped.IsZero() || p.gone || leg == nil || !leg.heard {
			continue
		}
		if late := p.stopped.Sub(s.caller.stopped); late > 70*time.Second {
			w.fail("%s: %s ended %v after the caller", s.Name, p.host.Name, late)
		}
	}
}
