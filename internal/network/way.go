package network

import (
	"net/netip"

	"github.com/directsip/directsip/internal/topology"
)

// Way appends to list the links with a profile between two addresses. Within a site there is none. An intersite policy stands for the whole
// way (CAC-03); else it leads over the links of both sites and those between their regions. Of an address in no subnet is known only that the
// link of the other one's site is on the way.
func Way(n *topology.Network, a, b netip.Addr, list []*topology.Link) []*topology.Link {
	x, y := n.SiteOf(a), n.SiteOf(b)
	if x == y {
		return list
	}
	if x == nil || y == nil {
		return limited(list, linkOf(x), linkOf(y))
	}
	if l := n.Between(x, y); l != nil {
		return limited(list, l)
	}
	list = limited(list, x.Link)
	over, _ := n.Route(x.Region, y.Region)
	list = limited(list, over...)
	return limited(list, y.Link)
}

func linkOf(s *topology.NetworkSite) *topology.Link {
	if s == nil {
		return nil
	}
	return s.Link
}

// limited appends the links that have a profile.
func limited(list []*topology.Link, links ...*topology.Link) []*topology.Link {
	for _, l := range links {
		if l != nil && l.Profile != nil {
			list = append(list, l)
		}
	}
	return list
}

// PerSession is what one call may have of a kind of media on all links of a way, in kbit/s, and the narrowest of them.
func PerSession(way []*topology.Link, kind topology.MediaKind) (kbps int, at *topology.Link) {
	kbps = topology.Unlimited
	for _, l := range way {
		if most := l.Profile.Kinds[kind].PerSession; most < kbps {
			kbps, at = most, l
		}
	}
	return kbps, at
}
