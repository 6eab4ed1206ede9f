package b2bua

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// maxRedirects bounds how often one call is sent elsewhere by its targets, and each of its transfers.
const maxRedirects = 5

// elsewhere is a Contact of a 3xx (RFC 3261 §8.1.3.4).
type elsewhere struct {
	uri sip.URI
	q   float64
}

// redirect puts the targets that a 3xx names next in the hunt, by the redirect and redirectHosts of the trunk that it came on. False:
// it names none that is allowed and has not been tried. An emergency call goes where routing sends it and nowhere else.
func (c *Call) redirect(t *attempt, m *sip.Message) bool {
	set := t.target.Trunk.Settings
	if set.Redirect != "follow" || m.Status < 300 || m.Status >= 400 || c.decision.Kind == routing.Emergency {
		return false
	}
	if x := c.xfer; x != nil && x.referral.replaces != "" { // the dialog that is to be replaced is nowhere else
		return false
	}
	var list []routing.Target
	for _, r := range contacts(m) {
		if c.redirects == maxRedirects {
			break
		}
		to, number := c.redirected(identity.Number(r.uri), identity.Parameters(r.uri, t.target.Trunk))
		found := len(list)
		for _, to := range to {
			if c.leads(t, r.uri, to.Trunk) && !c.visited(list, &to) && c.reachable(to.Trunk) {
				list = append(list, to)
				c.passings = append(c.passings, passing{to: to, number: number, by: c.passedBy(t, m)})
			}
		}
		if len(list) > found {
			c.redirects++
		}
	}
	if len(list) == 0 {
		return false
	}
	done, rest := c.decision.Targets[:c.next], c.decision.Targets[c.next:]
	rest = slices.DeleteFunc(slices.Clone(rest), func(r routing.Target) bool { return c.visited(list, &r) })
	c.decision.Targets = slices.Concat(done, list, rest)
	return true
}

// passing is how the call came to a target that a 3xx has named.
type passing struct {
	to     routing.Target // see same
	number string         // called, normalized
	by     []identity.Passed
}

// passing is how the call came to a target; nil: no 3xx has named it.
func (c *Call) passing(t *routing.Target) *passing {
	for i := range c.passings {
		if p := &c.passings[i]; same(&p.to, t) {
			return p
		}
	}
	return nil
}

// passedTo are those who have sent the call on until it came to a target, the earliest first.
func (c *Call) passedTo(t *routing.Target) []identity.Passed {
	if p := c.passing(t); p != nil {
		return p.by
	}
	return nil
}

// passedBy is passedTo of the targets that the 3xx of an attempt names.
func (c *Call) passedBy(t *attempt, m *sip.Message) []identity.Passed {
	number, before := c.decision.Number, []identity.Passed(nil)
	if u := c.decision.User; u != nil && u.Number != "" {
		number = u.Number
	}
	if p := c.passing(t.target); p != nil {
		number, before = p.number, p.by
	}
	return append(slices.Clone(before), identity.PassedOn(m, t.target.Trunk, number, t.rang))
}

// tellForwarded tells the caller that its call is being forwarded (RFC 3261 §21.1.3), as progressCode of its trunk has it (SIG-20). Who has seen no
// early dialog yet and requires reliable responses is not told: there is nobody whose dialog this one would be (RFC 3262 §3).
func (c *Call) tellForwarded(now time.Time, out *Out) {
	a := &c.a
	status := 181
	if a.trunk.Settings.ProgressCode == "183" {
		status = 183
	}
	tag, f := a.tag, (*fork)(nil)
	if n := len(c.forks); n > 0 {
		f = c.forks[n-1]
		tag = f.ours
	}
	r := c.inviteReply(a, tag, status, "")
	c.dress(r, nil)
	switch {
	case f != nil:
		c.show(now, f, r, out)
	case !a.inv.HasToken(sip.IDRequire, "100rel"):
		c.respond(now, a, r, out)
	}
}

// redirected asks routing as if the caller had dialled the number, or as if the referrer had named it whose transfer it is: the 3xx of a peer reaches nothing that
// they may not call, and the rules of each trunk hold for its number, which is normalized with it.
func (c *Call) redirected(number, parameters string) (to []routing.Target, normalized string) {
	if number == "" {
		return nil, ""
	}
	x, in, q := c.xfer, c.asked(), routing.Query{}
	if in != nil {
		q = c.query(in)
	} else {
		q = c.referred(x.by, x.rest)
	}
	q.CalledURI, q.Called, q.Parameters = "", strings.Clone(number), strings.Clone(parameters)
	d := routing.Decide(c.snap, &q, unturned{c.env.State})
	if in == nil {
		c.hideReferrer(x.by, &d)
	}
	if d.Kind == routing.Emergency {
		return nil, ""
	}
	return d.Targets, d.Number
}

// unturned is a State for questions that place no call: they take no turn of a route from the calls that do, which would all begin with the same trunk.
type unturned struct{ routing.State }

// Turn is always the first.
func (unturned) Turn(*topology.Route, int) int { return 0 }

// contacts are the Contacts of a 3xx, best first (RFC 3261 §20.10), as many as a call may follow.
func contacts(m *sip.Message) (list []elsewhere) {
	for v := range m.Values(sip.IDContact) {
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		u, err := sip.ParseURI(a.URI)
		if err != nil {
			continue
		}
		r := elsewhere{uri: u, q: 1}
		if s, ok := a.Params.Get("q"); ok {
			if q, err := strconv.ParseFloat(s, 64); err == nil {
				r.q = q
			}
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b elsewhere) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	return list[:min(len(list), maxRedirects)]
}

// leads tells whether a Contact of a target's is followed by a trunk. One at our own host is for routing to place, as if it had been dialled: a telephone that is
// forwarded knows no other name for the rest of the world. Else it is the trunk of the gateway whose host is named, or the one that the 3xx came on; none where
// redirectHosts does not name the host.
func (c *Call) leads(t *attempt, u sip.URI, trunk *topology.Trunk) bool {
	return u.Scheme != "tel" && c.env.isUs(t.leg.hop, u.Host) || trunk == c.redirectTrunk(t.target.Trunk, u)
}

// redirectTrunk is the trunk that a redirection to a host of others leads to: that of the gateway whose host it names, else the one that it came on. nil:
// it leads to a host that redirectHosts does not name.
func (c *Call) redirectTrunk(from *topology.Trunk, u sip.URI) *topology.Trunk {
	if u.Scheme == "tel" || isHostOf(from.Gateway, u.Host) {
		return from
	}
	if !slices.ContainsFunc(from.Settings.RedirectHosts, func(h string) bool { return strings.EqualFold(h, u.Host) }) {
		return nil
	}
	for _, t := range c.snap.Trunks {
		if t.Pool == from.Pool && isHostOf(t.Gateway, u.Host) {
			return t
		}
	}
	return from
}

// isHostOf tells whether a host is that of a gateway.
func isHostOf(g *topology.Gateway, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return a == g.Addr || slices.Contains(g.Addresses, a)
	}
	return strings.EqualFold(g.Host, host)
}

// visited tells whether a number has been or will be tried on a trunk: then a redirection runs in a circle (RFC 3261 §8.1.3.4).
func (c *Call) visited(list []routing.Target, to *routing.Target) bool {
	is := func(t routing.Target) bool { return same(&t, to) }
	return slices.ContainsFunc(c.decision.Targets[:c.next], is) || slices.ContainsFunc(list, is)
}

// same tells whether two targets are one. A number that has been looked up, and comes back with its routing number, is another one.
func same(a, b *routing.Target) bool {
	return a.Trunk == b.Trunk && a.Called == b.Called && a.Parameters == b.Parameters
}
