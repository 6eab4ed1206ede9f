package routing

import "github.com/directsip/directsip/internal/topology"

// Location-based routing (RTE-26) keeps toll calls of a site on the site's own trunks, as some countries demand. Its one
// law: a call over a restricted trunk has its other party at the trunk's site. Everything else follows, for calls in both
// directions and for transfers:
//
//	restricted trunk and         user at the site   user elsewhere or anywhere   PBX of the site   other PBX   trunk of the site   other trunk
//	                             yes                no                           yes               no          yes                 no
//
// Between users and PBXs, and over trunks that are not restricted, everybody may call everybody. Emergency calls are exempt.

// Party is one end of a call: a user, or whoever is behind a trunk.
type Party struct {
	User  *topology.User // nil: unknown
	Trunk *topology.Trunk
}

// Site is where the party is known to be and location-based routing holds, else nil. A user without preventPSTNTollBypass may be
// anywhere, and so may whoever calls from a UC platform without being one of the users.
func (p Party) Site() *topology.Site {
	var s *topology.Site
	switch {
	case p.User != nil:
		if p.User.Policy != nil && p.User.Policy.PreventTollBypass {
			s = p.User.Site
		}
	case p.Trunk != nil && p.Trunk.Gateway.Kind != topology.KindUC:
		s = p.Trunk.Site
	}
	if s == nil || !s.LocationRouting {
		return nil
	}
	return s
}

// restricted tells whether the party is behind a restricted trunk.
func (p Party) restricted() bool { return p.User == nil && p.Trunk != nil && p.Trunk.Restricted() }

// MayMeet tells whether location-based routing lets two parties talk: the transfer matrix.
func MayMeet(a, b Party) bool {
	return !a.restricted() && !b.restricted() || sameSite(a.Site(), b.Site())
}

// sameSite compares by name: two calls may have begun under two documents.
func sameSite(a, b *topology.Site) bool { return a != nil && b != nil && a.Name == b.Name }

// party is the end of the call that the target will talk to.
func (x *run) party() Party {
	switch {
	case x.q.Stays != nil:
		return *x.q.Stays
	case x.d.Forwarder != nil:
		return Party{User: x.d.Forwarder}
	}
	return Party{x.d.CallingUser, x.q.Trunk}
}

// apart tells whether location-based routing forbids a target.
func (x *run) apart(to Party) bool {
	return x.s.Restricted() && !x.rescue && !MayMeet(x.party(), to)
}

// keeper is the trunk that is kept for its site: the target, or the one of the other party.
func (x *run) keeper(t *topology.Trunk) *topology.Trunk {
	if !t.Restricted() {
		return x.party().Trunk
	}
	return t
}

func siteName(s *topology.Site) string {
	if s == nil {
		return ""
	}
	return s.Name
}

// atSite gives a user whom location-based routing holds, and who may make the call at all, the usages of the site.
func (x *run) atSite(u *topology.User, own []string) []string {
	s := Party{User: u}.Site()
	if s == nil || s.RoutingPolicy == nil || !x.anyRoute(own) {
		return own
	}
	x.step(Step{Kind: StepPolicy, Outcome: AtSite, Name: s.RoutingPolicy.Name, Of: "policy", From: s.Name})
	return s.RoutingPolicy.Usages
}

// anyRoute tells whether a route of the usages matches the called number.
func (x *run) anyRoute(usages []string) bool {
	for _, usage := range usages {
		for _, r := range x.s.RoutesOf(usage) {
			if routeMatches(r, x.d.Number) {
				return true
			}
		}
	}
	return false
}

func (st *Step) placeText(p *prose) {
	p.put("kept for parties at site ")
	p.quote(st.From)
	p.put(" (location-based routing), and user ")
	p.quote(st.Of)
	p.put(" is not known to be there")
}
