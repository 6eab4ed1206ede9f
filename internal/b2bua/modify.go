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

// exchange is a re-INVITE or UPDATE of one leg that waits for the other leg's answer: hold, resume, codec or address change.
type exchange struct {
	from    *Leg
	to      *Leg
	invite  bool         // it came as INVITE
	server  *txn.Server  // it came as UPDATE
	req     *sip.Message // what came
	forward string       // how it went on: INVITE or UPDATE
	offer   bool         // it carried an offer
	seq     uint32       // CSeq of what went on
	before  standing     // what stood, if it fails
	until   time.Time    // when the other leg has taken too long
	again   time.Time    // when it is sent again after glare; zero: it is not waiting for that
	glares  uint8        // 491 so far
	seat    bool         // it puts from on a seat, see join: nobody of the two asked for it
	gone    bool         // its sender cancelled it: answered 487, the result goes nowhere
	heard   bool         // what went on has a provisional response
	hurried bool         // it puts somebody on a seat, and others wait for its end
	stopped bool         // it puts somebody on a seat, and was cancelled for want of an answer
}

// exchangeTime is how long the other leg may take over a re-INVITE or UPDATE, a person who is asked included. updateTime is how long where an UPDATE waits for that, which its sender
// gives up after 64*T1, and its call with it (RFC 3311 §5.2, RFC 3261 §12.2.1.2). askTime is how long over what no person is asked: a re-INVITE without an offer, as the other side
// knows what it can do and who has asked hears nothing meanwhile if that is to end a hold, and one of our own, which keeps others out.
const (
	exchangeTime = time.Minute
	updateTime   = 20 * time.Second
	askTime      = 10 * time.Second
	stopTime     = 4 * time.Second // how long who has not answered to be joined may take over the CANCEL: with that it can go back to its call
)

// asks tells whether an exchange is a re-INVITE without an offer.
func (e *exchange) asks() bool { return e.invite && !e.offer }

// patience is how long the other leg may take over it.
func (e *exchange) patience() time.Duration {
	switch {
	case e.asks():
		return askTime
	case !e.invite:
		return updateTime
	}
	return exchangeTime
}

// receiveReinvite takes an INVITE within the dialog (RFC 3261 §14.2).
func (c *Call) receiveReinvite(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	body, hasBody := m.SDP()
	if m.Body != "" && !hasBody && !dispensable(m) {
		c.turnAway(now, l, src, m, diag.UnsupportedMedia, out)
		return
	}
	c.yield(now, l, out)
	if v := l.oa.RemoteInvite(hasBody); v != dialog.OK {
		c.turnAway(now, l, src, m, c.verdictReason(v), out)
		return
	}
	if l.inv != nil || l.answer.Waiting() && l.pending {
		l.oa.Failed("INVITE")
		c.turnAway(now, l, src, m, diag.OutOfOrder, out)
		return
	}
	if l.answer.Waiting() { // the ACK is lost or late, but there was no answer in it, and our 2xx has come (RFC 5407 §3.1.4)
		l.heardAck()
		c.announceAnswered(now, out)
	}
	if l.invs.Live() {
		old := l.invs
		l.refused = remember(l.refused, &old, maxRequests)
	}
	l.inv = m
	l.invs.Start(now, m, Back(src, m), c.env.Timers)
	if hasBody && l.sdp.refreshes(body) {
		l.oa.LocalAnswer()
		c.confirmed(l)
		c.acceptReinvite(now, l, l.sdp.again(), out) // a refresh: nothing to tell the other leg
		return
	}
	e := &exchange{from: l, to: c.other(l), invite: true, req: m, forward: "INVITE", offer: hasBody}
	c.forward(now, e, body, out)
}

func (c *Call) verdictReason(v dialog.Verdict) *diag.Reason {
	switch v.Status() {
	case 491:
		return diag.RequestPending
	case 488:
		return diag.NotAcceptable
	}
	return diag.OutOfOrder
}

// receiveUpdate takes an UPDATE (RFC 3311). Without an offer it only refreshes.
func (c *Call) receiveUpdate(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	if !l.up {
		c.receiveEarlyUpdate(now, l, src, m, out)
		return
	}
	s := c.serve(now, l, src, m)
	body, hasBody := m.SDP()
	if hasBody {
		c.yield(now, l, out)
		if v := l.oa.RemoteOffer("UPDATE"); v != dialog.OK { // also what only refreshes: what we say last may be an offer that is not answered
			c.denyRequest(now, l, s, m, c.verdictReason(v), out)
			return
		}
	}
	if !hasBody || l.sdp.refreshes(body) {
		r := c.ok(l, m)
		r.Add(sip.IDContact, c.contact(l.hop))
		if hasBody {
			l.oa.LocalAnswer()
			c.say(l, r, l.sdp.again())
		}
		c.confirmed(l)
		c.reply(now, l, s, r, out)
		c.passConnected(now, l, m, out)
		return
	}
	other := c.other(l)
	e := &exchange{from: l, to: other, server: s, req: m, forward: "INVITE", offer: true}
	if other != nil && other.allow.has(allowUpdate) {
		e.forward = "UPDATE"
	}
	c.forward(now, e, body, out)
}

// denyRequest answers a non-INVITE request with a reason.
func (c *Call) denyRequest(now time.Time, l *Leg, s *txn.Server, m *sip.Message, why *diag.Reason, out *Out) {
	c.denyRequestWith(now, l, s, m, why.Status, why, out)
}

// denyRequestWith is denyRequest with another status than the reason has for a whole call.
func (c *Call) denyRequestWith(now time.Time, l *Leg, s *txn.Server, m *sip.Message, status int, why *diag.Reason, out *Out) {
	status = within(status)
	r := sip.NewResponse(m, status, "")
	r.SetToTag(l.tag)
	Explain(r, why, "")
	if status == 405 {
		r.Set(sip.IDAllow, c.env.allowBut(l.trunk.Settings, m.Method))
	}
	if status == 500 {
		r.Add(sip.IDRetryAfter, retryAfter(c.env))
	}
	c.reply(now, l, s, r, out)
}

// forward carries an offer, or an offerless INVITE, to the other leg.
func (c *Call) forward(now time.Time, e *exchange, body string, out *Out) {
	l := e.to
	if l == nil && e.from == &c.a && c.alone() {
		c.answerAlone(now, e, body, out)
		return
	}
	if l == nil || !l.up || c.exch != nil || l.pending || l.answer.Waiting() || !l.acked {
		c.failExchange(now, e, diag.RequestPending, 491, out)
		c.hurry(e.from)
		return
	}
	if !e.opens() {
		c.failExchange(now, e, diag.RequestPending, 491, out)
		return
	}
	sdp := ""
	e.before = c.plan.standing(e.from, l)
	c.exch, e.until = e, now.Add(e.patience())
	if e.offer {
		var why *diag.Reason
		if sdp, why = c.plan.offerFrom(c, e.from, l, body); why != nil {
			c.exch = nil
			l.oa.Failed(e.forward)
			c.failExchange(now, e, why, 488, out)
			return
		}
	}
	c.sendOffer(now, e, sdp, out)
}

// opens tells whether the request of an exchange may be sent now, and notes that it is.
func (e *exchange) opens() bool {
	if e.forward == "UPDATE" {
		return e.to.oa.LocalOffer("UPDATE")
	}
	return e.to.oa.LocalInvite(e.offer)
}

// sendOffer sends the request of an exchange; an empty sdp asks for an offer.
func (c *Call) sendOffer(now time.Time, e *exchange, sdp string, out *Out) {
	l := e.to
	m := l.dlg.Request(e.forward)
	m.Add(sip.IDContact, c.contact(l.hop))
	m.Add(sip.IDAllow, c.env.Allow(l.trunk.Settings))
	if e.req != nil {
		c.tellConnected(m, l, e.req, e.from)
	}
	l.askTimer(m)
	c.say(l, m, sdp)
	if e.forward == "UPDATE" {
		c.begin(now, l, m, out)
		return
	}
	l.unoffered = sdp == ""
	l.auth.begin(c.env, m)
	m.AddFirst(sip.IDVia, c.env.via(l.hop))
	e.seq = l.dlg.LocalSeq
	l.ackSeq = e.seq
	l.shelve()
	c.tellSession(l, m)
	l.invc.Start(now, m, l.hop, c.env.Timers, &out.Out)
	c.note(now, l, true, m)
}

// receiveReinviteResponse takes a response to a re-INVITE of ours.
func (c *Call) receiveReinviteResponse(now time.Time, l *Leg, seq uint32, m *sip.Message, out *Out) {
	if m.Status < 200 && l.stops && l.up && seq == l.ackSeq {
		c.cancelReinvite(now, l, out)
	}
	if c.reofferAnswered(now, l, seq, m, out) {
		return
	}
	e := c.exch
	if e != nil && (e.to != l || e.forward != "INVITE" || e.seq != seq) {
		e = nil // of an exchange that is over
	}
	switch {
	case m.Status < 200:
		if e != nil && e.asks() && !e.heard && !e.gone { // on a bad way it may have needed that long to get there
			e.heard, e.until = true, now.Add(askTime)
		}
		return
	case l.ackWaits && l.ackSeq == seq:
		return // repeated: the ACK waits for the answer of the other leg
	case m.Status < 300 && e == nil:
		c.ackUnwanted(now, l, seq, m, out)
		return
	case m.Status < 300:
		l.dlg.Refresh(m)
		l.learn(c.env, m)
		c.follow(l)
		c.reinviteAccepted(now, e, m, out)
		return
	}
	if e == nil {
		return
	}
	l.oa.Failed("INVITE")
	if l.longer(m) {
		c.sendAgain(now, e, out)
		return
	}
	if (m.Status == 491 || e.seat && m.Status == 500 && m.Has(sip.IDRetryAfter)) && c.crossed(now, e) {
		return
	}
	c.exch = nil
	if m.Status == 408 || m.Status == 481 { // the dialog is gone (RFC 3261 §12.2.1.2)
		joins := c.missed(l) // who then goes back, and is missed there
		if c.failExchange(now, e, diag.PeerVanished, m.Status, out); !joins {
			c.vanished(now, l, "re-INVITE answered "+m.StartLine(), out)
		}
		return
	}
	if e.asks() && !e.gone && m.Status != 491 { // who asks for an offer gets one, and is not to ask the other side
		c.plan.restore(e)
		c.offerStanding(now, e.from, out)
		return
	}
	why, status := l.passed(m, refusal(m))
	if e.stopped { // as asked, and nothing else is to come
		l.drop = time.Time{}
		why, status = diag.PeerVanished, within(504)
	}
	c.failExchange(now, e, why, status, out)
}

// refusal is why a peer has refused a change, as far as its status says.
func refusal(m *sip.Message) *diag.Reason {
	if m.Status == 491 {
		return diag.RequestPending
	}
	return diag.NotAcceptable
}

// ackUnwanted acknowledges a 2xx to a re-INVITE that nobody waits for any more, because the call ended meanwhile.
func (c *Call) ackUnwanted(now time.Time, l *Leg, seq uint32, m *sip.Message, out *Out) {
	body := ""
	if offer, ok := m.SDP(); ok && l.oa.RemoteOffer("INVITE") == dialog.OK {
		body = c.plan.decline(c, l, offer)
	}
	l.oa.Failed("INVITE")
	c.sendAck(now, l, seq, body, out)
}

// reinviteAccepted carries the 2xx back.
func (c *Call) reinviteAccepted(now time.Time, e *exchange, m *sip.Message, out *Out) {
	l := e.to
	body, ok := m.SDP()
	offers := ok && !e.offer && l.oa.RemoteOffer("INVITE") == dialog.OK // before the INVITE that asked for it is done
	l.oa.InviteDone()
	if e.offer {
		c.sendAck(now, l, l.ackSeq, "", out)
		c.exch = nil
		if !ok {
			l.oa.Failed("INVITE")
			c.failExchange(now, e, diag.BadAnswer, 500, out)
			c.withdrawn(now, l, out)
			return
		}
		l.oa.RemoteAnswer()
		c.finishExchange(now, e, body, out)
		return
	}
	if !offers {
		c.sendAck(now, l, l.ackSeq, "", out)
		c.exch = nil
		c.failExchange(now, e, diag.BadAnswer, 500, out)
		return
	}
	l.ackWaits, l.offered = true, strings.Clone(body)
	sdp, why := "", diag.NotAcceptable
	if !e.gone {
		sdp, why = c.plan.offerFrom(c, l, e.from, body)
	}
	if why == diag.LinkFull || why == diag.SessionTooWide {
		c.keepSession(now, e, body, out)
		return
	}
	if why != nil {
		c.exch = nil
		c.failExchange(now, e, why, 488, out) // before its answer, which may take something of the offer
		l.oa.LocalAnswer()
		stood := l.sdp.body
		answer := c.plan.decline(c, l, body)
		c.sendAck(now, l, l.ackSeq, answer, out)
		if l == c.seat(l.side) && silent(answer) && !silent(stood) { // it has offered nothing of what stands, and is offered that: the two are to go on talking
			l.sdp.body = stood
			c.withdrawn(now, l, out)
		}
		return
	}
	e.from.oa.LocalOffer("INVITE")
	c.acceptReinvite(now, e.from, sdp, out)
}

// silent tells whether a description has no m-line in use.
func silent(body string) bool {
	s, err := sdp.Parse(body)
	return err == nil && !s.InUse()
}

// keepSession answers an offer in a 2xx for which links have no room with what stands, and goes on with what stands as the offer to who has asked for one: its answer, hold
// say, is told in a re-INVITE, see acknowledged.
func (c *Call) keepSession(now time.Time, e *exchange, offer string, out *Out) {
	l := e.to
	c.exch = nil
	l.oa.LocalAnswer()
	c.plan.follow(l, offer)
	c.sendAck(now, l, l.ackSeq, l.sdp.again(), out)
	c.offerStanding(now, e.from, out)
}

// finishExchange answers whoever made the offer.
func (c *Call) finishExchange(now time.Time, e *exchange, answer string, out *Out) {
	if e.gone {
		c.plan.restore(e)
		e.to.drop = time.Time{}
		c.withdrawn(now, e.to, out)
		return
	}
	if e.seat {
		c.seatTaken(now, e, answer, out)
		return
	}
	sdp, err := c.plan.answerFrom(c, e.to, e.from, answer)
	if err != nil {
		c.failExchange(now, e, diag.BadAnswer, 488, out)
		c.withdrawn(now, e.to, out)
		return
	}
	c.plan.dirty = true
	e.from.informed()
	e.to.informed()
	e.from.oa.LocalAnswer()
	if e.invite {
		c.acceptReinvite(now, e.from, sdp, out)
		return
	}
	r := c.ok(e.from, e.req)
	r.Add(sip.IDContact, c.contact(e.from.hop))
	c.say(e.from, r, sdp)
	c.reply(now, e.from, e.server, r, out)
}

// acceptReinvite sends the 200 to a re-INVITE.
func (c *Call) acceptReinvite(now time.Time, l *Leg, sdp string, out *Out) {
	r := c.inviteReply(l, l.tag, 200, "")
	c.say(l, r, sdp)
	l.ackSeq, _, _ = l.inv.CSeq()
	l.oa.InviteDone()
	c.respond(now, l, r, out)
	l.answer.Start(now, 0, 0)
}

// failExchange refuses a re-INVITE or UPDATE; the session stays as it was (RFC 3261 §14.2).
func (c *Call) failExchange(now time.Time, e *exchange, why *diag.Reason, status int, out *Out) {
	l := e.from
	c.plan.restore(e)
	if e.gone {
		return // who waited for it knows, and may have asked for something else since
	}
	if e.seat {
		c.seatRefused(now, why, status, out)
		return
	}
	if e.invite && l.inv == nil {
		return
	}
	r := sip.NewResponse(e.req, status, "")
	r.SetToTag(l.tag)
	Explain(r, why, "")
	if status == 500 {
		r.Add(sip.IDRetryAfter, retryAfter(c.env))
	}
	if e.invite {
		l.oa.Failed("INVITE")
		c.respond(now, l, r, out)
		return
	}
	l.oa.Failed("UPDATE")
	c.reply(now, l, e.server, r, out)
}

// reinviteTimedOut ends a call whose peer no longer answers re-INVITEs (RFC 3261 §12.2.1.2).
func (c *Call) reinviteTimedOut(now time.Time, l *Leg, out *Out) {
	joins := c.missed(l) // as above
	if e := c.exch; e != nil && e.to == l {
		c.exch = nil
		l.oa.Failed("INVITE")
		c.failExchange(now, e, diag.PeerVanished, 408, out)
	}
	if !joins {
		c.vanished(now, l, "re-INVITE was not answered", out)
	}
}

// cancelExchange takes the CANCEL of a re-INVITE: 487 to it, and a CANCEL to the one that went on.
func (c *Call) cancelExchange(now time.Time, l *Leg, out *Out) {
	r := sip.NewResponse(l.inv, 487, "")
	r.SetToTag(l.tag)
	l.oa.Failed("INVITE")
	c.respond(now, l, r, out)
	if e := c.exch; e != nil && e.from == l {
		c.withdraw(now, e, out)
	}
}

// withdraw cancels what an exchange has sent on, when nobody waits for its result any more.
func (c *Call) withdraw(now time.Time, e *exchange, out *Out) {
	e.gone = true
	if !e.again.IsZero() { // nothing is under way
		c.exch = nil
		c.plan.restore(e)
		return
	}
	if !e.stopped {
		c.cancelReinvite(now, e.to, out)
	}
}

// cancelReinvite cancels a re-INVITE of ours, as soon as that is allowed: after the first provisional response (RFC 3261 §9.1).
func (c *Call) cancelReinvite(now time.Time, l *Leg, out *Out) {
	l.drop = now.Add(lingerTime)
	m := l.invc.Cancel()
	if l.stops = m == nil && l.invc.State() == txn.Calling; m == nil {
		return
	}
	q := &request{}
	l.clients = append(l.clients, q)
	q.Start(now, m, l.invc.Hop(), c.env.Timers, &out.Out)
	c.note(now, l, true, m)
}

// forgetReinvite forgets a re-INVITE that has been cancelled, or whose dialog has ended, and that gets no final response (RFC 3261 §9.1).
func (c *Call) forgetReinvite(l *Leg) {
	l.forgot, l.forgotAsked = l.ackSeq, l.unoffered
	l.drop, l.invc = time.Time{}, txn.InviteClient{}
	if e := c.exch; e != nil && e.to == l {
		c.exch = nil
		c.plan.restore(e)
	}
	l.oa.Failed("INVITE")
}

// answeredAfterAll takes a 2xx to a re-INVITE that is forgotten: whoever sends it would end the call for want of an ACK, and has accepted what is withdrawn.
func (c *Call) answeredAfterAll(now time.Time, l *Leg, seq uint32, m *sip.Message, out *Out) {
	if !l.up || l.forgot == 0 || seq != l.forgot || m.Status < 200 || m.Status >= 300 || m.To().Tag() != l.dlg.RemoteTag {
		return
	}
	body := ""
	if offer, ok := m.SDP(); ok && l.forgotAsked {
		body = c.plan.decline(c, l, offer)
	}
	waits := l.ackWaits // for the answer to another one
	offered := l.offered
	c.sendAck(now, l, seq, body, out)
	l.ackWaits, l.offered = waits, offered
	if l.again == nil || l.again.retry.IsZero() {
		c.withdrawn(now, l, out)
	}
}

// advanceExchange fires the timers of the exchange under way.
func (c *Call) advanceExchange(now time.Time, out *Out) {
	switch e := c.exch; {
	case e == nil:
	case !e.again.IsZero() && !now.Before(e.again):
		c.sendAgain(now, e, out)
	case !now.Before(e.until):
		c.exchangeTimedOut(now, e, out)
	}
}

// exchangeTimedOut gives up on a leg that says 100 to a re-INVITE and no more, or whose answer found no ACK on the other side.
func (c *Call) exchangeTimedOut(now time.Time, e *exchange, out *Out) {
	e.until = now.Add(exchangeTime)
	if e.to.ackWaits || e.gone {
		return // the ACK has its own timer; what was cancelled has its own end
	}
	switch {
	case !e.again.IsZero(): // nothing is under way
		c.exch = nil
	case e.stopped:
	case e.forward == "INVITE":
		c.cancelReinvite(now, e.to, out)
		if e.stopped = e.seat; e.stopped {
			e.until = now.Add(stopTime)
			return
		}
	}
	if e.asks() {
		c.plan.restore(e)
		c.offerStanding(now, e.from, out)
	} else {
		c.failExchange(now, e, diag.PeerVanished, within(504), out)
	}
	e.gone = true
	if e.stopped && c.exch == e && e.to != c.seat(e.to.side) { // it is hung up, and those who talk have changes of their own
		c.exch = nil
	}
}
