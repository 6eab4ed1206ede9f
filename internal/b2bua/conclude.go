package b2bua

import (
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
)

// answering is a 2xx of a target that is not relayed yet, because the caller has to acknowledge an earlier description first.
type answering struct {
	t *attempt
	m *sip.Message
}

// unsettled tells whether a 2xx for an early dialog would overtake a description: one in a reliable provisional response that waits
// for its PRACK (RFC 3262 §3), or an offer that is on its way to the other side.
func (c *Call) unsettled(f *fork) bool {
	return f.rel != nil && f.rel.held || c.early != nil && c.early.f == f
}

// release relays a 2xx that had to wait, when it has to no more.
func (c *Call) release(now time.Time, out *Out) {
	w := c.answering
	if w == nil || c.end != nil {
		return
	}
	if f, _ := c.fork(&w.t.leg, w.m); c.unsettled(f) {
		return
	}
	c.answering = nil
	c.conclude(now, w.t, w.m, out)
}

// conclude relays the 2xx of the target that was answered: what is described in it, unless that has been said before.
func (c *Call) conclude(now time.Time, t *attempt, m *sip.Message, out *Out) {
	l := &t.leg
	f, own := c.fork(l, m)
	c.dropEarly(now, out)
	c.a.tag = f.ours
	if own {
		c.a.adopt(&f.sdp)
	}
	e, settled := l.earlyDialog(l.dlg.RemoteTag), false
	if e != nil {
		l.oa, l.sdp, settled = e.oa, e.sdp, e.oa.Agreed()
	}
	rel := f.rel
	if rel != nil {
		c.a.oa = rel.oa
	}
	if c.moved {
		c.plan.recall(c, rel)
	}
	body, hasBody := m.SDP()
	switch {
	case settled:
		body, hasBody = e.said, true
	case !hasBody && own && f.unheard != "":
		body, hasBody = f.unheard, true
	}
	if c.offer == "" && !settled && l.offerless {
		c.answeredOfferless(now, t, m, f, body, out)
		return
	}
	sdp, err, changed, last := "", error(nil), false, c.a.sdp
	switch {
	case settled:
		sdp, err = c.plan.agreed(c, l, e)
	case hasBody:
		l.oa.RemoteAnswer()
		sdp, err = c.plan.answerFrom(c, l, &c.a, body)
	default:
		if sdp = c.a.sdp.body; sdp == "" {
			err = errNoAnswer
		}
	}
	l.oa.InviteDone()
	c.ackAnswer(now, l, m, out)
	switch {
	case err != nil:
		c.finish(now, diag.BadAnswer, "directsip", err.Error(), out)
		return
	case rel != nil && !rel.oa.RemotePending() && !rel.oa.OwesOffer(): // it was said reliably (RFC 3262 §5)
		changed = sdp != rel.told
		sdp = ""
	case c.offer == "":
		c.a.oa.LocalOffer("INVITE")
	default:
		c.a.oa.LocalAnswer()
	}
	c.answerCaller(now, m, f, sdp, out)
	if changed { // the target has changed its mind since
		c.a.sdp.unsaid(&last)
	}
	switch {
	case rel != nil && rel.misled:
		c.withdrawn(now, &c.a, out)
	case changed:
		c.correct(now, &c.a, 0, out)
	}
	if e != nil && e.misled {
		c.withdrawn(now, l, out)
	}
}

// ackAnswer acknowledges the 2xx of a target once, when its description needs no answer.
func (c *Call) ackAnswer(now time.Time, l *Leg, m *sip.Message, out *Out) {
	if !l.acked {
		seq, _, _ := m.CSeq()
		c.sendAck(now, l, seq, "", out)
	}
}

// earlier is the first of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
