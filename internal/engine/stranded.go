package engine

import (
	"slices"

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
	mine := func(x *topology.Trunk) bool { return !x.Disabled && x.Pool.Name == t.Pool.Name }
	for _, r := range snap.Routes { // without the lock, which calls wait for
		if slices.ContainsFunc(r.Trunks, func(x topology.RouteTrunk) bool { return mine(x.Trunk) && x.Trunk.Watched().Name == t.Name }) {
			list = append(list, r)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(list, func(r *topology.Route) bool {
		return slices.ContainsFunc(r.Trunks, func(x topology.RouteTrunk) bool {
			if name := x.Trunk.Watched().Name; mine(x.Trunk) && name != t.Name {
				p := b.byName[name]
				return p == nil || usable(health.State(p.state.Load()))
			}
			return false
		})
	})
}
