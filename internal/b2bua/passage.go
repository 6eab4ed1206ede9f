package b2bua

import (
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// An attended transfer between two calls of ours (RFC 5589 §7) makes one of them: the leg of who stays in the call whose peer sent the
// REFER goes over to the call that Replaces names, and takes the referrer's seat there. The other call may live in another shard, so
// the leg travels as a message, and comes back as one if it is not wanted.

// Passage is a leg on its way to the call of a dialog.
type Passage struct {
	From   media.SessionID // the call that it leaves
	CallID string          // of the leg
	Dialog Replaces        // whose seat it is to take
	Key    string          // the Call-ID whose shard it goes to
	Hops   int             // shards from which the dialog had gone when it came there
	fetch  Replaces        // it brings no leg, but asks for who is at the other end of Dialog, to take the seat of this one

	by     *topology.Trunk // of who asks for it
	to     string          // the Refer-To
	leg    Leg
	first  uint32 // CSeq of the INVITE by which its peer has begun the call that it leaves
	status int    // how it ended: 200, or why the leg comes back
	why    *diag.Reason
	places [mostLines]netip.Addr   // of its media: its description does not say so if it holds by 0.0.0.0
	past   bool                    // the media of that call goes past us, and this leg's cannot
	told   bool                    // the leg was told of other media and must be told of its own again
	over   bool                    // its own dialog is over, and not that of who was to be joined with it
	box    *strongbox              // its keys in the call that it leaves
	shaken [maxLines]*media.Shaken // its associations there
	said   string                  // where its media goes past us there: its description; "" where it does not
}

// Forward is a message of a leg that lives in another shard, or an INVITE that asks for the place of one.
type Forward struct {
	Key    string          // the Call-ID whose shard it goes to
	Home   media.SessionID // … when not zero, the call whose shard it goes to instead
	Source sip.Source
	Hops   int          // shards that have handed it on
	Msg    *sip.Message // nil: a message of CallID and Branch could not be sent, for the reason Why

	CallID, Branch, Why string
}

// calm tells whether the leg can change hands: nothing is under way on it that something else waits for.
func (l *Leg) calm() bool {
	for _, s := range l.servers {
		if s.State() != txn.Completed {
			return false
		}
	}
	for _, r := range l.clients {
		if r.State() != txn.Completed && (r.waiter != nil || r.early != nil) {
			return false
		}
	}
	s := l.invc.State()
	return l.up && l.acked && !l.pending && !l.ackWaits && l.inv == nil && !l.answer.Waiting() && l.oa.Stable() &&
		l.drop.IsZero() && len(l.byes.wait) == 0 && s != txn.Calling && s != txn.Proceeding
}

// settles tells whether a leg that cannot change hands can soon: what is under way is a matter of a round trip, as the ACK to our 2xx.
func (l *Leg) settles() bool {
	s := l.invc.State()
	return l.up && !l.pending && !l.calm() && !l.ackWaits && s != txn.Calling && s != txn.Proceeding
}

// lendTime is how long a transfer waits for what goes from one of the two who talk to the other, and is not answered: a request that is handed over, or a change that who is about to lose
// its seat is asked for.
const lendTime = 2 * time.Second

// lend sends who stays on its way to the call that the REFER names, as soon as it can change hands. A blank leg keeps its seat.
func (c *Call) lend(now time.Time, x *transfer, out *Out) {
	l := x.rest
	if !now.Before(x.until.Add(lendTime - referTime)) {
		c.handBackAll(now, out)
	}
	c.makeWay(now, x, out)
	if c.exch != nil || !l.calm() || c.waited(l) {
		if now.Before(x.until) {
			x.again = now.Add(joinPause)
		}
		return
	}
	x.stage = transferLent
	c.rec.Transfers[x.entry].How = "join"
	p := &Passage{From: c.id, CallID: l.callID, Dialog: x.dialog, Key: x.dialog.CallID, by: x.by.trunk, to: x.referral.uri, leg: *l}
	for i := range min(len(c.plan.lines), mostLines) {
		p.places[i] = c.plan.lines[i].peer[l.side].place
		if i < maxLines {
			p.shaken[i] = c.shaken(l, i)
		}
	}
	if c.plan.bypass {
		p.said = x.by.sdp.body // as the other one was told
	}
	out.Passages = append(out.Passages, p)
	*l = Leg{side: l.side, number: l.number, trunk: l.trunk, who: l.who, tag: l.tag, sdp: description{codec: l.sdp.codec}} // what was heard in it is rated by that
	c.plan.dirty = true
}

// waited tells whether a request of ours on another leg brings its answer back to l.
func (c *Call) waited(l *Leg) bool {
	for _, o := range c.legs() {
		for _, r := range o.clients {
			if r.from == l {
				return true
			}
		}
	}
	return false
}

// legs are all legs of the call.
func (c *Call) legs() []*Leg {
	list := []*Leg{&c.a}
	for _, t := range c.attempts {
		list = append(list, &t.leg)
	}
	return list
}

// Seat takes a leg of another call: it is offered the description of who is at the other end of the dialog whose seat it is to take, and
// goes on like the target of a transfer that has answered.
func (c *Call) Seat(now time.Time, p *Passage, out *Out) {
	c.now = now
	var by *Leg
	var why *diag.Reason
	x := c.fetching(p)
	if x != nil {
		by = x.by
	} else {
		by, why = c.mayReplace(&p.Dialog, p.by)
	}
	if why == nil && by.trunk.Gateway != p.by.Gateway {
		why = diag.ReplacesRefused
	}
	if why == nil && !c.mayJoin(c.other(by), guestOf(&p.leg)) {
		why = diag.TollBypass
	}
	if why == nil && c.plan.bypass && !c.seats(by, p) {
		why, p.past = diag.NotAcceptable, true
	}
	if why != nil {
		p.SendBack(why.Status, why, out)
		return
	}
	if x == nil {
		x = c.beginTransfer(now, by, c.other(by), &referral{uri: p.to}, "join")
	}
	x.passage = p
	x.new = c.guest(now, by, p.leg)
	x.new.leg.side = by.side
	l := &x.new.leg
	if l.srtp != nil {
		p.box = l.srtp.clone()
	}
	l.srtp.renew(c.env, &p.shaken)
	p.leg = Leg{}
	if !l.dlg.UAC {
		p.first, l.first = l.first, 0 // that began another call
	}
	out.CallIDs = append(out.CallIDs, l.callID)
	if r := c.env.Limits; !c.holds(l.trunk) && r.Acquire(now, l.trunk, c.id, true) == nil { // it had a place already
		c.held = append(c.held, l.trunk)
	}
	x.stage = transferInviting
	c.plan.dirty = true
	ask := func(now time.Time, out *Out) {
		c.inviteGuest(now, x, out)
		c.settle(now, out)
	}
	if n := c.lacks(l.sdp.body, by.sdp.body); n == 0 || !c.grow(&adding{adds: n, trunk: l.trunk, who: "who comes from another call", then: ask}, out) {
		ask(now, out)
	}
}

// seats tells whether a leg of another call can take part in this one, which is bypassed: as it was in that one, and with who stays.
func (c *Call) seats(by *Leg, p *Passage) bool {
	said, err := sdp.Parse(p.said)
	return p.said != "" && err == nil && c.joins(by, c.other(by), p.leg.trunk, said)
}

// inviteGuest offers the leg that came from another call, or a target that has answered, what it will hear here, by a re-INVITE.
func (c *Call) inviteGuest(now time.Time, x *transfer, out *Out) {
	l := &x.new.leg
	if c.makeWay(now, x, out); !c.mayInvite(l) {
		if now.Before(x.until) {
			x.again = now.Add(joinPause)
		}
		return
	}
	before := c.plan.standing(x.rest, l)
	e := &exchange{from: x.rest, to: l, forward: "INVITE", offer: true, seat: true, before: before}
	if x.kept == "" {
		x.kept = before.body
	}
	was := l.sdp
	body := c.plan.standingOffer(c, l)
	if body == "" {
		l.oa.Failed("INVITE")
		l.sdp = was // nothing of it was said
		c.transferFailed(now, x, 488, diag.NotAcceptable, out)
		return
	}
	c.exch, e.until = e, now.Add(exchangeTime)
	c.sendOffer(now, e, body, out)
}

// guestAnswered takes its answer: the same as that of a target which was called.
func (c *Call) guestAnswered(now time.Time, x *transfer, e *exchange, answer string, out *Out) {
	said, err := parseOffer(e.to.answered(e.to.sdp.body, answer))
	if err == nil {
		err = c.plan.fits(c, e.to, said)
	}
	if x.passage != nil {
		x.passage.told = true
	}
	if err != nil {
		c.transferFailed(now, x, 488, diag.BadAnswer, out)
		return
	}
	x.said, x.stage = said, transferJoining
	c.join(now, x, out)
}

// sendGuestBack gives a leg that does not get the seat to the call that it came from.
func (c *Call) sendGuestBack(now time.Time, x *transfer, status int, why *diag.Reason, out *Out) {
	p, t := x.passage, x.new
	if !t.leg.calm() { // it may still answer our re-INVITE
		c.dismiss(now, t, out)
		p.status, p.why = status, why
		out.Returns = append(out.Returns, p)
		return
	}
	p.leg = t.leg
	if x.kept != "" {
		p.leg.sdp.body = x.kept
	}
	if p.box != nil && !p.told { // what it was offered here it has not taken
		p.box.said = p.leg.srtp.said
		p.leg.srtp = p.box
	}
	t.leg = Leg{side: t.leg.side, number: t.leg.number, trunk: t.leg.trunk}
	t.state = attemptOver
	p.SendBack(status, why, out)
}

// Back tells whether the leg comes back alive.
func (p *Passage) Back() bool { return p.leg.callID != "" }

// SendBack returns a leg to its call, with the reason.
func (p *Passage) SendBack(status int, why *diag.Reason, out *Out) {
	p.status, p.why = status, why
	out.Returns = append(out.Returns, p)
}

// Returned takes what became of a leg that was lent: it is joined with the one that the referrer wanted it to talk to, and this call is
// over; or it is back, and the call goes on as it was.
func (c *Call) Returned(now time.Time, p *Passage, out *Out) {
	c.now = now
	x := c.xfer
	if p.Fetches() && x != nil && x.stage == transferFetching {
		c.transferFailed(now, x, p.status, p.why, out)
		c.settle(now, out)
		return
	}
	if p.Fetches() || x == nil || x.stage != transferLent {
		return
	}
	switch {
	case p.status < 300:
		c.transferred(now, x, 200, out)
	case !p.Back(): // it did not survive
		c.transferFailed(now, x, p.status, p.why, out)
		c.finish(now, diag.TransferFailed, "directsip", "who stays was lost on the way", out)
	default:
		side, number, who := x.rest.side, x.rest.number, x.rest.who
		*x.rest = p.leg
		x.rest.side, x.rest.number, x.rest.who = side, number, who
		if p.first != 0 {
			x.rest.first = p.first
		}
		out.CallIDs = append(out.CallIDs, p.leg.callID)
		if p.told {
			c.rekeyed(x.rest)
		}
		if p.why == diag.CallGone && c.back(x.by, x.referral.host) != nil { // no dialog of ours: its owner is asked by INVITE with Replaces
			c.huntTransfer(now, x, out)
		} else if !p.past || !c.fetch(x, out) {
			c.transferFailed(now, x, p.status, p.why, out)
		}
		switch {
		case p.over && p.why == diag.PeerVanished: // here as there (RFC 3261 §12.2.1.2)
			c.vanished(now, x.rest, "re-INVITE was not answered when it was to be joined with another call", out)
		case p.over && p.why == diag.SessionExpired:
			c.finish(now, p.why, "directsip", "the "+c.name(x.rest)+" did not refresh", out)
		case p.told:
			c.withdrawn(now, x.rest, out)
		}
	}
	c.settle(now, out)
}

// Orphan hangs up a leg that comes back to a call which is over. The leg's peer gets a BYE, and what it still sends is answered.
func (p *Passage) Orphan(now time.Time, env *Env, out *Out) *Rest {
	if !p.Back() {
		return nil
	}
	l := &p.leg
	r := &Rest{env: env, legs: make([]restLeg, 1)}
	rest := &r.legs[0]
	l.rest(rest)
	if rest.machines == nil {
		rest.machines = &machines{}
	}
	bye := l.dlg.Request("BYE")
	bye.AddFirst(sip.IDVia, env.via(l.hop))
	t := &txn.Client{}
	t.Start(now, bye, l.hop, env.Timers, &out.Out)
	rest.clients = append(rest.clients, t)
	return r
}

// dialog reads the dialog that a REFER wants its target's INVITE to replace.
func (r *referral) dialog() (Replaces, bool) {
	if strings.TrimSpace(r.replaces) == "" {
		return Replaces{}, false
	}
	return ParseReplaces(r.replaces)
}

// giveBack tells the call that a guest came from, when this one ends before the guest has its seat. The guest is hung up with the rest.
func (c *Call) giveBack(out *Out) {
	x := c.xfer
	if x != nil && x.passage != nil && x.stage < transferTelling {
		x.passage.SendBack(diag.CallGone.Status, diag.TransferFailed, out)
	}
	if x != nil && x.stage == transferLending {
		x.notFetched(diag.CallGone.Status, diag.TransferFailed, out)
	}
}
