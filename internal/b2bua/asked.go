package b2bua

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// asked is the transport that a peer wants requests of a dialog by: what its URI says (RFC 3261 §19.1.1), if the trunk listens there. Who listens on UDP listens
// on TCP. Whether a trunk is encrypted the document says alone.
func (e *Env) asked(now time.Time, hop sip.Hop, u *sip.URI, t *topology.Trunk) sip.Transport {
	if t == nil || t.Transport != sip.UDP {
		return hop.Transport
	}
	switch by, _ := u.Params.Get("transport"); {
	case strings.EqualFold(by, "udp"):
		return sip.UDP
	case strings.EqualFold(by, "tcp") && !e.noTCP().Is(now, WayOf(&hop)):
		return sip.TCP
	}
	return hop.Transport
}

// backToUDP leads a hop of a UDP trunk back to UDP when TCP has failed, and the dialog with it: some peers say that they want TCP and take none. The next calls
// know it.
func (c *Call) backToUDP(now time.Time, l *Leg, hop *sip.Hop) bool {
	if l.trunk.Transport != sip.UDP || hop.Transport != sip.TCP {
		return false
	}
	c.env.noTCP().Add(now, WayOf(hop), noTCPTime)
	hop.Transport, hop.Flow = sip.UDP, 0
	if l.hop.Transport == sip.TCP {
		l.hop.Transport, l.hop.Flow = sip.UDP, 0
	}
	return true
}

// requestByUDP sends a request once more, as another.
func (c *Call) requestByUDP(now time.Time, l *Leg, r *request, req *sip.Message, hop sip.Hop, out *Out) {
	if d := l.dialogBy(r, req.ToTag()); d != nil {
		d.LocalSeq++
		req.Set(sip.IDCSeq, strconv.FormatUint(uint64(d.LocalSeq), 10)+" "+req.Method)
	}
	l.auth.authorize(c.env, req)
	c.rewrite(req, hop)
	r.Start(now, req, hop, c.env.Timers, &out.Out)
	c.note(now, l, true, req)
}

// reinviteByUDP is requestByUDP for a re-INVITE; false: nobody waits for its response.
func (c *Call) reinviteByUDP(now time.Time, l *Leg, inv *sip.Message, hop sip.Hop, out *Out) bool {
	seq, _, _ := inv.CSeq()
	waits := c.waiter(l, seq)
	if waits == nil {
		return false
	}
	l.dlg.LocalSeq++
	*waits, l.ackSeq = l.dlg.LocalSeq, l.dlg.LocalSeq
	inv.Set(sip.IDCSeq, strconv.FormatUint(uint64(l.ackSeq), 10)+" INVITE")
	l.auth.authorize(c.env, inv)
	c.rewrite(inv, hop)
	l.invc.Start(now, inv, hop, c.env.Timers, &out.Out)
	c.note(now, l, true, inv)
	return true
}

// rewrite makes a request that of another hop.
func (c *Call) rewrite(m *sip.Message, hop sip.Hop) {
	m.Set(sip.IDVia, c.env.via(hop))
	if m.Has(sip.IDContact) {
		m.Set(sip.IDContact, c.contact(hop))
	}
}

// ackByUDP sends an ACK once more, whose hop has changed.
func (c *Call) ackByUDP(a *sentAck, out *Out) {
	m, err := sip.Parse(a.send.Data, nil)
	if err != nil {
		return // it is ours
	}
	c.rewrite(m, a.send.Hop)
	v, _ := m.TopVia()
	a.send.Branch, a.send.Data = v.Branch(), m.Append(nil)
	out.Sends = append(out.Sends, a.send)
}
