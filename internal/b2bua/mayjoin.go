package b2bua

import (
	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Where legs are joined without a decision of routing, location-based routing is asked here (RTE-26): who stays and who comes must be
// allowed to talk. An emergency call is exempt.

// mayJoin tells whether who is at a leg may talk to somebody else.
func (c *Call) mayJoin(stays *Leg, comes routing.Party) bool {
	return !c.snap.Restricted() || c.rec.Emergency || routing.MayMeet(routing.Party{User: c.partyOf(stays).user, Trunk: stays.trunk}, comes)
}

// at is who is called or calls by a URI on a trunk: a user of ours only behind a UC platform.
func (c *Call) at(t *topology.Trunk, uri string) routing.Party {
	p := routing.Party{Trunk: t}
	if t.Gateway.Kind != topology.KindUC {
		return p
	}
	if p.User = c.snap.UserByURI(uri); p.User == nil {
		if u, err := sip.ParseURI(uri); err == nil {
			p.User = c.snap.UserByNumber(identity.Number(u))
		}
	}
	return p
}

// guestOf is who is at a leg that comes from another call.
func guestOf(l *Leg) routing.Party {
	p := routing.Party{Trunk: l.trunk}
	if l.who != nil {
		p.User = l.who.user
	}
	return p
}
