package b2bua

import (
	"cmp"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
)

// fork is an early dialog of a target and the tag under which the caller sees it (RFC 3261 §12.1): one tag of ours for each of
// theirs, so that every early dialog has an offer/answer exchange of its own.
type fork struct {
	leg  *Leg        // nil: the early dialog is of our own making
	tag  string      // the target's To tag
	ours string      // the To tag toward the caller
	sdp  description // the answer under this tag; peer is the target's that it was made of

	unheard string    // an answer that the caller was not told
	rel     *reliable // nil: nothing was said reliably
}

// receiveInviteResponse takes a response to the INVITE of an attempt that has no result yet.
func (c *Call) receiveInviteResponse(now time.Time, t *attempt, m *sip.Message, out *Out) {
	t.noResponse = time.Time{}
	c.env.silent().Forget(WayOf(&t.leg.hop))
	t.leg.learn(c.env, m)
	switch {
	case m.Status < 200:
		c.progress(now, t, m, out)
	case m.Status < 300:
		c.answered(now, t, m, out)
	default:
		c.rejected(now, t, m, out)
	}
}

// progress takes a provisional response and relays it, but for 100.
func (c *Call) progress(now time.Time, t *attempt, m *sip.Message, out *Out) {
	if t.state == attemptCancelling {
		c.sendCancel(now, t, out)
		return
	}
	if t.noAnswer.IsZero() { // also for a target that says no more than 100 where noProgressTimeout is off
		t.noAnswer = after(now, c.settings(t).NoAnswerTimeout)
	}
	switch m.Status {
	case 100:
		return
	case 199: // one branch is over; the others go on, and the final response tells the rest (RFC 6228 §4: the caller has not asked for it)
		if e, rack, fresh := c.hearReliable(&t.leg, m); fresh && rack != "" {
			c.prack(now, &t.leg, e, rack, "", out)
		}
		return
	}
	t.noProgress = time.Time{}
	if !t.rang { // from now on it is a person who takes the time
		t.rang = true
		t.noAnswer = after(now, c.settings(t).NoAnswerTimeout)
	}
	if c.rec.Ringing.IsZero() {
		c.rec.Ringing = c.moment(now)
	}
	c.transferRings(now, t, m.Status, out)
	if c.a.inv == nil || c.phase != phaseHunting {
		c.ringUnseen(now, &t.leg, m, out)
		return
	}
	c.ring(now, &t.leg, m, out)
}

// fork is the caller's view of a target's early dialog. Beyond MaxEarlyDialogs (TRK-02) no further one is shown: the last tag
// stands for the rest, without their descriptions (false).
func (c *Call) fork(l *Leg, m *sip.Message) (f *fork, own bool) {
	theirs := m.ToTag()
	if f := c.forkFrom(l, theirs); f != nil {
		return f, true
	}
	if n := len(c.forks); !c.mayFork() {
		last := c.forks[n-1]
		if last.leg == nil && n > 1 { // ring-back of ours
			last = c.forks[n-2]
		}
		return last, false
	}
	n := &fork{leg: l, tag: strings.Clone(theirs), ours: c.a.tag}
	if len(c.forks) > 0 {
		n.ours = c.env.tag()
	}
	n.sdp.start(c.env)
	c.forks = append(c.forks, n)
	return n, true
}

// mayFork tells whether the caller can have one more early dialog (TRK-02).
func (c *Call) mayFork() bool { return len(c.forks) < max(c.a.trunk.Settings.MaxEarlyDialogs, 1) }

// earlyTag tells whether a To tag of the caller's names one of our early dialogs.
func (c *Call) earlyTag(tag string) bool {
	return tag == c.a.tag || c.forkOf(tag) != nil
}

// answered takes the first 2xx of an attempt: the call is made.
func (c *Call) answered(now time.Time, t *attempt, m *sip.Message, out *Out) {
	l := &t.leg
	t.calm()
	t.state = attemptAnswered
	c.establish(l, m)
	if c.targetAnswered(now, t, m, out) {
		return
	}
	if !c.wants(t) {
		c.hangUpLate(now, t, m, out)
		return
	}
	l.timerAnswered(now, m)
	if c.current != t {
		c.prefer(now, t, out)
	}
	c.won, c.current = t, nil
	c.took(now, t, m, out)
	if f, _ := c.fork(l, m); c.unsettled(f) {
		c.ackAnswer(now, l, m, out)
		c.answering = &answering{t, m}
		if x := c.early; x != nil {
			x.until = earlier(x.until, now.Add(hastyTime))
		}
	} else {
		c.conclude(now, t, m, out)
	}
	c.keepPlaces()
}

// took notes that a target has answered. It may have been left behind for another address of its gateway, which has its place in the record then.
func (c *Call) took(now time.Time, t *attempt, m *sip.Message, out *Out) {
	e := &c.rec.Attempts[t.index]
	e.Took, e.Status, e.Cause, e.Class, e.Reason = now.Sub(e.At), m.Status, 0, routing.Answered.String(), ""
	if t.hop+1 < len(t.hops) {
		if at := t.hops[t.hop].Remote.String(); e.Remote != at {
			e.Detail = join(e.Detail, at+" answered after all, when "+e.Remote+" had been called")
			e.Remote = at
		}
	}
	c.result(now, t.target.Trunk, health.Good, out)
}

// prefer takes the answer of a target that was left behind: who has picked up is connected, and the one being tried now is
// cancelled.
func (c *Call) prefer(now time.Time, t *attempt, out *Out) {
	if o := c.current; o != nil {
		c.forgo(now, o, out)
	}
	c.turnTo(t)
	t.linger, t.cancelled = time.Time{}, false
}

// turnTo makes a target that was left behind the one that counts. Who is called for a transfer joins the media of who stays.
func (c *Call) turnTo(t *attempt) {
	c.current = t
	if c.xfer == nil {
		c.goWith(t)
		if c.plan.bypass || c.met(&t.leg) { // else when it answers, see turnsBack
			c.plan.face(c, &t.leg)
		}
	}
}

// forgo cancels the target being tried, because somebody else has answered.
func (c *Call) forgo(now time.Time, t *attempt, out *Out) {
	c.noteCancelled(now, t, "")
	t.elsewhere = true
	c.leave(now, t, out)
}

// answeredOfferless relays the target's offer; its ACK waits for the caller's.
func (c *Call) answeredOfferless(now time.Time, t *attempt, m *sip.Message, f *fork, body string, out *Out) {
	l := &t.leg
	seq, _, _ := m.CSeq()
	l.ackSeq, l.ackWaits, l.offered = seq, true, strings.Clone(body)
	l.oa.RemoteOffer("INVITE")
	l.oa.InviteDone()
	sdp, why := c.plan.offerFrom(c, l, &c.a, body)
	if why == diag.NotAcceptable { // it says nothing that can be understood
		why = diag.BadAnswer
	}
	if why != nil {
		c.finish(now, why, "directsip", "", out)
		return
	}
	c.a.oa.LocalOffer("INVITE")
	c.answerCaller(now, m, f, sdp, out)
}

// answerCaller sends the 200 of leg A, which stands until its ACK comes; m is the target's, nil for an answer of our own. It has no description
// when that was said reliably before.
func (c *Call) answerCaller(now time.Time, m *sip.Message, f *fork, sdp string, out *Out) {
	a := &c.a
	c.phase = phaseAnswered
	c.rec.Answered = c.moment(now)
	if c.rec.Ringing.IsZero() {
		c.rec.Ringing = c.moment(now)
	}
	r := c.inviteReply(a, a.tag, 200, "")
	if c.won != nil {
		c.tellConnected(r, a, m, &c.won.leg)
	}
	c.say(a, r, sdp)
	if rel := f.rel; rel == nil {
		a.dlg = dialog.NewUAS(a.inv, a.tag)
	} else {
		a.dlg = rel.dlg // of the same INVITE, with the same tag
		if rel.waits {
			c.late = rel
			rel.queue, rel.data = nil, nil
		}
	}
	a.up = true
	c.follow(a)
	a.ackSeq, _, _ = a.inv.CSeq()
	a.oa.InviteDone()
	c.dress(r, m)
	c.respond(now, a, r, out)
	a.answer.Start(now, 0, 0)
	c.forks, c.offer, c.offered = nil, "", nil // they would keep the whole INVITE in memory
	c.rec.Bypassed = c.plan.bypass
	c.vacate(out)
	c.plan.dirty = true // from now on the relay looks for dead media
	c.noteAnswered(out)
}

// establish makes the dialog of a leg B from its 2xx.
func (c *Call) establish(l *Leg, m *sip.Message) {
	l.dlg = dialog.NewUAC(l.sent, m)
	l.inherit(&l.dlg)
	l.up = true
	c.follow(l)
}

// hangUpLate acknowledges and ends a dialog that nobody wants any more: the 2xx crossed our CANCEL (RFC 3261 §9.1, §13.2.2.4).
func (c *Call) hangUpLate(now time.Time, t *attempt, m *sip.Message, out *Out) {
	l := &t.leg
	t.state, t.linger = attemptOver, now.Add(lingerTime)
	l.oa.InviteDone()
	seq, _, _ := m.CSeq()
	c.sendAck(now, l, seq, c.decline(l, m), out)
	c.bye(now, l, out)
}

// decline answers an offer that came in a 2xx and that nobody takes: the ACK must have an answer all the same (RFC 3261
// §13.2.2.4). What stands is said again if it fits; else every m-line is refused. "" when the 2xx made no offer.
func (c *Call) decline(l *Leg, m *sip.Message) string {
	body, ok := m.SDP()
	if e := l.earlyDialog(m.ToTag()); !ok || !l.offerless || e != nil && e.said != "" {
		return ""
	}
	return c.plan.decline(c, l, body)
}

// wants tells whether somebody is still looked for where a target has been called, so that its answer counts.
func (c *Call) wants(t *attempt) bool {
	if c.xfer != nil {
		return c.xfer.stage == transferHunting && t.transfers == c.transfers
	}
	return c.phase == phaseHunting && c.answering == nil && !t.stale
}

// lateInviteResponse takes what comes for the initial INVITE after it had its result.
func (c *Call) lateInviteResponse(now time.Time, t *attempt, m *sip.Message, out *Out) {
	l := &t.leg
	switch {
	case m.Status < 200:
		if t.state == attemptOver {
			if !t.cancelled {
				t.grace = now.Add(cancelGrace)
			}
			c.sendCancel(now, t, out)
		}
	case m.Status >= 300:
		t.linger, t.grace = time.Time{}, time.Time{}
		c.lateRefusal(now, t, m)
	case l.dlg.RemoteTag == "" && c.wants(t) && c.reopen(t):
		c.answered(now, t, m, out)
	case l.dlg.RemoteTag == "":
		c.establish(l, m)
		c.hangUpLate(now, t, m, out)
	case m.ToTag() != l.dlg.RemoteTag:
		c.hangUpFork(now, l, m, out)
	}
}

// reopen tells whether a first 2xx can still be taken: the INVITE was left behind, or was refused by a proxy before one of those behind it answered (RFC 3261 §16.7
// item 5), and is under way once more. Of reliable responses before the refusal nothing would be right any more.
func (c *Call) reopen(t *attempt) bool {
	l := &t.leg
	if !l.oa.Stable() {
		return true
	}
	if l.early != nil {
		return false
	}
	e := &c.rec.Attempts[t.index]
	e.Detail = join(e.Detail, "answered after all, behind its "+strconv.Itoa(e.Status))
	return l.oa.LocalInvite(!l.offerless)
}

// hangUpFork ends a second dialog of a forked INVITE: its peer answered after another branch had (RFC 3261 §13.2.2.4). Branches beyond maxEarly are not heard: each is
// remembered for half a minute, and gives up by itself without an ACK.
func (c *Call) hangUpFork(now time.Time, l *Leg, m *sip.Message, out *Out) {
	if len(l.acks) >= maxEarly {
		return
	}
	extra := Leg{side: l.side, number: l.number, trunk: l.trunk, callID: l.callID, tag: l.tag, hop: l.hop, auth: l.auth, offerless: l.offerless}
	extra.sdp.start(c.env)
	extra.dlg = dialog.NewUAC(l.sent, m)
	l.inherit(&extra.dlg)
	extra.early = l.early
	extra.up = true
	c.follow(&extra)
	seq, _, _ := m.CSeq()
	c.sendAck(now, &extra, seq, c.decline(&extra, m), out)
	c.bye(now, &extra, out)
	l.clients = append(l.clients, extra.clients...)
	l.acks = append(l.acks, extra.acks...)
}

// lateRefusal takes the refusal of a target that was left behind. What it says of the number or the person ends the hunt, but
// not the attempt under way: the telephone that rings there may be the one that is busy here.
func (c *Call) lateRefusal(now time.Time, t *attempt, m *sip.Message) {
	if !c.wants(t) || t.cancelled || c.decision.Kind == routing.Emergency {
		return
	}
	if v := t.judge(m); !v.Hunt {
		c.verdict = newRejection(v, m)
		e := &c.rec.Attempts[t.index]
		e.Detail = join(e.Detail, "late, after "+now.Sub(e.At).Round(10*time.Millisecond).String()+", it said "+c.verdict.detail)
		c.weigh(c.verdict)
	}
}

// judge judges the final response of a target. What has rung and then says 408 has not been answered: that is how a proxy tells that its time for it is over
// (RFC 3261 §16.8), so no other telephone rings, and the trunk is well.
func (t *attempt) judge(m *sip.Message) routing.Verdict {
	cause := causeOf(m)
	if m.Status == 408 && t.rang && cause == 0 {
		cause = diag.NoAnswer.Cause
	}
	return routing.Judge(t.target.Trunk.Settings, m.Status, cause)
}

// causeOf is the Q.850 cause of a refusal, 0 when there is none, or nobody has looked at the number yet.
func causeOf(m *sip.Message) int {
	if unauthorized(m.Status) {
		return 0
	}
	return q850(m)
}

// newRejection is a judged refusal.
func newRejection(v routing.Verdict, m *sip.Message) *rejection {
	r := &rejection{status: v.Status, cause: causeOf(m), told: v.Decisive(), class: v.Class, reason: v.Reason(), detail: strconv.Itoa(m.Status) + " " + m.Reason,
		open: strconv.Itoa(m.Status) + " " + sip.Phrase(m.Status)}
	if w := warned(m); w != "" {
		r.detail += ", " + w
	}
	if v.Ruled {
		r.detail += ", taken for " + strconv.Itoa(v.Status) + " by " + strings.TrimSpace("response rule "+v.Rule)
	}
	return r
}

// warned is what a refusal says beside its status: the text of Warning (RFC 3261 §20.43), else of Reason (RFC 3326).
func warned(m *sip.Message) string {
	_, text, _ := strings.Cut(m.Get(sip.IDWarning), "\"")
	if text == "" {
		_, text, _ = strings.Cut(m.Get(sip.IDReason), "text=\"")
	}
	text, _, _ = strings.Cut(text, "\"")
	if text = strings.TrimSpace(clip(text, maxFailure)); text == "" {
		return ""
	}
	return strconv.Quote(text)
}

// rejected takes a final refusal of an attempt.
func (c *Call) rejected(now time.Time, t *attempt, m *sip.Message, out *Out) {
	v := t.judge(m)
	if t.state == attemptCancelling || t.cancelled {
		t.calm()
		t.state = attemptOver
		if c.current == t {
			c.hunt(now, out)
		}
		return
	}
	t.leg.oa.Failed("INVITE")
	if t.leg.longer(m) || t.leg.challenged(m) && c.learn(&t.leg, m, &t.leg.meet().round) {
		c.inviteAgain(now, t, out)
		return
	}
	hunt := v.Hunt
	if c.decision.Kind == routing.Emergency {
		hunt = v.HuntEmergency()
	}
	r := newRejection(v, m)
	if hunt && c.outOfService(now, t, m, r, out) {
		return
	}
	c.result(now, t.target.Trunk, v.Class.Result(), out)
	if d := pauseOf(m); m.Status == 503 && d > 0 {
		out.Results[len(out.Results)-1].Pause = cmp.Or(t.pause, d)
	}
	if unauthorized(v.Status) {
		t.leg.deny(r)
	}
	t.leg.told(r)
	if c.redirect(t, m) {
		hunt = true
		if c.phase == phaseHunting {
			c.tellForwarded(now, out)
		}
	}
	c.reject(now, t, r, hunt, out)
}

// result tells the trunk's health of a live call.
func (c *Call) result(now time.Time, t *topologyTrunk, what health.Result, out *Out) {
	out.Results = append(out.Results, Result{Trunk: t, What: what, At: now})
}

// q850 reads the cause of a Reason header (RFC 3326); 0 when there is none.
func q850(m *sip.Message) int {
	for n := range causes(m, "Q.850") {
		if n > 0 && n < 128 {
			return n
		}
	}
	return 0
}

// causes are those that the Reason headers give in one protocol.
func causes(m *sip.Message, protocol string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for v := range m.Values(sip.IDReason) {
			name, params, _ := strings.Cut(v, ";")
			if !strings.EqualFold(strings.TrimSpace(name), protocol) {
				continue
			}
			s, _ := sip.Params(";" + params).Get("cause")
			if n, err := strconv.Atoi(s); err == nil && !yield(n) {
				return
			}
		}
	}
}

// acknowledged takes the caller's or callee's ACK to our 2xx, which may carry an answer.
func (c *Call) acknowledged(now time.Time, l *Leg, m *sip.Message, out *Out) {
	other := c.other(l)
	if other == nil || !l.oa.LocalPending() {
		return
	}
	body, ok := m.SDP()
	if !ok {
		l.oa.Failed("INVITE")
		c.finish(now, diag.BadAnswer, "directsip", "ACK without the answer that the offer in our 200 asked for", out)
		return
	}
	l.oa.RemoteAnswer()
	c.plan.forgetHold(l)
	if e := c.exch; e != nil && e.seat && e.to == other { // who is asked to talk to somebody else: it is told if nothing comes of that
		c.hear(now, l, body, out)
		l.unheld = false
		return
	}
	said, unheld := other.sdp, l.unheld
	l.unheld = false
	sdp, err := c.plan.answerFrom(c, l, other, body)
	if err != nil {
		c.finish(now, diag.BadAnswer, "directsip", err.Error(), out)
		return
	}
	takes := told(said.body, l.sdp.body, body) && (!c.plan.bypass || other.sdp.body == said.body) // where media goes past us it may have moved
	if unheld {
		c.passUnheld(now, other, said, sdp, takes, out)
		return
	}
	if !other.ackWaits { // it has agreed before: it is told only of what this side does not take
		if takes {
			other.sdp = said
		} else {
			other.sdp.unsaid(&said)
			c.correct(now, other, 0, out)
		}
		return
	}
	other.oa.LocalAnswer()
	c.sendAck(now, other, other.ackSeq, sdp, out)
	c.exch = nil
	c.plan.dirty = true
}

// other is the leg that a leg talks to; nil before the answer.
func (c *Call) other(l *Leg) *Leg {
	switch {
	case c.won == nil:
		return nil
	case l == c.seat(0):
		return &c.won.leg
	case l == &c.won.leg:
		return c.seat(0)
	}
	return nil
}

// advanceAnswer repeats our 2xx, or gives up: the peer never acknowledged it (RFC 3261 §13.3.1.4).
func (c *Call) advanceAnswer(now time.Time, l *Leg, out *Out) {
	switch l.answer.Advance(now) {
	case dialog.Again:
		l.invs.Repeat(&out.Out)
	case dialog.GiveUp:
		parted := c.parted(l)
		l.acked = true
		if l.pending {
			c.bye(now, l, out)
		}
		if !parted {
			c.finish(now, diag.AckMissing, c.name(l), c.env.whereWeAre(l.hop), out)
		}
	}
}
