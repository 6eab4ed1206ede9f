package routing

import (
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// candidate is a trunk that may carry the call.
type candidate struct {
	trunk  *topology.Trunk
	route  *topology.Route
	usage  string
	weight int
	state  health.State
}

// toUser sends the call to the UC platform that serves a user. The number of a user never leaves by a route.
func (x *run) toUser(u *topology.User) {
	x.d.Kind, x.d.User = ToUser, u
	if x.apart(Party{User: u}) {
		t := x.party().Trunk
		x.step(Step{Kind: StepPlace, Outcome: OtherSite, Name: t.Name, From: siteName(t.Site), Of: u.Name})
		x.refuse(diag.TollBypass)
		return
	}
	for _, t := range u.Trunks {
		x.candidate(candidate{trunk: t})
	}
	x.orderRoute(0, nil)
	if len(x.cands) == 0 {
		x.refuse(diag.UserUnreachable)
		return
	}
	x.targets(x.d.Number)
}

// routes collects the trunks of every route of every usage that matches, best first.
func (x *run) routes(usages []string) {
	if len(usages) == 0 {
		if x.d.Reason == nil {
			x.refuse(diag.NoUsage)
		}
		return
	}
	for _, usage := range usages {
		x.usage(usage, x.d.Number, "")
	}
	if len(x.cands) == 0 {
		x.refuse(x.nowhere())
		return
	}
	x.d.Kind = ToRoute
	x.targets(x.d.Number)
}

// nowhere is why there is no target.
func (x *run) nowhere() *diag.Reason {
	switch {
	case x.bypass:
		return diag.TollBypass
	case x.tried:
		return diag.NoTrunk
	}
	return diag.NoRoute
}

// usage collects from one usage the routes that match the number or, if given, the other form of it.
func (x *run) usage(usage, number, other string) {
	at := x.count()
	x.step(Step{Kind: StepUsage, Name: usage, Outcome: Chosen})
	found, skipped := false, int32(0)
	for _, r := range x.s.RoutesOf(usage) {
		if !routeMatches(r, number) && (other == "" || !routeMatches(r, other)) {
			skipped++
			if x.q.Full {
				x.step(Step{Kind: StepRoute, Outcome: NoMatch, Name: r.Name, Of: usage, From: r.Pattern})
			}
			continue
		}
		found, x.tried = true, true
		if x.used(r) {
			x.step(Step{Kind: StepRoute, Outcome: Already, Name: r.Name, Of: usage, From: r.Pattern})
			continue
		}
		rs := x.count()
		x.step(Step{Kind: StepRoute, Outcome: Chosen, Name: r.Name, Of: usage, From: r.Pattern})
		first := len(x.cands)
		for i := range r.Trunks {
			x.candidate(candidate{trunk: r.Trunks[i].Trunk, route: r, usage: usage, weight: r.Trunks[i].Weight})
		}
		if len(x.cands) == first {
			x.outcome(rs, NoTrunks)
		}
		x.orderRoute(first, r)
	}
	if !found {
		x.outcome(at, NoRoutes)
	}
	if skipped > 0 && !x.q.Full {
		x.step(Step{Kind: StepRoute, Outcome: OthersNoMatch, N: skipped, Of: usage})
	}
}

// candidate admits a trunk or says why not.
func (x *run) candidate(c candidate) {
	st := Step{Kind: StepTrunk, Name: c.trunk.Name, Outcome: Chosen}
	if c.route != nil {
		st.Of = c.route.Name
	}
	switch {
	case x.q.Server != nil && c.trunk.Pool != x.q.Server.Pool:
		st.Outcome = OtherPool
		if c.trunk.Pool != nil {
			st.From = c.trunk.Pool.Name
		}
	case c.route != nil && !c.trunk.Gateway.Routable:
		st.Outcome, st.From = NotRoutable, c.trunk.Gateway.Name
	case c.trunk.Disabled:
		st.Outcome = OutOfService
	case c.trunk == x.q.Trunk && !mayReturn(c.trunk):
		st.Outcome = CameIn
	case x.has(c.trunk):
		st.Outcome = Already
	case x.d.User == nil && x.apart(Party{Trunk: c.trunk}):
		st.Outcome, st.From, x.bypass = OtherSite, siteName(x.keeper(c.trunk).Site), true
	default:
		if x.st != nil {
			c.state = x.st.TrunkState(c.trunk.Watched())
		}
		switch c.state {
		case health.Down:
			st.Outcome = TriedLast
		case health.Degraded:
			st.Outcome = LaterInRoute
		case health.HalfOpen:
			st.Outcome = TrialCall
		}
		if x.cands == nil {
			x.cands = make([]candidate, 0, 8)
		}
		x.cands = append(x.cands, c)
	}
	x.step(st)
}

// mayReturn tells whether a call may leave by the very trunk that it came in on. A UC platform or PBX may get its call
// back when a route or user says so (forwarding, tromboning); a gateway or provider would only send it here again.
func mayReturn(t *topology.Trunk) bool {
	return t.Gateway.Kind == topology.KindUC || t.Gateway.Kind == topology.KindPBX
}

// used tells whether a route gave targets already, by an earlier usage.
func (x *run) used(r *topology.Route) bool {
	for i := range x.cands {
		if x.cands[i].route == r {
			return true
		}
	}
	return false
}

func (x *run) has(t *topology.Trunk) bool {
	for i := range x.cands {
		if x.cands[i].trunk == t {
			return true
		}
	}
	return false
}

// targets makes targets of the candidates: those that are down last, at most max, each computed from the original
// numbers.
func (x *run) targets(called string) {
	n := min(len(x.cands), x.max)
	x.d.Targets = make([]Target, 0, n)
	for pass := range 2 {
		for i := range x.cands {
			c := &x.cands[i]
			if (c.state == health.Down) != (pass == 1) {
				continue
			}
			if len(x.d.Targets) == n {
				x.step(Step{Kind: StepTrunk, Outcome: BeyondMax, Name: c.trunk.Name, N: int32(x.max)})
				continue
			}
			x.d.Targets = append(x.d.Targets, x.target(c, called))
		}
	}
	x.d.Usage = x.d.Targets[0].Usage
}
