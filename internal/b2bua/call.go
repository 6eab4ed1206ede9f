package b2bua

import (
	"cmp"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// phase is how far the call has come.
type phase uint8

const (
	phaseOpening  phase = iota // ports are being opened
	phaseHunting               // an attempt runs, or its name is being resolved
	phaseAnswered              // 200 relayed
	phaseEnded                 // record written; transactions may still run out
)

// Call is one call. Create it with Prepare and Start; it is over when Done.
type Call struct {
	env  *Env
	snap *topology.Snapshot
	id   media.SessionID
	rec  *cdr.Record
	now  time.Time // of the input being handled

	a        Leg
	won      *attempt    // the attempt that answered
	current  *attempt    // the attempt being tried
	attempts []*attempt  // those that have live transactions
	tries    [1]*attempt // room for those of most calls
	decision routing.Decision
	best     *rejection // the most telling refusal so far
	verdict  *rejection // came late from a target left behind, and ends the hunt

	offer     string       // the caller's first offer; "" for an offerless INVITE, and after the answer
	offered   *sdp.Session // that offer, read
	forks     []*fork
	plan      plan
	opening   opening        // what waits for ports that the relay is asked for
	exch      *exchange      // a re-INVITE or UPDATE on its way between the legs
	early     *earlyExchange // the same before the answer
	answering *answering     // a target's 2xx that must not overtake what the caller has to acknowledge
	late      *reliable      // after the answer: a provisional response whose PRACK is still to come
	moved     bool           // the caller has changed its description in one of its early dialogs
	reliably  bool           // the caller gets provisional responses reliably
	near      *attempt       // who has the caller's seat since a transfer; nil: the caller
	xfer      *transfer      // under way
	sounds    *sounds        // that we make ourselves; nil: there were none
	end       *diag.Reason

	rungs    []rung
	words    []string          // of the rungs
	wordRoom [2]string         // for those of most calls
	held     []*topology.Trunk // trunks on which Limits gave us a place
	heldRoom [2]*topology.Trunk
	heldUser *topology.User // on whose calls Limits gave us a place
	room     *network.Legs  // what it has on links of the network; nil: nothing

	passings []passing // of the targets that a 3xx has named

	expires time.Time // when the caller's invitation is over (RFC 3261 §13.3.1); zero: it says nothing

	lostRungs   uint32 // messages between the first and the last of the ladder
	next        int32  // next target of the decision
	tried       int32
	redirects   uint8 // targets that other ones have named, of the transfer under way or else of the call
	endCause    uint8 // Q.850 cause that a peer has given for the end; 0: that of the reason
	finalStatus int16 // what the caller's INVITE is refused with, when not the reason's own status
	phase       phase
	transfers   uint8 // begun
	closing     bool  // MediaClose was asked for
	written     bool  // the record was emitted
	uncounted   bool  // what it has on links may not be what it needs
	hidden      bool  // the caller, from whoever may not know what its peer vouches for
}

// Caller are the facts of an arriving INVITE.
type Caller struct {
	Source sip.Source
	Req    *sip.Message
	Trunk  *topology.Trunk
	After  uint32 // CSeq of the first attempt that this one supersedes; 0: none
}

// Prepare is a call that has done nothing yet, so that its owner holds it whatever happens in Start.
func Prepare(env *Env, snap *topology.Snapshot, id media.SessionID, now time.Time, in Caller) *Call {
	c := &Call{env: env, snap: snap, id: id, now: now}
	c.attempts, c.words = c.tries[:0], c.wordRoom[:0]
	c.plan.reckons = c.admits()
	c.rec = c.newRecord(now, in)
	return c
}

// Start takes the INVITE of a prepared call.
func (c *Call) Start(now time.Time, in Caller, out *Out) {
	env, req := c.env, in.Req
	a := &c.a
	a.trunk, a.callID, a.tag = in.Trunk, c.rec.In.CallID, env.tag()
	a.ackSeq, _, _ = req.CSeq()
	a.first, a.after, a.caller = a.ackSeq, in.After, c.rec.In.FromTag
	topology.ApplyHeaderRules(in.Trunk.Settings.HeaderRules.In, req, req)
	a.hop, a.inv = Back(in.Source, req), req
	a.hop.As, a.hop.Secure = env.As(in.Trunk, a.hop.Local), secureDialog(in.Source, req)
	a.learn(c.env, req)
	if c.hearSession(a, req); a.session == "" {
		a.session = env.newSession()
	}
	c.rec.In.Session = a.session
	a.hearTimer(req)
	a.sdp.start(env)
	a.invs.Start(now, req, a.hop, env.Timers)
	out.CallIDs = append(out.CallIDs, a.callID)
	out.Began = append(out.Began, c.rec)
	c.note(now, a, false, req)
	c.expires = after(now, sip.DeltaSeconds(req.Get(sip.IDExpires)))

	if r, detail := c.acceptable(req); r != nil {
		c.refuse(now, r, detail, out)
	} else if env.Draining && !c.lastResort() {
		c.refuse(now, diag.Draining, "", out)
	} else {
		c.route(now, req, out)
	}
	c.settle(now, out)
}

// lastResort tells whether a server that drains must look what a call is: no other server of the pool would take an emergency call that is refused (NEW-18).
func (c *Call) lastResort() bool { return len(c.env.Server.Pool.Servers) == 1 && c.snap.HasEmergency() }

// Superseded tells whether a message is a new attempt of a caller whose call was refused, or of who was refused a seat: an INVITE with the same Call-ID and a
// higher CSeq (RFC 3261 §8.1.3.5).
func (c *Call) Superseded(m *sip.Message) bool {
	return m.Method == "INVITE" && (c.Ended() && supersedes(m, c.a.callID, cmp.Or(c.a.first, c.a.ackSeq)) || c.turnedAway(m) >= 0)
}

// supersedes compares an INVITE with the one that began an ended call.
func supersedes(m *sip.Message, callID string, before uint32) bool {
	if m.Method != "INVITE" || m.CallID() != callID || m.ToTag() != "" {
		return false
	}
	seq, _, ok := m.CSeq()
	return ok && seq > before
}

// precedes tells whether a message is a late copy of an attempt, from the one with CSeq after on, that another one has superseded. It
// had its answer, which is not kept; any other would contradict it.
func precedes(m *sip.Message, caller string, after, first uint32) bool {
	if after == 0 || m.Method != "INVITE" || m.ToTag() != "" || m.FromTag() != caller {
		return false
	}
	seq, _, _ := m.CSeq()
	return seq >= after && seq < first
}

// First is the CSeq of the caller's first attempt at this call.
func (c *Call) First() uint32 { return firstOf(c.a.after, c.a.first) }

func firstOf(after, seq uint32) uint32 {
	if after > 0 {
		return after
	}
	return seq
}

// route asks where the call goes and opens its media.
func (c *Call) route(now time.Time, req *sip.Message, out *Out) {
	q := c.query(req)
	c.decision = routing.Decide(c.snap, &q, c.env.State)
	c.recordDecision()
	c.keepCallback(now)
	if c.env.Draining && c.decision.Kind != routing.Emergency {
		c.refuse(now, diag.Draining, "", out)
		return
	}
	if r, detail := c.mannerly(req); r != nil {
		c.refuse(now, r, detail, out)
		return
	}
	if c.decision.Reason != nil && !c.announces() {
		c.refuse(now, c.decision.Reason, "", out)
		return
	}
	emergency := c.decision.Kind == routing.Emergency
	if u := c.decision.Caller(); u != nil && u.Limit.Any() { // before the others: who calls too much takes nothing of what all have together
		if r := c.env.Limits.AcquireUser(now, u, c.id, emergency); r != nil {
			c.refuse(now, r, "user "+u.Name, out)
			return
		}
		c.heldUser = u
	}
	if r := c.env.Limits.Acquire(now, c.a.trunk, c.id, emergency); r != nil {
		c.refuse(now, r, "", out)
		return
	}
	c.held = append(c.heldRoom[:0], c.a.trunk)
	c.openMedia(now, out)
}

// Receive takes a message of one of the call's Call-IDs. False: it belongs to a leg that is no more.
func (c *Call) Receive(now time.Time, src sip.Source, m *sip.Message, out *Out) bool {
	c.now = now
	leg, att := c.leg(m)
	if leg == nil {
		return false
	}
	if c.waits(leg, att, src, m, out) {
		return true
	}
	c.take(now, leg, att, src, m, out)
	return true
}

// waits has a message wait for ports that are to be open before it is looked at. False: it needs none.
func (c *Call) waits(leg *Leg, att *attempt, src sip.Source, m *sip.Message, out *Out) bool {
	n := c.adds(leg, m)
	if n == 0 && (att == nil || m.IsRequest() || att.stale || c.phase != phaseHunting || c.met(leg)) { // as nearly all
		return false
	}
	then := func(now time.Time, out *Out) { c.take(now, leg, att, src, m, out) }
	return n > 0 && c.grow(&adding{adds: n, trunk: leg.trunk, who: "the " + c.name(leg), then: then}, out) || c.turnsBack(att, m, then, out)
}

// take is Receive for a message that waits for nothing.
func (c *Call) take(now time.Time, leg *Leg, att *attempt, src sip.Source, m *sip.Message, out *Out) {
	if m.IsRequest() {
		c.request(now, leg, att, src, m, out)
	} else {
		c.response(now, leg, att, m, out)
	}
	c.settle(now, out)
}

// leg finds the leg of a message's Call-ID, and the attempt when it is a leg B. Legs that have joined from two calls may have it in common: then it is the one with the tags.
func (c *Call) leg(m *sip.Message) (l *Leg, of *attempt) {
	if c.a.owns(m) {
		if l = &c.a; c.transfers == 0 || l.hears(m) {
			return l, nil
		}
	}
	for _, t := range c.attempts {
		switch {
		case !t.leg.owns(m):
		case c.transfers == 0 || t.leg.hears(m):
			return &t.leg, t
		case l == nil:
			l, of = &t.leg, t
		}
	}
	return l, of
}

// request takes a request on one leg.
func (c *Call) request(now time.Time, l *Leg, att *attempt, src sip.Source, m *sip.Message, out *Out) {
	switch {
	case m.Method == "ACK":
		c.receiveAck(now, l, m, out)
		return
	case m.Method == "CANCEL":
		c.receiveCancel(now, l, src, m, out)
		return
	case m.Method == "INVITE" && l.invs.Matches(m):
		l.invs.Receive(now, m, &out.Out)
		return
	}
	for _, s := range l.refused {
		if s.Matches(m) {
			s.Receive(now, m, &out.Out)
			return
		}
	}
	for _, s := range l.servers {
		if s.Matches(m) {
			s.Receive(now, m, &out.Out)
			return
		}
	}
	if l == &c.a && precedes(m, l.caller, l.after, l.first) {
		return
	}
	c.note(now, l, false, m)
	r := c.inDialog(l, m)
	if r == nil && l.tooShort(m) {
		r = diag.SessionIntervalTooSmall
	}
	if r == nil {
		r = c.unusable(l, m)
	}
	if r == nil {
		r = c.open(l, m)
	}
	if r != nil {
		c.turnAway(now, l, src, m, r, out)
		return
	}
	c.refresh(l, src, m)
	switch m.Method {
	case "INVITE":
		c.hearSession(l, m)
		c.receiveReinvite(now, l, src, m, out)
	case "UPDATE":
		c.hearSession(l, m)
		c.receiveUpdate(now, l, src, m, out)
	case "PRACK":
		c.receivePrack(now, l, src, m, out)
	case "BYE":
		c.receiveBye(now, l, src, m, out)
	case "REFER":
		c.receiveRefer(now, l, src, m, out)
	case "NOTIFY":
		c.receiveNotify(now, l, src, m, out)
	case "OPTIONS":
		s := c.serve(now, l, src, m)
		c.reply(now, l, s, c.ok(l, m), out)
	default:
		c.receiveOther(now, l, src, m, out)
	}
}

// response takes a response on one leg.
func (c *Call) response(now time.Time, l *Leg, att *attempt, m *sip.Message, out *Out) {
	seq, method, _ := m.CSeq()
	if method == "INVITE" {
		c.inviteResponse(now, l, att, seq, m, out)
		return
	}
	for _, r := range l.clients {
		if r.Matches(m) {
			var again *sip.Message
			hop := r.Hop()
			if l.challenged(m) && r.Method() != "CANCEL" {
				again = r.Request()
			}
			if r.Receive(now, m, &out.Out) {
				_ = c.open(l, m)
				c.note(now, l, false, m)
				if again != nil && c.answerRequest(now, l, r, hop, again, m, out) {
					return
				}
				if method == "UPDATE" && m.Status >= 200 && m.Status < 300 && l.up {
					l.timerAnswered(now, m)
				}
				c.receiveRequestResponse(now, l, r, m, out)
			}
			return
		}
	}
}

// inviteResponse takes a response to an INVITE of ours.
func (c *Call) inviteResponse(now time.Time, l *Leg, att *attempt, seq uint32, m *sip.Message, out *Out) {
	if repeatAck(l.acks, m, out) {
		return
	}
	t := l.invite(m)
	if t == nil {
		c.answeredAfterAll(now, l, seq, m, out)
		return
	}
	l.mute = false
	known := t.State() == txn.Accepted // another 2xx: repeated, or of another branch of a fork
	refused := t.State() == txn.Completed
	var again *sip.Message
	if l.up && t == &l.invc && l.challenged(m) {
		again = t.Request()
	}
	if !t.Receive(now, m, &out.Out) {
		return
	}
	if t == &l.invc && !(known && l.up && m.ToTag() == l.dlg.RemoteTag) { // what is repeated says nothing of what has been said since
		_ = c.open(l, m)
	}
	if !known {
		c.hearSession(l, m)
		c.note(now, l, false, m)
	}
	if m.Status >= 300 {
		c.noteAck(now, l, false)
	}
	switch {
	case !refused:
	case att == nil || seq > l.first: // no proxy forks a re-INVITE
		return
	case t != &l.invc: // it was refused with a question, and is being asked once more
		c.hangUpFork(now, l, m, out)
		return
	}
	if l.up && m.Status >= 200 && m.Status < 300 {
		l.timerAnswered(now, m) // of a re-INVITE
	}
	switch {
	case again != nil && c.answerReinvite(now, l, again, m, out):
		return
	case att == nil || seq != l.first:
		c.receiveReinviteResponse(now, l, seq, m, out)
		return
	}
	topology.ApplyHeaderRules(l.trunk.Settings.HeaderRules.In, m, m)
	switch {
	case !att.done():
		c.receiveInviteResponse(now, att, m, out)
	default:
		c.lateInviteResponse(now, att, m, out)
	}
}

// Advance fires the timers that are due.
func (c *Call) Advance(now time.Time, out *Out) {
	c.now = now
	c.advanceLeg(now, &c.a, out)
	c.advanceReliable(now, out)
	c.advanceExchange(now, out)
	c.advanceEarly(now, out)
	c.advanceTransfer(now, out)
	c.advanceSounds(now, out)
	if c.invited() && !c.expires.IsZero() && !now.Before(c.expires) {
		c.finalStatus = int16(diag.CallerCancelled.Status)
		c.finish(now, diag.NoAnswer, "caller", "Expires of its INVITE is over", out)
	}
	for _, t := range c.attempts {
		c.advanceLeg(now, &t.leg, out)
		c.advanceAttempt(now, t, out)
	}
	c.settle(now, out)
}

// invited tells whether the caller's INVITE waits for its final response.
func (c *Call) invited() bool { return c.end == nil && c.phase < phaseAnswered && c.a.inv != nil }

func (c *Call) advanceLeg(now time.Time, l *Leg, out *Out) {
	if !l.mute && due(l.invc.Deadline())(now) {
		c.inviteClientEvent(now, l, l.invc.Advance(now, &out.Out), out)
	}
	if !l.drop.IsZero() && !now.Before(l.drop) {
		c.forgetReinvite(l)
	}
	for _, p := range l.past {
		if due(p.Deadline())(now) {
			p.Advance(now, &out.Out)
		}
	}
	if due(l.invs.Deadline())(now) && l.invs.Advance(now, &out.Out) == txn.Silent && l.inv != nil {
		c.respond(now, l, sip.NewResponse(l.inv, 100, ""), out)
	}
	if due(l.answer.Deadline())(now) {
		c.advanceAnswer(now, l, out)
	}
	c.advanceTimer(now, l, out)
	c.advanceReoffer(now, l, out)
	l.byes.send(now, c.env, func(b *lostBye) {
		r := &request{}
		l.clients = append(l.clients, r)
		r.Start(now, b.req, b.hop, c.env.Timers, &out.Out)
		c.note(now, l, true, b.req)
	})
	for _, r := range l.clients {
		if due(r.Deadline())(now) {
			if r.Advance(now, &out.Out) == txn.TimedOut {
				c.requestFailed(now, l, r, out)
			}
		}
	}
	for _, s := range l.servers {
		if due(s.Deadline())(now) {
			s.Advance(now, &out.Out)
		}
	}
	for _, s := range l.refused {
		if due(s.Deadline())(now) {
			s.Advance(now, &out.Out)
		}
	}
}

// due turns a machine's Deadline into a question.
func due(at time.Time, _ string) func(time.Time) bool {
	return func(now time.Time) bool { return !at.IsZero() && !now.Before(at) }
}

// Deadline is when to call Advance, and why; zero when nothing is awaited but messages.
func (c *Call) Deadline() (time.Time, string) {
	var d earliest
	c.a.deadline(&d)
	if c.reliably {
		c.reliableDeadline(&d)
	}
	if c.exch != nil {
		d.add(c.exch.until, "answer of the other leg")
		d.add(c.exch.again, "once more after glare")
	}
	if c.early != nil {
		d.add(c.early.until, "answer of the other leg, before that of the call")
	}
	if c.invited() {
		d.add(c.expires, "Expires of the INVITE")
	}
	c.xfer.deadline(&d)
	if c.sounds != nil {
		d.add(c.sounds.until, "end of the announcement")
	}
	for _, t := range c.attempts {
		t.leg.deadline(&d)
		d.add(t.deadline())
	}
	return d.at, d.why
}

// settle drops what has ended after every input.
func (c *Call) settle(now time.Time, out *Out) {
	if c.end == nil {
		c.tellNews(now, out)
	}
	if c.plan.dirty {
		c.attune(now)
		if c.end == nil && c.phase == phaseAnswered { // before nobody is held: who waits for the answer may offer so
			c.plan.clock(now.Sub(c.rec.Start))
		}
		c.uncounted = c.plan.reckons
	}
	if c.uncounted {
		c.recount()
	}
	c.plan.tell(c, out)
	c.a.sweep()
	keep := c.attempts[:0]
	for _, t := range c.attempts {
		t.leg.sweep()
		if t == c.won && c.end == nil || t == c.current || !t.over() {
			keep = append(keep, t)
		}
	}
	clear(c.attempts[len(keep):])
	c.attempts = keep
}

// sweep forgets transactions that have ended.
func (l *Leg) sweep() {
	if s := l.invc.State(); s != txn.Calling && s != txn.Proceeding {
		l.drop = time.Time{}
	}
	l.past = living(l.past)
	if !l.invc.Live() && l.past == nil {
		l.sent, l.acks, l.early = nil, nil, nil
	}
	l.clients = living(l.clients)
	l.servers = living(l.servers)
	l.refused = living(l.refused)
}

// living keeps the machines that have not ended.
func living[T interface{ Live() bool }](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	keep := list[:0]
	for _, t := range list {
		if t.Live() {
			keep = append(keep, t)
		}
	}
	clear(list[len(keep):])
	if len(keep) == 0 {
		return nil
	}
	return keep
}

// Done tells whether the call has ended, its record is out, and no transaction runs.
func (c *Call) Done() bool {
	return c.phase == phaseEnded && c.written && len(c.attempts) == 0 && c.a.idle()
}

// ID is the call's number on this server.
func (c *Call) ID() media.SessionID { return c.id }

// RecordID is the id of its record; "" when that is written.
func (c *Call) RecordID() string {
	if c.rec == nil {
		return ""
	}
	return c.rec.ID
}

// Ended tells whether the record was written; transactions may still run out.
func (c *Call) Ended() bool { return c.phase == phaseEnded && c.written }

// SendFailed reports that a message of the call could not be sent. Within a dialog over UDP that is a lost packet like any other:
// it is repeated, and the timers decide. Where nothing repeats it, it is as if the peer had answered 503 (RFC 3261 §8.1.3.1): that ends no call,
// since the peer may only have lost its connection. A first INVITE moves on at once, and its attempt keeps why.
// What went by TCP because the peer has asked for that is sent once more by UDP (backToUDP).
func (c *Call) SendFailed(now time.Time, callID, branch, why string, out *Out) {
	c.now = now
	if branch != "" {
		if c.a.callID == callID {
			c.sendFailed(now, &c.a, branch, why, out)
		}
		for _, t := range c.attempts {
			if t.leg.callID == callID {
				t.failure = clip(why, maxFailure)
				c.sendFailed(now, &t.leg, branch, why, out)
				break
			}
		}
	}
	c.settle(now, out)
}

// Undelivered reports that one copy of a request did not arrive, by what the network says. In time that tells a first INVITE to try elsewhere (RFC 3261 §18.4); where there is nothing
// else it goes on being repeated, as a gateway may just be starting anew, and the attempt keeps why.
func (c *Call) Undelivered(now time.Time, callID, branch, why string, out *Out) {
	c.now = now
	t := c.current
	if t == nil || t.state != attemptTrying || t.leg.callID != callID || t.leg.invc.Branch() != branch || t.leg.invc.Responded() || t.leg.invc.Hop().Transport != sip.UDP {
		return
	}
	t.failure = clip(why, maxFailure)
	if t.hop+1 < len(t.hops) || c.hasNext() {
		c.attemptFailed(now, t, txn.Failed, out)
	}
	c.settle(now, out)
}

// sendFailed finds the transaction. After the first response to an INVITE its branch means a CANCEL or an ACK.
func (c *Call) sendFailed(now time.Time, l *Leg, branch, why string, out *Out) {
	udp := l.invc.Hop().Transport == sip.UDP
	if l.invc.Branch() == branch && !l.invc.Responded() && !(udp && l.up) {
		ev, inv := txn.Failed, l.invc.Request()
		if !udp { // by UDP an earlier copy may have got through: the transaction stays for its answer
			ev = l.invc.Fail(now, &out.Out)
			c.noteUnsent(now, l, "INVITE", why)
		}
		if hop := l.invc.Hop(); l.up && ev == txn.Failed && inv != nil && c.backToUDP(now, l, &hop) && c.reinviteByUDP(now, l, inv, hop, out) {
			return
		}
		if l.up && ev == txn.Failed && inv != nil {
			seq, _, _ := inv.CSeq()
			c.receiveReinviteResponse(now, l, seq, sip.NewResponse(inv, 503, ""), out)
			return
		}
		c.inviteClientEvent(now, l, ev, out)
		return
	}
	for _, r := range l.clients {
		if r.Branch() == branch {
			req, hop := r.Request(), r.Hop()
			if hop.Transport == sip.UDP || r.Fail(now, &out.Out) != txn.Failed {
				return
			}
			c.noteUnsent(now, l, r.Method(), why)
			if req != nil && req.Method != "CANCEL" && c.backToUDP(now, l, &hop) {
				c.requestByUDP(now, l, r, req, hop, out)
				return
			}
			c.requestNotSent(now, l, r, req, hop, out)
			return
		}
	}
	for i := range l.acks {
		if a := &l.acks[i]; a.send.Branch == branch && c.backToUDP(now, l, &a.send.Hop) {
			c.ackByUDP(a, out)
			return
		}
	}
}

// Terminate ends the call for a reason of the server's own: drain limit, shutdown, a caught panic. False: the call is neither
// running nor properly ended, because a panic interrupted its end; see Abort.
func (c *Call) Terminate(now time.Time, why *diag.Reason, detail string, out *Out) bool {
	c.now = now
	if c.a.tag == "" || c.end != nil && c.phase != phaseEnded {
		return false
	}
	c.finish(now, why, "directsip", detail, out)
	c.settle(now, out)
	return true
}

// Abort drops a call whose machine can no longer be used: ports, media and places are given back and the record is written.
// Nothing is said to the peers.
func (c *Call) Abort(now time.Time, why *diag.Reason, detail string, out *Out) {
	if !c.written {
		c.written = true
		r := c.rec
		r.End, r.Reason, r.Cause, r.EndedBy, r.Detail = c.moment(now), why.ID, why.Cause, "directsip", detail
		if r.Status == 0 || r.Answered.IsZero() {
			r.Status = 500
		}
		r.Ladder = c.Ladder()
		out.Records = append(out.Records, r)
	}
	c.phase = phaseEnded
	if c.plan.opened && !c.closing {
		c.closing = true
		out.Media = append(out.Media, MediaOp{MediaClose, &media.Session{ID: c.id}})
	}
	c.releasePorts(now, c.plan.lines)
	for _, t := range c.attempts {
		c.releaseHad(now, t)
	}
	held, user := c.held, c.heldUser
	c.held, c.heldUser = nil, nil
	c.reserve(&network.Legs{}, true)
	if user != nil {
		c.env.Limits.ReleaseUser(user, c.id)
	}
	for _, t := range held {
		c.env.Limits.Release(t, c.id)
	}
}

// inviteClientEvent takes what the INVITE client transaction of a leg said of itself.
func (c *Call) inviteClientEvent(now time.Time, l *Leg, ev txn.Event, out *Out) {
	if ev != txn.TimedOut && ev != txn.Failed {
		return
	}
	for _, t := range c.attempts {
		if &t.leg == l && !t.done() {
			c.attemptFailed(now, t, ev, out)
			return
		}
	}
	if l.up {
		c.reinviteTimedOut(now, l, out)
	}
}
