package b2bua

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// earlyExchange is an offer before the answer of the call, in an early dialog whose first offer has been answered reliably (RFC 3311
// §5, RFC 6337 §2.2): by UPDATE from either side, or by the caller's PRACK. It goes on as UPDATE in the other side's dialog.
type earlyExchange struct {
	leg      *Leg // on which it came
	f        *fork
	e        *early
	toCaller bool
	method   string // in which it came
	server   *txn.Server
	req      *sip.Message
	offer    string
	undo     exchange   // what stood
	stood    string     // our description to the other side
	until    time.Time  // when the other side has taken too long
	absent   sdp.Absent // m-lines that the offer has left out
}

// forgetAbsent notes that what a peer leaves out in one early dialog says nothing of others.
func (l *Leg) forgetAbsent() {
	if !l.up {
		l.absent = 0
	}
}

// forkOf finds the early dialog that the caller names by our tag.
func (c *Call) forkOf(ours string) *fork {
	for _, f := range c.forks {
		if f.ours == ours {
			return f
		}
	}
	return nil
}

// receiveEarlyUpdate takes an UPDATE in an early dialog.
func (c *Call) receiveEarlyUpdate(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	s := c.serve(now, l, src, m)
	body, hasBody := m.SDP()
	if !hasBody {
		r := c.okEarly(m)
		r.Add(sip.IDContact, c.contact(l.hop))
		c.reply(now, l, s, r, out)
		return
	}
	x := &earlyExchange{leg: l, method: "UPDATE", server: s, req: m, absent: l.absent}
	l.forgetAbsent()
	if l == &c.a {
		x.f = c.forkOf(m.ToTag())
	} else {
		x.toCaller, x.e = true, l.earlyDialog(m.FromTag())
		x.f = c.forkFrom(l, m.FromTag())
	}
	c.offeredEarly(now, x, body, out)
}

// beforeAnswer is what we have said in the early dialog that an offer of the peer comes in (RFC 3311 §5, RFC 6337 §2.2); nil: it comes in none.
func (c *Call) beforeAnswer(l *Leg, m *sip.Message) *description {
	if l.up || c.phase == phaseAnswered || !m.IsRequest() || m.Method != "UPDATE" && m.Method != "PRACK" {
		return nil
	}
	if l == &c.a {
		if f := c.forkOf(m.ToTag()); f != nil && f.rel != nil && !f.rel.offers {
			return &f.sdp
		}
	} else if e := l.earlyDialog(m.FromTag()); e != nil {
		return &e.sdp
	}
	return nil
}

// forkFrom finds the early dialog of a target's.
func (c *Call) forkFrom(l *Leg, theirs string) *fork {
	for _, f := range c.forks {
		if f.leg == l && f.tag == theirs {
			return f
		}
	}
	return nil
}

// from and to are the two sides of the exchange: leg, offers and answers, and our description.
func (x *earlyExchange) from(c *Call) (*Leg, *dialog.OfferAnswer, *description) {
	if x.toCaller {
		return x.f.leg, &x.e.oa, &x.e.sdp
	}
	return &c.a, &x.f.rel.oa, &x.f.sdp
}

func (x *earlyExchange) to(c *Call) (*Leg, *dialog.OfferAnswer, *description) {
	y := *x
	y.toCaller = !x.toCaller
	return y.from(c)
}

// offeredEarly takes the offer. Where the other side cannot be asked, because it is not that far or does not allow UPDATE, the offer
// is answered with what stands if that fits it: then only the address of the media has changed, which is ours to follow. Either way links must have room for it.
func (c *Call) offeredEarly(now time.Time, x *earlyExchange, body string, out *Out) {
	if x.f == nil || x.f.rel == nil && !x.toCaller { // nothing was agreed yet (RFC 3311 §5.2)
		c.denyEarly(now, x, diag.OutOfOrder, out)
		return
	}
	if !x.toCaller && x.f.leg != nil {
		x.e = x.f.leg.earlyDialog(x.f.tag)
	}
	from, oa, ours := x.from(c)
	if !oa.Agreed() && !oa.LocalPending() {
		c.denyEarly(now, x, diag.OutOfOrder, out)
		return
	}
	if v := oa.RemoteOffer(x.method); v != dialog.OK {
		c.denyEarly(now, x, c.verdictReason(v), out)
		return
	}
	s, err := parseOffer(body)
	if err != nil {
		oa.Failed(x.method)
		c.denyEarly(now, x, diag.BadSDP, out)
		return
	}
	if c.plan.silences(s) {
		oa.Failed(x.method)
		c.denyEarly(now, x, diag.NotAcceptable, out)
		return
	}
	if ours.outgrows(body) {
		oa.Failed(x.method)
		c.denyEarly(now, x, diag.MediaLineMissing, out)
		return
	}
	passes := c.early == nil && c.mayPass(x)
	if !passes && (c.plan.bypass || !ours.answers(s)) {
		oa.Failed(x.method)
		c.denyEarly(now, x, diag.NotAcceptable, out)
		return
	}
	if to := c.opposite(x); to != nil {
		if why := c.roomForOffer(from, to, s); why != nil {
			oa.Failed(x.method)
			c.denyRequestWith(now, x.leg, x.server, x.req, diag.NotAcceptable.Status, why, out)
			return
		}
	}
	if passes {
		c.passEarly(now, x, s, body, out)
		return
	}
	oa.LocalAnswer()
	c.plan.take(from, s)
	if x.toCaller {
		x.e.said, x.e.bid = strings.Clone(body), true
	} else {
		c.moved = true
		x.f.rel.hear(body, "")
	}
	c.acceptEarly(now, x, ours.again(), out)
}

// opposite is the leg that the offer is about on the other side: in a dialog of our own making that of who is being called, if anybody is.
func (c *Call) opposite(x *earlyExchange) *Leg {
	switch {
	case x.toCaller:
		return &c.a
	case c.current != nil:
		return &c.current.leg
	}
	return x.f.leg
}

// mayPass tells whether the other side can be asked.
func (c *Call) mayPass(x *earlyExchange) bool {
	if x.e == nil || x.f.rel == nil || x.toCaller && x.f.rel.held { // not before the PRACK (RFC 3311 §5.1)
		return false
	}
	l := x.f.leg
	if s := l.invc.State(); s != txn.Proceeding && !l.up || l.up && l.dlg.RemoteTag != x.e.dlg.RemoteTag {
		return false // the target has refused, or another branch of it has answered: that dialog is no more
	}
	to, oa, _ := x.to(c)
	return (x.toCaller || !x.e.busy) && to.allow.has(allowUpdate) && oa.Agreed() && !oa.LocalPending() && !oa.RemotePending()
}

// passEarly asks it.
func (c *Call) passEarly(now time.Time, x *earlyExchange, s *sdp.Session, body string, out *Out) {
	from, _, _ := x.from(c)
	to, oa, ours := x.to(c)
	oa.LocalOffer("UPDATE")
	x.undo = exchange{from: from, to: to, before: c.plan.standing(from, to)}
	x.stood, x.offer = ours.body, strings.Clone(body)
	c.early, x.until = x, now.Add(earlyTime)
	text := c.plan.carryInto(c, from, to, ours, s, asOffer)
	d, hop := &x.f.rel.dlg, c.a.hop
	if !x.toCaller {
		d, hop = to.dialogOf(x.e), x.e.hop
	}
	hop = c.env.nextHop(now, hop, d, to.trunk)
	m := d.Request("UPDATE")
	m.Add(sip.IDContact, c.contact(hop))
	m.Add(sip.IDAllow, c.env.Allow(to.trunk.Settings))
	to.askTimer(m)
	c.say(to, m, text)
	c.beginAt(now, to, hop, m, out).early = x
}

// answeredEarly takes the result of a passed offer. status is 408 when none came.
func (c *Call) answeredEarly(now time.Time, x *earlyExchange, status int, body string, out *Out) {
	if c.early != x {
		c.answeredEarlyLate(now, x, status, out)
		return
	}
	c.early = nil
	from, fromOA, theirs := x.from(c)
	to, toOA, ours := x.to(c)
	said := to.answered(ours.body, body)
	s, err := sdp.Parse(said)
	to.forgetAbsent()
	if err == nil {
		err = fitTo(ours.body, s)
	}
	if status >= 300 || err != nil {
		toOA.Failed("UPDATE")
		fromOA.Failed(x.method)
		ours.body = x.stood
		c.apart(x, func() { c.plan.restore(&x.undo) })
		why := diag.NotAcceptable
		switch status {
		case 491:
			why = diag.RequestPending
		case 500:
			why = diag.OutOfOrder
		}
		c.denyEarly(now, x, why, out)
	} else {
		toOA.RemoteAnswer()
		fromOA.LocalAnswer()
		text := ""
		c.apart(x, func() { text = c.plan.carryInto(c, to, from, theirs, s, asAnswer) })
		c.moved = true
		if x.toCaller {
			x.e.said, x.e.bid = x.offer, true
			x.f.rel.hear(said, ours.body)
		} else {
			x.e.said, x.e.bid = strings.Clone(body), false
			x.f.rel.hear(x.offer, "")
		}
		c.acceptEarly(now, x, text, out)
	}
	c.release(now, out)
}

// apart does what the result of an offer asks for, and where another target is called meanwhile nothing of that on its side.
func (c *Call) apart(x *earlyExchange, f func()) {
	if c.current == nil || &c.current.leg == x.f.leg {
		f()
		return
	}
	var is [mostLines]end
	for i := range c.plan.lines {
		is[i] = c.plan.lines[i].peer[1]
	}
	f()
	for i := range c.plan.lines {
		c.plan.lines[i].peer[1] = is[i]
	}
}

// earlyTime is how long an offer before the answer waits for the other side, where no person is asked, and hastyTime how long when the call is answered meanwhile: whoever has
// picked up hears nothing.
const (
	earlyTime = 10 * time.Second
	hastyTime = 3 * time.Second
)

// advanceEarly gives up on a side that says nothing to an offer before the answer.
func (c *Call) advanceEarly(now time.Time, out *Out) {
	x := c.early
	if x == nil || now.Before(x.until) {
		return
	}
	c.early = nil
	_, oa, _ := x.from(c)
	_, _, ours := x.to(c)
	oa.Failed(x.method)
	ours.body = x.stood
	c.apart(x, func() { c.plan.restore(&x.undo) })
	c.denyRequestWith(now, x.leg, x.server, x.req, 504, diag.PeerVanished, out)
	c.release(now, out)
}

// answeredEarlyLate takes the result of an offer that nobody waits for any more: until then the dialog takes no other one (RFC 3311 §5.1).
func (c *Call) answeredEarlyLate(now time.Time, x *earlyExchange, status int, out *Out) {
	to, oa, _ := x.to(c)
	oa.Failed("UPDATE")
	if status < 300 && c.end == nil && c.phase < phaseAnswered { // it has accepted what is withdrawn, and is told so when the call is up, if it is that dialog
		if x.toCaller {
			x.f.rel.misled = true
		} else {
			x.e.misled = true
		}
		return
	}
	ours := !x.toCaller && to.dlg.RemoteTag == x.e.dlg.RemoteTag || x.toCaller && to.tag == x.f.ours
	if c.end != nil || !to.up || !ours {
		return
	}
	to.oa.Failed("UPDATE")
	if status < 300 {
		c.withdrawn(now, to, out)
	}
}

func (c *Call) acceptEarly(now time.Time, x *earlyExchange, text string, out *Out) {
	from, _, _ := x.from(c)
	r := c.okEarly(x.req)
	r.Add(sip.IDContact, c.contact(from.hop))
	from.absent = x.absent
	c.say(from, r, text)
	from.forgetAbsent()
	if x.f.rel != nil {
		x.f.rel.told = x.f.sdp.body
	}
	c.reply(now, from, x.server, r, out)
}

// denyEarly refuses the offer; what was agreed stands.
func (c *Call) denyEarly(now time.Time, x *earlyExchange, why *diag.Reason, out *Out) {
	c.denyRequest(now, x.leg, x.server, x.req, why, out)
}

// dropEarly refuses an exchange of another early dialog than the one that was answered. What the caller has said in it is void.
func (c *Call) dropEarly(now time.Time, out *Out) {
	x := c.early
	if x == nil {
		return
	}
	_, _, ours := x.to(c)
	ours.body = x.stood
	c.early, c.moved = nil, true
	c.denyEarly(now, x, diag.RequestPending, out)
}

// endEarly answers an exchange that is under way when the call ends, and repeats no provisional response any more.
func (c *Call) endEarly(now time.Time, out *Out) {
	for _, f := range c.forks {
		if f.rel != nil {
			f.rel.again.Acked()
			f.rel.waits = false
		}
	}
	x := c.early
	c.early, c.answering = nil, nil
	if x != nil {
		c.denyEarly(now, x, diag.CallGone, out)
	}
}
