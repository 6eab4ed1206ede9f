package b2bua

import (
	"slices"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// bind gives an attempt what the trunk's registration says (NEW-02): the way that calls take, and, before its first address is
// tried, the address that has the registration in front of the others.
func (c *Call) bind(t *attempt) {
	trunk := t.target.Trunk
	if trunk.Registration == nil || c.env.Binding == nil {
		return
	}
	b := c.env.Binding(trunk)
	t.routes = b.Routes
	i := slices.IndexFunc(t.hops, func(a Addr) bool { return a.Remote == b.At })
	if t.hop > 0 || i <= 0 {
		return
	}
	hops := append(make([]Addr, 0, len(t.hops)), t.hops[i]) // the list may be shared
	for k, a := range t.hops {
		if k != i {
			hops = append(hops, a)
		}
	}
	t.hops = hops
}

// dialled is the URI that names the called party. A call over a registration may come to the contact that we have registered; who is
// called then stands elsewhere (RFC 7315 §4.2, RFC 6140 §5.3).
func dialled(req *sip.Message, t *topology.Trunk) string {
	r := t.Registration
	if r == nil || r.CalledFrom == topology.FromRequestURI {
		return req.URI
	}
	u, err := sip.ParseURI(req.URI)
	if err != nil || u.Number() != r.Contact {
		return req.URI
	}
	if r.CalledFrom == topology.FromPCalledPartyID {
		if a, err := sip.ParseAddress(req.GetName("P-Called-Party-ID")); err == nil && a.URI != "" {
			return a.URI
		}
	}
	if to := req.To().URI; to != "" {
		return to
	}
	return req.URI
}
