package engine

import (
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// tellRoutes says which routes have no trunk any more that is up, or have one again (OPS-13): a gateway that is down is an inconvenience, a route without
// any is an outage. A trunk on probation (half open) is not up yet, so a gateway that comes and goes tells of it once.
func (e *Engine) tellRoutes(snap *topology.Snapshot, t *topology.Trunk, ev health.Event) {
	if usable(ev.From) == usable(ev.To) {
		return
	}
	for _, r := range e.board.dependent(snap, t) {
		if usable(ev.To) {
			e.log.Info("route has a trunk again", "route", r.Name, "trunk", t.Name)
			continue
		}
		e.log.Error("no trunk of a route is up", "route", r.Name, "usages", r.Usages, "trunk", t.Name, "why", ev.Why)
	}
}

func usable(s health.State) bool { return s == health.Up || s == health.Degraded }

// dependent are the routes that a trunk, or one that is derived from it, is the only hope of: every other trunk that this server may take for them is
// down, on probation or out of service.
func (b *Board) dependent(snap *topology.Snapshot, t *topology.Trunk) (list []*topology.Route) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range snap.Routes {
		in, others := false, false
		for i := range r.Trunks {
			switch x := r.Trunks[i].Trunk; {
			case x.Disabled || x.Pool.Name != t.Pool.Name:
			case x.Watched().Name == t.Name:
				in = true
			default:
				p := b.byName[x.Watched().Name]
				others = others || p == nil || usable(health.State(p.state.Load()))
			}
		}
		if in && !others {
			list = append(list, r)
		}
	}
	return list
}
