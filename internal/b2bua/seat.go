package b2bua

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// A call that is up has two seats, one a side of its media: the caller's and the callee's. A transfer puts another leg on one of them.

// seat is the leg that sits on a side; nil on the callee's before the answer.
func (c *Call) seat(side media.SideIndex) *Leg {
	switch {
	case side == 0 && c.near != nil:
		return &c.near.leg
	case side == 0:
		return &c.a
	case c.won != nil:
		return &c.won.leg
	}
	return nil
}

// host is where the messages of an attempt's leg come from. Its Contact says less: behind NAT that is an address of its own.
func (t *attempt) host() netip.Addr {
	if len(t.hops) == 0 {
		return t.leg.hop.Remote.Addr()
	}
	return t.hops[t.hop].Remote.Addr()
}

// standingOffer is what the target of a transfer is offered: the description of who stays, as the referrer knows it, taken off hold.
func (p *plan) standingOffer(c *Call, l *Leg) string {
	body := c.xfer.by.sdp.body
	if p.bypass {
		body = offHold.Replace(body)
	}
	body = c.standsSpokenTo(body)
	body, _ = sdp.Complete(l.sdp.body, body) // a dialog never has fewer m-lines than before (RFC 3264 §8), and what it has had keeps its place
	s, err := parseOffer(body)
	if err != nil {
		return ""
	}
	if p.bypass {
		return l.sdp.pass(s)
	}
	if p.silences(s) {
		return ""
	}
	for i := range s.Media {
		if !c.xfer.connects() { // who holds does so for the referrer
			s.Media[i].Direction = sdp.SendRecv
		}
	}
	return p.writeAt(c, s, l, &l.sdp, c.env.mediaAddr(l.trunk, l.hop.Remote.Addr()), asOffer)
}

var offHold = strings.NewReplacer("a=sendonly\r\n", "a=sendrecv\r\n", "a=recvonly\r\n", "a=sendrecv\r\n", "a=inactive\r\n", "a=sendrecv\r\n")

// join tells who stays the description of the new party, by a re-INVITE (RFC 3725 §4.4 has the flow: the offer was that of who stays, as
// it was last known). Who stays may be busy with a change of its own, and is then asked a little later.
func (c *Call) join(now time.Time, x *transfer, out *Out) {
	l := x.rest
	if c.makeWay(now, x, out); !c.mayInvite(l) {
		if now.Before(x.until) {
			x.again = now.Add(joinPause)
		}
		return
	}
	if len(x.said.Media) < sdp.MediaLines(l.sdp.body) { // the session has grown while the target rang
		l.oa.Failed("INVITE")
		c.askGuestAgain(now, x, out)
		return
	}
	e := &exchange{from: &x.new.leg, to: l, req: x.answer, forward: "INVITE", offer: true, seat: true, before: c.plan.standing(&x.new.leg, l)}
	c.exch, e.until = e, now.Add(exchangeTime)
	c.sendOffer(now, e, c.plan.write(c, x.said, l, &l.sdp, asOffer), out)
}

// hurry leaves who is slow to be joined as long as who is asked for no change by a person, when one of the two who talk wants a change of the session meanwhile. It is answered 491 until
// then, and asks only a few times more (RFC 3261 §14.1). Where the referrer has hung up there is nobody to go back to.
func (c *Call) hurry(asks *Leg) {
	if e, x := c.exch, c.xfer; e != nil && e.seat && !e.hurried && !e.stopped && x != nil && x.by.up && asks == c.seat(asks.side) {
		e.hurried, e.until = true, e.until.Add(askTime-exchangeTime)
	}
}

// makeWay withdraws the change that who is about to lose its seat is asked for and is slow to answer, so that who takes the seat need not wait for it as long as a person may take.
func (c *Call) makeWay(now time.Time, x *transfer, out *Out) {
	if e := c.exch; e != nil && e.to == x.by && e.forward == "INVITE" && !e.seat && !e.gone && !e.to.ackWaits && !now.Before(x.until.Add(lendTime-referTime)) {
		c.failExchange(now, e, diag.RequestPending, 491, out)
		c.withdraw(now, e, out)
	}
}

// mayInvite begins an offer to a leg, unless an INVITE of the leg is under way, in either direction, and acknowledged too if it has succeeded (RFC 3261 §14.1).
func (c *Call) mayInvite(l *Leg) bool {
	return c.exch == nil && l.up && !l.pending && !l.answer.Waiting() && l.inv == nil && l.oa.LocalInvite(true)
}

// askGuestAgain offers the new party what the session has become since it was asked: who stays cannot be told of fewer m-lines than its dialog has (RFC 3264 §8).
func (c *Call) askGuestAgain(now time.Time, x *transfer, out *Out) {
	if !x.new.leg.up || sdp.MediaLines(x.by.sdp.body) <= len(x.said.Media) {
		c.transferFailed(now, x, 488, diag.NotAcceptable, out)
		return
	}
	x.stage = transferInviting
	c.inviteGuest(now, x, out)
}

// seatRefused takes the failure of join.
func (c *Call) seatRefused(now time.Time, why *diag.Reason, status int, out *Out) {
	if x := c.xfer; x != nil && c.end == nil {
		c.transferFailed(now, x, status, why, out)
	}
}

// seatTaken takes the answer of who stays: from now on it talks to the new party.
func (c *Call) seatTaken(now time.Time, e *exchange, answer string, out *Out) {
	x, p := c.xfer, &c.plan
	if x != nil && x.stage == transferInviting {
		c.guestAnswered(now, x, e, answer, out)
		return
	}
	if x == nil || x.stage != transferJoining {
		return
	}
	s, err := sdp.Parse(e.to.answered(e.to.sdp.body, answer))
	if err == nil {
		err = p.fits(c, e.to, s)
	}
	if err != nil {
		p.restore(e)
		c.transferFailed(now, x, 488, diag.BadAnswer, out)
		c.withdrawn(now, e.to, out)
		return
	}
	l, side := e.from, e.from.side
	if codec, ok := s.FirstAudioCodec(); ok {
		e.to.sdp.codec = strings.Clone(codec.Name)
		l.sdp.codec = e.to.sdp.codec
	}
	e.to.sdp.peer, l.sdp.peer = fingerprint(s), fingerprint(x.said)
	if side == 0 {
		c.near = x.new
	} else {
		c.won = x.new
	}
	if !p.bypass {
		p.base[side] = c.env.mediaAddr(l.trunk, l.hop.Remote.Addr())
	}
	for i := range p.lines {
		e := &p.lines[i].peer[side]
		e.place, e.wants = netip.Addr{}, sdp.DirectionUnset // of who was there before
		if x.passage != nil {
			e.place = x.passage.places[i]
		}
	}
	p.take(l, x.said)
	p.take(e.to, s)
	p.nameCodecs(l, e.to)
	p.dirty = true
	c.keepPlaces()
	p.withMusic(e.to, l, s, false)
	if l.inv != nil && !l.up {
		c.answerGuest(now, l, p.write(c, s, l, &l.sdp, asAnswer), out)
	} else {
		c.level(now, l, x.said, s, out)
	}
	if x.passage != nil {
		x.passage.SendBack(200, nil, out)
	}
	c.transferred(now, x, 200, out)
}

// level tells the new party what who stays has answered, when that is less than it was offered in its name: who stays may hold the
// call from its end. Where media goes past us it is told, too, where that is now.
func (c *Call) level(now time.Time, l *Leg, said, answer *sdp.Session, out *Out) {
	moved := false
	if told, err := sdp.Parse(l.sdp.body); c.plan.bypass && err == nil {
		moved = !slices.EqualFunc(told.Media, answer.Media, func(x, y sdp.Media) bool {
			return samePlace(&x, &y)
		})
	}
	for i := range said.Media {
		live := !answer.Media[i].Rejected() && !said.Media[i].Rejected()
		if live && answer.Media[i].Direction == said.Media[i].Direction.Reverse() && takesFirst(&said.Media[i], &answer.Media[i]) || !live && said.Media[i].Rejected() {
			continue
		}
		moved = true
	}
	if moved {
		c.correctTo(now, l, answer, out)
	}
}

// takesFirst tells whether an answer has the codec that its offer names first, in which its sender will speak.
func takesFirst(offer, answer *sdp.Media) bool {
	i := slices.IndexFunc(offer.Codecs, func(o sdp.Codec) bool { return !o.Auxiliary() })
	return i < 0 || slices.ContainsFunc(answer.Codecs, func(a sdp.Codec) bool { return sameCodec(a, offer.Codecs[i]) || a.PT == offer.Codecs[i].PT })
}
