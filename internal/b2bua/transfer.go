package b2bua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/sound"
	"github.com/directsip/directsip/internal/topology"
)

// transferStage is how far a transfer has come.
type transferStage uint8

const (
	transferHunting  transferStage = iota // the target is being called
	transferReferred                      // the other peer was sent the REFER and calls the target itself
	transferLending                       // who stays is about to leave for another call of ours
	transferLent                          // … and has left
	transferFetching                      // who is in the other call has been asked for, see fetch.go
	transferInviting                      // the new party is being told by re-INVITE what it will hear here
	transferJoining                       // the target is there, and who stays is being told its description
	transferTelling                       // it has its result, of which the referrer is being told
)

// transfer is the change of one of the two parties of a call (RFC 5589): by gives up its seat, rest stays. Until the new party has
// the seat nothing is changed for the two, so a transfer that fails leaves the call as it was.
type transfer struct {
	by, rest *Leg
	referral referral
	decision routing.Decision
	stage    transferStage
	sub      *subscription // nil: nobody is told
	entry    int           // in rec.Transfers

	new    *attempt     // who takes the seat
	said   *sdp.Session // its description
	answer *sip.Message // that brought it
	again  time.Time    // when the leg that stays is looked at once more; zero: it was asked
	until  time.Time    // when the transfer has taken too long
	rings  bool         // the target does
	done   bool         // it succeeded: by is hung up when it has been told

	dialog  Replaces // that who stays is to be joined with, in another call
	passage *Passage // by which the new party came from another call; nil: it did not
	fetched *Passage // by which another call asks for who stays; nil: none does
	kept    string   // what the new party's call had told it last

	failed *rejection // why it has, while the new party is about to be given back; nil: it has not
	parts  time.Time  // then: when that has taken too long

	asked *sip.Message // the caller's INVITE where this is no transfer but connects, see connect.go; nil: it is one
	tone  *sound.Clip  // then: what the caller hears while it rings
}

// joinPause is how long a leg that is busy with a change of its own is left alone.
const joinPause = 300 * time.Millisecond

// partTime is how long the new party of a transfer that failed may take over a change of its own, before it is hung up instead of given back to its call.
const partTime = 4 * time.Second

// party is who is at a leg, for transfers of it.
type party struct {
	user   *topology.User // nil: none of ours
	number string         // routing.Anonymous for a caller who is hidden
}

// partyOf is who is at a leg.
func (c *Call) partyOf(l *Leg) party {
	switch {
	case l.who != nil:
		return *l.who
	case l == &c.a && c.hidden:
		return party{c.decision.CallingUser, routing.Anonymous}
	case l == &c.a:
		n := c.rec.Calling.Normalized
		if n == "" {
			n = c.rec.Calling.Received
		}
		return party{c.decision.CallingUser, n}
	}
	return party{c.decision.User, c.rec.Called.Normalized}
}

// beginTransfer notes a transfer that was asked for and may be made.
func (c *Call) beginTransfer(now time.Time, by, rest *Leg, r *referral, how string) *transfer {
	if c.transfers == 0 { // what is only in the decision of the call, which is about to be replaced
		for _, l := range [...]*Leg{by, rest} {
			who := c.partyOf(l)
			l.who = &who
		}
		c.setTarget(c.won.target)
		c.summarize(&c.won.leg)
	}
	c.transfers++
	c.xfer = &transfer{by: by, rest: rest, referral: *r, entry: len(c.rec.Transfers), until: now.Add(referTime)}
	c.rec.Transfers = append(c.rec.Transfers, cdr.Transfer{At: c.moment(now), By: c.name(by), To: clip(withoutPassword(r.uri), 200), How: how})
	return c.xfer
}

// huntTransfer calls the target, over the routes that the decision names.
func (c *Call) huntTransfer(now time.Time, x *transfer, out *Out) {
	x.stage = transferHunting
	c.rec.Transfers[x.entry].How = "invite"
	c.rec.Decision = append(c.rec.Decision, c.decision.Explain()...)
	c.decision, c.passings = x.decision, nil
	c.next, c.tried, c.redirects, c.best, c.verdict = 0, 0, 0, nil, nil
	c.plan.dirty = true // nobody is missed until the transfer has its result
	c.hunt(now, out)
}

// seatOfTarget is the side that a target being called will sit on.
func (c *Call) seatOfTarget() media.SideIndex {
	if c.xfer != nil {
		return c.xfer.by.side
	}
	return 1
}

// transferRings takes a provisional response of the target.
func (c *Call) transferRings(now time.Time, t *attempt, status int, out *Out) {
	if x := c.xfer; x != nil && c.current == t && status > 100 {
		c.tell(now, x.sub, status, false, out)
		if !x.rings {
			x.rings, c.plan.dirty = true, true
		}
	}
}

// targetAnswered takes the 2xx of the target of a transfer, which has the answer to the description of who stays. False: it is not
// wanted any more.
func (c *Call) targetAnswered(now time.Time, t *attempt, m *sip.Message, out *Out) bool {
	x := c.xfer
	if x == nil || !c.wants(t) {
		return false
	}
	l := &t.leg
	l.timerAnswered(now, m)
	if c.current != t {
		c.prefer(now, t, out)
	}
	c.current = nil
	c.took(now, t, m, out)
	seq, _, _ := m.CSeq()
	body, ok := l.answerIn(m)
	if ok {
		l.oa.RemoteAnswer()
	}
	l.oa.InviteDone()
	c.sendAck(now, l, seq, "", out)
	said, err := sdp.Parse(l.answered(l.sdp.body, body))
	if ok && err == nil {
		err = c.plan.fits(c, l, said)
	}
	x.new, x.stage = t, transferJoining
	if !ok || err != nil {
		c.transferFailed(now, x, 488, diag.BadAnswer, out)
		return true
	}
	x.said, x.answer = said, m
	l.who = &party{c.decision.User, c.decision.Number}
	c.join(now, x, out)
	return true
}

// targetFailed takes that no target is left to call, and why the most telling one did not take the call.
func (c *Call) targetFailed(now time.Time, r *rejection, out *Out) {
	why, status := diag.AllTrunksDown, diag.AllTrunksDown.Status
	if r != nil {
		why, status = r.reason, r.status
	}
	c.transferFailed(now, c.xfer, status, why, out)
}

// mark puts into the INVITE of a transfer who asked for it and what it replaces (RFC 3892, RFC 3891).
func (c *Call) mark(m *sip.Message, t *attempt) {
	x := c.xfer
	if x == nil {
		return
	}
	if !t.target.SuppressID {
		c.tellReferrer(m, x, &t.leg)
		if v := x.referral.userToUser; v != "" { // free text, as in buildInvite
			m.AddName("User-to-User", v)
		}
	}
	if x.referral.replaces != "" {
		m.Add(sip.IDReplaces, x.referral.replaces)
		m.Add(sip.IDRequire, "replaces")
	}
}

// tellReferrer adds to a message for a leg who asked for the transfer. The referrer's own equipment, which is to know its transfer again, gets it as it came
// (DR-16). Anybody else is told by trust, and not of somebody who is hidden.
func (c *Call) tellReferrer(m *sip.Message, x *transfer, to *Leg) {
	r := &x.referral
	switch {
	case r.referredBy == "":
	case r.home:
		m.Add(sip.IDReferredBy, r.referredBy)
	case !r.private && c.partyOf(x.by).number != routing.Anonymous:
		identity.ReferredBy(m, r.referredBy, x.by.trunk, to.trunk, c.env.self(to.hop).host, routing.Carry)
	}
}

// transferFailed ends a transfer without success: the two who talk go on as they were. If the referrer has hung up in the belief that
// it would succeed, so has who stays nobody to talk to.
func (c *Call) transferFailed(now time.Time, x *transfer, status int, why *diag.Reason, out *Out) {
	if x.stage == transferTelling || c.end != nil {
		return
	}
	if x.connects() {
		c.notConnected(now, why, out)
		return
	}
	if x.failed == nil {
		x.failed, x.parts = &rejection{status: status, reason: why}, now.Add(partTime)
	}
	if x.passage != nil && x.new != nil && x.new.leg.settles() && now.Before(x.parts) {
		x.again = now.Add(joinPause)
		return
	}
	status, why = x.failed.status, x.failed.reason
	x.stage = transferTelling
	x.notFetched(status, why, out)
	r := &c.rec.Transfers[x.entry]
	r.Status, r.Reason, r.Took = status, why.ID, now.Sub(r.At)
	c.current, x.said = nil, nil
	if t := x.new; t != nil {
		if x.passage != nil {
			c.sendGuestBack(now, x, status, why, out)
		} else {
			c.turnGuestAway(now, &t.leg, status, why, out)
			c.dismiss(now, t, out)
		}
		x.new = nil
	}
	c.plan.dirty = true
	c.keepPlaces()
	if !x.by.up {
		c.finish(now, diag.TransferFailed, "directsip", "the "+c.name(x.by)+" hung up before the transfer failed", out)
		return
	}
	c.tell(now, x.sub, status, true, out)
	c.settleTransfer(now, out)
}

// candidate tells whether a leg is that of who is to take a seat of the call and has none yet.
func (c *Call) candidate(l *Leg) bool {
	x := c.xfer
	return x != nil && !x.connects() && x.new != nil && l == &x.new.leg && x.stage < transferTelling
}

// missed is candidate of a leg whose dialog is over, which the call that it came from is told.
func (c *Call) missed(l *Leg) bool {
	if !c.candidate(l) {
		return false
	}
	if p := c.xfer.passage; p != nil {
		p.over = true
	}
	return true
}

// candidateGone takes that it will not: the two who talk go on.
func (c *Call) candidateGone(now time.Time, l *Leg, status int, why *diag.Reason, out *Out) {
	switch e := c.exch; {
	case e == nil || !e.seat:
	case e.to == l:
		c.exch = nil
		c.plan.restore(e)
	default:
		c.withdraw(now, e, out)
	}
	c.transferFailed(now, c.xfer, status, why, out)
}

// transferred ends a transfer with success.
func (c *Call) transferred(now time.Time, x *transfer, status int, out *Out) {
	x.stage, x.done, x.said = transferTelling, true, nil
	if x.connects() {
		c.xfer = nil
		c.noteAnswered(out)
		return
	}
	r := &c.rec.Transfers[x.entry]
	r.Status, r.Took = status, now.Sub(r.At)
	c.tell(now, x.sub, status, true, out)
	c.settleTransfer(now, out)
}

// clearing is the reason of a call that one of its parties ends: after its last REFER was passed on and succeeded, that is the transfer.
func (c *Call) clearing() *diag.Reason {
	if n := len(c.rec.Transfers); n > 0 {
		if t := &c.rec.Transfers[n-1]; t.How == "refer" && t.Status >= 200 && t.Status < 300 {
			return diag.Transferred
		}
	}
	return diag.NormalClearing
}

// settleTransfer forgets a transfer when all has been told. A referrer whose seat is taken is hung up, if it has not hung up itself
// (RFC 5589 §6.1); one whose REFER was passed on keeps the call until one of the two ends it.
func (c *Call) settleTransfer(now time.Time, out *Out) {
	x := c.xfer
	if x == nil || x.stage != transferTelling || !x.sub.told() {
		return
	}
	c.xfer = nil
	switch {
	case x.done && x.rest.callID == "": // it has gone over to another call
		c.finish(now, diag.Transferred, c.name(x.by), "", out)
	case x.done && c.other(x.by) == nil:
		c.hangUpReferrer(now, x.by, out)
	}
}

// hangUpReferrer ends the leg that has no seat any more.
func (c *Call) hangUpReferrer(now time.Time, l *Leg, out *Out) {
	for _, t := range c.attempts {
		if &t.leg == l {
			c.dismiss(now, t, out)
			return
		}
	}
	c.bye(now, l, out)
}

// dismiss hangs up an attempt that was answered and has no seat.
func (c *Call) dismiss(now time.Time, t *attempt, out *Out) {
	c.ackWaiting(now, &t.leg, out)
	c.bye(now, &t.leg, out)
	t.state = attemptOver
}

// referrerGone takes the BYE of who asked for a transfer that is under way. False: there is none, and the BYE ends the call.
func (c *Call) referrerGone(now time.Time, l *Leg, out *Out) bool {
	x := c.xfer
	if x == nil || x.by != l || x.stage == transferReferred || x.stage == transferTelling && !x.done {
		return false
	}
	c.plan.dirty = true
	c.partExchange(now, l, out)
	c.settleTransfer(now, out)
	return true
}

// partExchange ends the change of the session that is under way with a leg that has just gone while the call goes on.
func (c *Call) partExchange(now time.Time, l *Leg, out *Out) {
	switch e := c.exch; {
	case e == nil:
	case e.from == l && e.invite && l.inv != nil:
		c.cancelExchange(now, l, out)
	case e.from == l && !e.invite && !e.gone:
		c.failExchange(now, e, diag.CallGone, 487, out)
		c.withdraw(now, e, out)
	case e.to == l && !e.gone:
		c.exch = nil
		c.ackWaiting(now, l, out)
		c.failExchange(now, e, diag.RequestPending, 491, out)
	}
}

// advanceTransfer fires the timers of a transfer.
func (c *Call) advanceTransfer(now time.Time, out *Out) {
	x := c.xfer
	switch {
	case x == nil:
	case !x.again.IsZero() && !now.Before(x.again):
		x.again = time.Time{}
		switch {
		case x.failed != nil:
			c.transferFailed(now, x, x.failed.status, x.failed.reason, out)
		case x.stage == transferLending:
			c.lend(now, x, out)
		case x.stage == transferInviting:
			c.inviteGuest(now, x, out)
		case x.stage == transferJoining:
			c.join(now, x, out)
		}
	case !now.Before(x.until):
		x.until = now.Add(referTime)
		c.transferTimedOut(now, x, out)
	}
}

// transferTimedOut gives up on a transfer. A target that still rings has timers of its own.
func (c *Call) transferTimedOut(now time.Time, x *transfer, out *Out) {
	switch {
	case x.stage == transferReferred, x.stage == transferLending, x.stage == transferFetching, c.exch == nil && (x.stage == transferJoining || x.stage == transferInviting):
		c.transferFailed(now, x, 504, diag.TransferFailed, out)
	case x.stage == transferLent: // lost between the two calls, which cannot be
		c.transferFailed(now, x, 504, diag.TransferFailed, out)
		c.finish(now, diag.TransferFailed, "directsip", "who stays was lost on the way", out)
	case x.stage == transferTelling:
		if x.sub != nil {
			x.sub.over, x.sub.busy = true, false
		}
		c.settleTransfer(now, out)
	}
}

// deadline adds the timers of a transfer to d.
func (x *transfer) deadline(d *earliest) {
	if x != nil {
		d.add(x.again, "who stays is free")
		d.add(x.until, "transfer takes too long")
	}
}

// keepPlaces gives back the places on trunks that no leg of the call is on any more.
func (c *Call) keepPlaces() {
	keep := c.held[:0]
	for _, t := range c.held {
		if c.occupies(t) {
			keep = append(keep, t)
			continue
		}
		c.env.Limits.Release(t, c.id)
	}
	c.held = keep
}

// occupies tells whether a leg with a seat is on a trunk, or, while targets are called, one that may still answer.
func (c *Call) occupies(trunk *topology.Trunk) bool {
	for side := range media.SideIndex(2) {
		if l := c.seat(side); l != nil && l.trunk == trunk {
			return true
		}
	}
	return c.current != nil && slices.ContainsFunc(c.attempts, func(t *attempt) bool {
		return t.leg.trunk == trunk && (!t.done() || !t.linger.IsZero())
	})
}
