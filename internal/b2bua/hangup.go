package b2bua

import (
	"cmp"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
)

// receiveBye takes a BYE: of the caller, who may also end an early dialog with it (RFC 3261 §15), or of the callee.
func (c *Call) receiveBye(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	s := c.serve(now, l, src, m)
	c.reply(now, l, s, c.ok(l, m), out)
	if t := c.unanswered(l, m); t != nil {
		c.hungUpUnanswered(now, t, out)
		return
	}
	wasUp := l.up
	l.down(now) // a 200 that it overtook is repeated until its ACK all the same: the INVITE needs its final response
	switch {
	case l == &c.a && !wasUp && c.phase < phaseAnswered:
		c.finish(now, diag.CallerCancelled, "caller", "BYE before the answer", out)
	case c.referrerGone(now, l, out):
	case l == &c.a && c.announces():
		c.finish(now, diag.NormalClearing, "caller", "during the announcement "+c.decision.Announcement.Name, out)
	case l == &c.a && c.xfer.connects():
		c.finish(now, diag.NormalClearing, "caller", "before the call was answered that an announcement had led to", out)
	case c.candidate(l):
		c.candidateGone(now, l, 480, diag.TransferFailed, out)
	case c.other(l) != nil || c.xfer.connects() && c.xfer.new != nil && l == &c.xfer.new.leg:
		c.endCause = uint8(q850(m)) // the other telephone network is to know what this one says
		c.finish(now, c.clearing(), c.name(l), cmp.Or(saidWith(m), c.unacknowledged(now)), out)
	}
}

// ackLate is when an answer has been repeated three times (RFC 3261 §13.3.1.4).
const ackLate = 4 * time.Second

// unacknowledged says, of a call that is hung up before it is cut off for want of an ACK, that there was none: nothing else of its record would.
func (c *Call) unacknowledged(now time.Time) string {
	if !c.a.answer.Waiting() || now.Sub(c.rec.Answered) < ackLate {
		return ""
	}
	return "the caller had not acknowledged the answer (no ACK for the 200): " + c.env.whereWeAre(c.a.hop)
}

// saidWith is what a BYE or CANCEL says of the call's end (RFC 3326) beyond that it is a normal one.
func saidWith(m *sip.Message) string {
	v := m.Get(sip.IDReason)
	if n := q850(m); v == "" || n == diag.NormalClearing.Cause {
		return ""
	}
	return m.Method + " with Reason: " + clip(v, maxFailure)
}

// unanswered is the attempt of a leg whose target may still answer, nil when there is none.
func (c *Call) unanswered(l *Leg, m *sip.Message) *attempt {
	if t := c.current; t != nil && &t.leg == l && t.state == attemptTrying && m.ToTag() == l.tag {
		return t
	}
	return nil
}

// hungUpUnanswered takes the BYE of a target whose 2xx was lost, as it may send none before that (RFC 3261 §15). With 481 it would be over for the target alone: we
// would go on ringing, or call it answered when the 2xx comes again.
func (c *Call) hungUpUnanswered(now time.Time, t *attempt, out *Out) {
	c.weighAttempt(now, t, &rejection{status: diag.AnswerLost.Status, cause: diag.AnswerLost.Cause, reason: diag.AnswerLost, class: routing.UserVerdict}, out)
	c.leave(now, t, out)
	c.current = nil
	c.giveUp(now, out)
}

// vanished takes that a peer does not know its dialog, or says nothing any more (RFC 3261 §12.2.1.2).
func (c *Call) vanished(now time.Time, l *Leg, detail string, out *Out) {
	switch {
	case c.missed(l):
		c.candidateGone(now, l, 408, diag.PeerVanished, out)
	case !c.parted(l):
		c.finish(now, diag.PeerVanished, c.name(l), detail, out)
	}
}

// parted tells whether a leg has no part in a call that goes on: the referrer of a transfer has hung up, or its seat is another's. What it still owes is of no
// consequence to the two others.
func (c *Call) parted(l *Leg) bool {
	return c.won != nil && !c.candidate(l) && (!l.up || l != c.seat(0) && l != c.seat(1))
}

// finish ends the call, once: the caller gets a final response or a BYE, every target a CANCEL or a BYE, the
// media is closed and the record written.
func (c *Call) finish(now time.Time, why *diag.Reason, by, detail string, out *Out) {
	c.finishTelling(now, why, by, detail, detail, out)
}

// finishTelling is finish with a detail for the record and another one for the caller: what the transport, the system, DNS and other peers say names hosts that are
// none of the caller's business.
func (c *Call) finishTelling(now time.Time, why *diag.Reason, by, detail, told string, out *Out) {
	if c.end != nil {
		return
	}
	c.end = why
	detail = c.unsuited(why, detail)
	c.rec.End, c.rec.Reason, c.rec.EndedBy, c.rec.Detail, c.rec.Cause = c.moment(now), why.ID, by, detail, cmp.Or(int(c.endCause), why.Cause)
	c.hush(now)
	c.endExchange(now, out)
	c.giveBack(out)
	c.endEarly(now, out)
	c.endCaller(now, why, told, out)
	for _, t := range c.attempts {
		if t.done() {
			c.turnGuestAway(now, &t.leg, diag.CallGone.Status, diag.CallGone, out)
			c.dismiss(now, t, out)
			continue
		}
		c.leave(now, t, out)
	}
	if t := c.current; t != nil {
		c.noteCancelled(now, t, why.ID)
		c.current = nil
	}
	if u := c.heldUser; u != nil {
		c.heldUser = nil
		c.env.Limits.ReleaseUser(u, c.id)
	}
	for _, t := range c.held {
		c.env.Limits.Release(t, c.id)
	}
	c.reserve(&network.Legs{}, true)
	c.held, c.xfer = nil, nil
	if c.won != nil && c.transfers == 0 {
		c.summarize(&c.won.leg)
	}
	c.plan.close(now, c, out)
	c.phase = phaseEnded
}

// endCaller gives the caller's leg its end.
func (c *Call) endCaller(now time.Time, why *diag.Reason, detail string, out *Out) {
	a := &c.a
	if a.inv == nil || c.phase == phaseAnswered {
		c.rec.Status = 200
		c.bye(now, a, out)
		return
	}
	status := int(c.finalStatus)
	if status < 400 { // a redirection is none for the caller
		status = why.Status
	}
	if status < 400 {
		status = 500
	}
	c.rec.Status = status
	r := c.refusal(a.inv, status, why, detail)
	switch status {
	case 420:
		RefuseRequired(a.trunk.Settings, r, a.inv)
	case 421:
		r.Add(sip.IDRequire, "100rel")
	case 422:
		r.Add(sip.IDMinSE, seconds(a.trunk.Settings.MinSE))
	}
	a.oa.Failed("INVITE")
	c.diagnose(r, why)
	c.dress(r, nil)
	c.respond(now, a, r, out)
}

// endExchange answers a re-INVITE or UPDATE that is on its way when the call ends.
func (c *Call) endExchange(now time.Time, out *Out) {
	e := c.exch
	c.exch = nil
	if e == nil || e.gone {
		return
	}
	c.ackWaiting(now, e.to, out)
	c.failExchange(now, e, diag.CallGone, 487, out)
}

// ackWaiting acknowledges the 2xx with an offer that waits for an answer of the other leg, which will not come.
func (c *Call) ackWaiting(now time.Time, l *Leg, out *Out) {
	if l.ackWaits {
		l.oa.LocalAnswer()
		c.sendAck(now, l, l.ackSeq, c.plan.decline(c, l, l.offered), out)
	}
}
