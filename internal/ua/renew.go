package ua

import (
	"net/netip"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/register"
)

// A registration stands in the memory of one host of the provider. When that host is no more, or has been started anew, no call comes until
// the next refresh, which may be an hour away. Its OPTIONS tell of both: they go where the registration is, and when one is not answered there
// any more, or is again, the registration is renewed. So it is when the connection is gone that it was made by: many a provider calls by that alone.

// registrationOf is the standing registration of a trunk that this shard registers; nil: there is none.
func (c *Core) registrationOf(p *probe) *registration {
	for _, r := range c.registrations {
		if st := r.Status(); !r.gone && !r.leaves && r.Trunk() == p.trunk && st.State == register.Registered {
			return r
		}
	}
	return nil
}

// boundFirst puts the address that has the trunk's registration before the others: its OPTIONS keep the way through a NAT open.
func (p *probe) boundFirst(c *Core, addrs []b2bua.Addr) []b2bua.Addr {
	r := c.registrationOf(p)
	if r == nil {
		return addrs
	}
	at := r.Status().At
	if p.bound != at {
		p.bound, p.good, p.poor, p.heard, p.lost = at, netip.AddrPort{}, nil, false, false
	}
	i := slices.IndexFunc(addrs, func(a b2bua.Addr) bool { return a.Remote == at })
	if i <= 0 {
		return addrs
	}
	return slices.Concat(addrs[i:i+1], addrs[:i], addrs[i+1:]) // the list may be shared
}

// mute is told when OPTIONS have not been answered.
func (p *probe) mute(now time.Time, c *Core) {
	if p.heard && p.sent == p.bound {
		p.heard, p.lost = false, true
		c.renew(now, p)
	}
}

// speaks is told when OPTIONS have been answered.
func (p *probe) speaks(now time.Time, c *Core) {
	if p.sent != p.bound {
		return
	}
	if p.heard = true; p.lost {
		p.lost = false
		c.renew(now, p)
	}
}

func (c *Core) renew(now time.Time, p *probe) {
	if r := c.registrationOf(p); r != nil && r.Status().At == p.bound && r.Renew(now) {
		c.timers.set(&r.timer, r.Deadline())
	}
}

// ConnectionLost tells that a connection to an address is no more that a trunk may have registered by.
func (c *Core) ConnectionLost(now time.Time, trunk string, remote netip.AddrPort) {
	for _, r := range c.registrations {
		if st := r.Status(); !r.gone && !r.leaves && r.Trunk().Name == trunk && st.At == remote && r.Lost(now) {
			c.tell(now, r)
			c.timers.set(&r.timer, r.Deadline())
		}
	}
}

// binding is where OPTIONS were sent, and what the registration's address has said to them.
type binding struct {
	sent, bound netip.AddrPort
	heard       bool // the address of the registration has answered
	lost        bool // … and does not any more
}
