package b2bua

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// query is what routing must know of the INVITE.
func (c *Call) query(req *sip.Message) routing.Query {
	// The decision lives as long as the call: it must not keep the whole INVITE in memory.
	q := routing.Query{Server: c.env.Server, Trunk: c.a.trunk, CalledURI: strings.Clone(dialled(req, c.a.trunk)), Now: c.now}
	switch u, err := sip.ParseURI(q.CalledURI); err {
	case nil:
		q.Called, q.Parameters = identity.Number(u), identity.Parameters(u, c.a.trunk)
	case sip.ErrScheme:
		q.Called = q.CalledURI
	}
	caller := identity.ReadCaller(req, c.a.trunk)
	who := caller.Presented()
	q.CallingURI, q.Display, q.Calling = who.URI, who.Display, cmp.Or(who.Line, who.Number)
	sip.Own(&q.CallingURI, &q.Display, &q.Calling)
	c.hidden = caller.Hidden() || who.URI != caller.From.URI
	if c.a.trunk.Gateway.Kind == topology.KindUC {
		if a := &caller.Asserted; a.URI != "" { // a user is known by what the platform vouches for, whatever is shown in From
			if q.User = c.snap.UserByURI(a.URI); q.User == nil {
				q.User = c.snap.UserByNumber(cmp.Or(a.Line, a.Number))
			}
		}
		q.ForwardedBy = forwardedBy(req)
	}
	return q
}

// calledNumber is the number in a URI as rules see it; a service (RFC 5031) has none, and is called by its URN.
func calledNumber(uri string) string {
	switch u, err := sip.ParseURI(uri); err {
	case nil:
		return identity.Number(u)
	case sip.ErrScheme:
		return uri
	}
	return ""
}

// mannerly says why the identity headers of an arriving INVITE forbid the call, or nil. An emergency call is never refused for them (NEW-18).
func (c *Call) mannerly(req *sip.Message) (*diag.Reason, string) {
	if c.decision.Kind == routing.Emergency {
		return nil, ""
	}
	if n := identity.Redirections(req); n > identity.MaxRedirections {
		return diag.TooManyRedirections, "passed on " + strconv.Itoa(n) + " times"
	}
	if p := identity.ReadPrivacy(req); p.Has(identity.PrivacyCritical) && !p.Grantable(c.a.trunk.Settings.EnableBypass) {
		return diag.PrivacyImpossible, "Privacy: " + clip(req.Get(sip.IDPrivacy), 60)
	}
	return nil, ""
}

// outgoing is what of the caller may be seen by a target.
func (c *Call) outgoing(t *attempt) identity.Outgoing {
	tgt := t.target
	o := identity.Outgoing{In: c.a.trunk, Out: tgt.Trunk, Calling: tgt.Calling, Display: tgt.Display, User: c.decision.CallingUser != nil, Suppress: tgt.SuppressID,
		Host: c.env.self(t.leg.hop).host, Invite: c.asked(), Passed: c.passedTo(tgt), Carry: routing.Carry}
	o.Read()
	return o
}

// tellConnected adds to a message toward one leg who is at the other end, as a message of the other leg says it (TRK-28).
func (c *Call) tellConnected(told *sip.Message, to *Leg, said *sip.Message, from *Leg) {
	if from.trunk.Settings.ForwardPAI && to.trunk.Settings.ForwardPAI {
		identity.Connected(told, said, from.trunk, to.trunk, c.env.self(to.hop).host, routing.Carry)
	}
}

// passConnected tells the other leg, by an UPDATE without offer (RFC 3311 §5.1), who is at this end now, when an UPDATE that offers nothing
// says so: after a transfer behind the peer, say. Where the other leg is busy with something else, or knows no UPDATE, it is told with
// the next offer.
func (c *Call) passConnected(now time.Time, l *Leg, m *sip.Message, out *Out) {
	to := c.other(l)
	if to == nil || !to.up || !to.acked || to.pending || to.answer.Waiting() || c.exch != nil || !to.allow.has(allowUpdate) || len(to.clients) > maxRequests {
		return
	}
	said := sip.Message{Method: "UPDATE"}
	if c.tellConnected(&said, to, m, l); len(said.Headers) == 0 {
		return
	}
	n := to.dlg.Request("UPDATE")
	n.Add(sip.IDContact, c.contact(to.hop))
	to.askTimer(n)
	n.Headers = append(n.Headers, said.Headers...)
	c.begin(now, to, n, out).tells = true
}

// carryPriority passes a Priority that has one of its words (RFC 3261 §20.26, RFC 7090 §4); any other text may be anything.
func carryPriority(to, from *sip.Message) {
	switch v := strings.ToLower(from.Get(sip.IDPriority)); v {
	case "emergency", "urgent", "normal", "non-urgent", "psap-callback":
		to.Add(sip.IDPriority, v)
	}
}

// dress applies the header rules of the caller's trunk to a response to the INVITE that began the call; said is the response of the target
// that it is made of, nil when it is our own.
func (c *Call) dress(r, said *sip.Message) {
	topology.ApplyHeaderRules(c.a.trunk.Settings.HeaderRules.Out, r, said)
}
