package b2bua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// receiveOther takes a request that is not about the session: it is handed over to the other leg if both trunks let its method pass
// (relayMethods), and refused otherwise.
func (c *Call) receiveOther(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	if c.pressed(now, l, src, m, out) {
		return
	}
	if !slices.Contains(l.trunk.Settings.RelayMethods, m.Method) {
		c.turnAway(now, l, src, m, diag.MethodNotAllowed, out)
		return
	}
	s := c.serve(now, l, src, m)
	other := c.other(l)
	switch {
	case other == nil || !other.up || other.pending || !other.takes(m.Method):
		c.denyRequest(now, l, s, m, diag.MethodNotAllowed, out)
	case len(l.servers) > maxRequests || len(other.clients) > maxRequests:
		c.denyRequest(now, l, s, m, diag.OutOfOrder, out)
	default:
		c.handOver(now, l, other, s, m, out)
	}
}

// takes tells whether a relayed method may be sent to the leg's peer.
func (l *Leg) takes(method string) bool {
	if method == "INFO" && l.allow.has(allowKnown) && !l.allow.has(allowInfo) {
		return false
	}
	return slices.Contains(l.trunk.Settings.RelayMethods, method)
}

// handOver sends a request of the leg l on the other one, with its body and what explains it. Its answer goes back by s.
func (c *Call) handOver(now time.Time, l, other *Leg, s *txn.Server, m *sip.Message, out *Out) {
	n := other.dlg.Request(m.Method)
	if m.Method == "SUBSCRIBE" || m.Method == "NOTIFY" {
		n.Add(sip.IDContact, c.contact(other.hop))
	}
	carry(n, m, sip.IDContentDisposition, sip.IDEvent, sip.IDSubscriptionState, sip.IDExpires, sip.IDAccept)
	if v := m.GetName("Info-Package"); v != "" {
		n.AddName("Info-Package", v)
	}
	if m.Body != "" {
		n.SetBody(m.Get(sip.IDContentType), m.Body)
	}
	r := c.begin(now, other, n, out)
	r.waiter, r.from, r.req = s, l, m
}

// handBack carries the response to a request that was handed over to whoever waits for it.
func (c *Call) handBack(now time.Time, l *Leg, r *request, m *sip.Message, out *Out) {
	if r.waiter == nil {
		return
	}
	status, phrase := m.Status, m.Reason
	if unauthorized(status) {
		status = l.denial().Status
	}
	if status = within(status); status != m.Status {
		phrase = ""
	}
	b := sip.NewResponse(r.req, status, phrase)
	b.SetToTag(r.from.tag)
	carry(b, m, sip.IDExpires)
	if r.Method() == "SUBSCRIBE" && status < 300 {
		b.Add(sip.IDContact, c.contact(r.from.hop)) // RFC 6665 §8.2.1
	}
	if status == 500 {
		b.Add(sip.IDRetryAfter, retryAfter(c.env))
	}
	if m.Body != "" {
		b.SetBody(m.Get(sip.IDContentType), m.Body)
	}
	c.reply(now, r.from, r.waiter, b, out)
	r.waiter, r.from, r.req = nil, nil, nil
}

// handBackAll answers all who wait for the response to a request that was handed over, in the place of who has it: 500, as a later one may be answered (RFC 3261 §21.5.1). The
// request itself is repeated until there is a response.
func (c *Call) handBackAll(now time.Time, out *Out) {
	for _, l := range c.legs() {
		for _, r := range l.clients {
			if r.waiter != nil {
				c.denyRequestWith(now, r.from, r.waiter, r.req, 500, diag.RequestPending, out)
				r.waiter, r.from, r.req = nil, nil, nil
			}
		}
	}
}
