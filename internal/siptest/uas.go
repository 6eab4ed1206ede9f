package siptest

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

func portOf(ip netip.Addr, port int) netip.AddrPort {
	return netip.AddrPortFrom(ip.Unmap(), uint16(port))
}

// arrive makes a call of an INVITE; the agent is locked.
func (a *Agent) arrive(t *serverTx, key string) {
	if a.live() >= a.cfg.MaxCalls {
		a.record(nil, false, t.from, t.req, false)
		t.reply(t.response(486, nil))
		return
	}
	c := a.newCall(true)
	m := t.req
	c.id, c.invite, c.in, c.to, t.call = m.CallID(), m, t, t.from, c
	c.remoteTag, c.remoteURI, c.localURI = m.FromTag(), m.From().URI, m.To().URI
	c.keys = append(c.keys, key)
	c.own(c.localTag)
	c.learn(m, true)
	if n, _, ok := m.CSeq(); ok {
		c.remoteSeq = n
		c.invites[n] = t
	}
	a.record(c, false, t.from, m, false)
	c.offered = c.take(m)
	c.event(Invited, false, m)
	close(a.arrived)
	a.arrived = make(chan struct{})
	steps := a.script
	if s, ok := a.users[calledUser(m)]; ok {
		steps = s
	}
	a.wg.Add(1)
	go func() {
		defer a.wg.Done()
		for _, s := range steps {
			if !s.run(c) {
				return
			}
		}
	}()
}

func calledUser(m *sip.Message) string {
	u, err := sip.ParseURI(m.URI)
	if err != nil {
		return ""
	}
	user, _, _ := strings.Cut(sip.Unescape(u.User), ";")
	return user
}

// respondInvite answers the first INVITE with a status, and SDP if asked; the agent is locked. It is false
// when the INVITE has its final answer.
func (c *Call) respondInvite(status int, tag string, sdp bool, headers []string, edit func(*sip.Message)) bool {
	if c.in == nil || c.in.final != 0 && !(status/100 == 2 && c.in.final/100 == 2) || c.vanished {
		return false
	}
	m := sip.NewResponse(c.in.req, status, "")
	if status > 100 {
		m.SetToTag(tag)
		if status < 300 {
			for _, h := range c.in.req.Headers {
				if h.ID == sip.IDRecordRoute {
					m.Add(h.ID, h.Value)
				}
			}
			m.Add(sip.IDContact, c.contact())
			m.Add(sip.IDAllow, allow)
		}
	}
	if sdp {
		body, err := c.bodyFor()
		if err != nil {
			c.a.violation(c, err.Error())
			return c.respondInvite(500, tag, false, nil, nil)
		}
		if body == "" {
			return c.respondInvite(488, tag, false, nil, nil)
		}
		m.SetBody("application/sdp", body)
	}
	addHeaders(m, headers)
	if edit != nil {
		edit(m)
	}
	c.in.reply(m)
	c.answeredInvite(m, sdp)
	return true
}

// bodyFor is the answer to the INVITE's offer, or an offer when it had none.
func (c *Call) bodyFor() (string, error) {
	if c.offered {
		return c.answer()
	}
	return c.offer(SendRecv)
}

func (c *Call) answeredInvite(m *sip.Message, sdp bool) {
	switch {
	case m.Status == 100:
	case m.Status < 200:
		c.event(Ringing, true, m)
		if sdp {
			c.event(EarlyMedia, true, m)
		}
	case m.Status < 300:
		if !c.answered {
			c.answered, c.status = true, m.Status
			c.event(Answered, true, m)
		}
	default:
		c.status = m.Status
		c.event(Failed, true, m)
		c.end(m)
	}
}

func (c *Call) refuse(status int, headers []string) bool {
	return c.respondInvite(status, c.localTag, false, headers, nil)
}

// cancelled is told of a CANCEL.
func (c *Call) cancelled(inv *serverTx) {
	c.cancelOn = true
	c.event(Cancelled, false, inv.req)
	if inv.final == 0 && !c.lateOK {
		if inv == c.in {
			c.refuse(487, nil)
			return
		}
		inv.reply(inv.response(487, nil))
	}
}

// receive takes a request within the dialog.
func (c *Call) receive(t *serverTx) {
	m := t.req
	if m.ToTag() != c.localTag { // another fork of ours; it is not the call
		t.reply(t.response(200, nil))
		c.event(Request, false, m)
		return
	}
	if r, ok := c.a.respond[m.Method]; ok {
		c.event(Request, false, m)
		if m.Method == "INVITE" {
			n, _, _ := m.CSeq()
			c.invites[n] = t
		}
		if r.status > 0 {
			t.reply(t.response(r.status, r.headers))
		}
		if m.Method == "BYE" && r.status >= 200 {
			c.byeCame(m)
		}
		return
	}
	switch m.Method {
	case "INVITE", "UPDATE":
		c.receiveOffer(t)
	case "BYE":
		t.reply(t.response(200, nil))
		c.byeCame(m)
	case "PRACK":
		f := strings.Fields(m.Get(sip.IDRAck))
		if len(f) != 3 || f[0] != strconv.FormatUint(uint64(c.reliable), 10) {
			t.reply(t.response(481, nil))
			return
		}
		t.reply(t.response(200, nil))
		c.pracked = true
		c.event(Request, false, m)
	default:
		t.reply(t.response(200, nil))
		c.event(Request, false, m)
	}
}

func (c *Call) byeCame(m *sip.Message) {
	if c.in != nil && c.in.final == 0 {
		c.in.reply(c.in.response(487, nil))
		c.status = 487
	}
	c.event(HungUp, false, m)
	c.end(m)
}

// receiveOffer answers a re-INVITE or UPDATE.
func (c *Call) receiveOffer(t *serverTx) {
	m := t.req
	n, _, _ := m.CSeq()
	if m.Method == "INVITE" {
		if !c.answered {
			t.reply(t.response(491, nil))
			return
		}
		c.invites[n] = t
	}
	c.learn(m, false)
	resp := t.response(200, nil)
	resp.Add(sip.IDContact, c.contact())
	_, has := m.SDP()
	body, err := "", error(nil)
	switch {
	case has && c.take(m):
		body, err = c.answer()
	case !has && m.Method == "INVITE":
		c.offerless = n
		body, err = c.offer(c.want)
	}
	if err != nil || body == "" && (has || m.Method == "INVITE") {
		t.reply(t.response(488, nil))
		return
	}
	resp.SetBody("application/sdp", body)
	t.reply(resp)
	c.event(Reinvited, false, m)
}

// receiveAck takes the ACK of a 2xx.
func (c *Call) receiveAck(m *sip.Message, from peer) {
	n, _, _ := m.CSeq()
	t := c.invites[n]
	again := t == nil || !t.acked(m.ToTag())
	c.a.record(c, false, from, m, again)
	if t == nil {
		c.a.violation(c, "ACK with CSeq "+strconv.FormatUint(uint64(n), 10)+", which no INVITE had")
		return
	}
	if again {
		return
	}
	c.a.checkAck(c, m)
	if t == c.in && !c.offered || c.offerless == n && n != 0 {
		if c.take(m) {
			c.flow()
		} else {
			c.a.violation(c, "ACK without the answer to our offer")
		}
	}
	c.event(Acked, false, m)
}
