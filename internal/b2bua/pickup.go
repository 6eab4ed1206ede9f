package b2bua

import (
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// Call pick-up: an INVITE with Replaces names an early dialog that our INVITE has made. Only who has initiated an early dialog may have it
// replaced (RFC 3891 §3), so this goes for a target that rings and not for the caller. The target is cancelled, and who came answers the caller.
//
// Both have made an offer, and each is the answer to the other: where they do not fit as that, or keys pass from peer to peer, so that one would have to
// choose from those of the other, the INVITE is refused and the target rings on.

// pickUp is an INVITE that takes the place of a target that rings, when it is allowed to.
type pickUp struct {
	of     *attempt
	fork   *fork        // the caller's early dialog that it answers
	answer *sdp.Session // for the caller: what who came has offered
	back   *sdp.Session // for who came: what the caller has offered
	short  sdp.Absent   // m-lines of who came that the caller has not, and is not shown
}

// ringing finds the target that rings in a dialog; nil: none does.
func (c *Call) ringing(d *Replaces) *attempt {
	t := c.current
	if c.phase != phaseHunting || c.xfer != nil || c.answering != nil || t == nil || t.state != attemptTrying ||
		t.leg.callID != d.CallID || t.leg.tag != d.Local || c.forkFrom(&t.leg, d.Remote) == nil {
		return nil
	}
	return t
}

// judgePickUp reads an INVITE for the place of a target that rings, or says why it is refused.
func (c *Call) judgePickUp(in Caller, l *Leg, d *Replaces, t *attempt) (p pickUp, why *diag.Reason) {
	if !mayTake(in.Trunk, &t.leg) {
		return p, diag.ReplacesRefused
	}
	before := ""
	if c.offered != nil {
		before = c.offered.Body()
	}
	if why = c.admit(in, l, &c.a, before); why != nil {
		return p, why
	}
	body, ok := in.Req.SDP()
	if !ok || c.offer == "" {
		return p, diag.NotAcceptable
	}
	p.of, p.fork = t, c.forkFor(c.forkFrom(&t.leg, d.Remote))
	answer, err := parseOffer(body)
	if err != nil {
		return p, diag.BadSDP
	}
	if c.plan.bypass && !c.picksUp(in.Trunk, answer) {
		return p, diag.NotAcceptable
	}
	back := strings.Clone(c.offered.Body())
	if n, most := sdp.MediaLines(back), sdp.MediaLines(body); n < most { // a telephone with video picks up one without
		if whole, absent := sdp.Complete(body, back); absent == sdp.Tail(n, most) {
			back, p.short = whole, absent
		}
	}
	p.back, err = sdp.Parse(back)
	if err == nil {
		refuseAlike(p.back, answer)
	}
	between := c.plan.passKeys || c.plan.bypass // what is agreed on is so between the peers
	if err != nil || p.fork == nil || !eitherWay(p.back, answer) || between && !muxedAlike(p.back, answer) {
		return p, diag.NotAcceptable
	}
	p.answer, _ = sdp.Parse(body)
	if refuseAlike(p.back, p.answer); c.plan.bypass { // they pass as they are written
		p.answer, _ = sdp.Parse(refusedAlso(body, p.back))
		p.back, _ = sdp.Parse(refusedAlso(back, answer))
	}
	if !c.plan.passKeys {
		p.answer, p.back = shared(p.answer, p.back), shared(p.back, p.answer)
	}
	mirror(p.back, p.answer)
	mirror(answer, p.back)
	if why = c.roomForGuest(l, t.leg.side, &c.a, p.answer); why != nil {
		return p, why
	}
	return p, nil
}

// refuseAlike refuses what one of two descriptions has refused in both.
func refuseAlike(a, b *sdp.Session) {
	for i := range min(len(a.Media), len(b.Media)) {
		if a.Media[i].Rejected() || b.Media[i].Rejected() {
			a.Media[i].Port, b.Media[i].Port = 0, 0
		}
	}
}

// shared is an offer as the answer to another: with the codecs that both have.
func shared(s, other *sdp.Session) *sdp.Session {
	n, less := min(len(s.Media), maxLines), false
	var to [maxLines]sdp.Formats
	for i := range n {
		m := &s.Media[i]
		for name, value := range s.Attributes(i) {
			if name == sdp.SpeechNote {
				to[i].Note = value
			}
		}
		both := slices.DeleteFunc(slices.Clone(m.Codecs), func(c sdp.Codec) bool {
			return !c.Auxiliary() && !slices.ContainsFunc(other.Media[i].Codecs, func(o sdp.Codec) bool { return sameCodec(o, c) })
		})
		if m.IsRTP() && len(both) < len(m.Codecs) && slices.ContainsFunc(both, func(c sdp.Codec) bool { return !c.Auxiliary() }) {
			note := to[i].Note
			to[i], less = formatsOf(both, m.Codecs), true
			to[i].Note = note
		}
	}
	if !less {
		return s
	}
	if answer, err := sdp.Parse(string(s.Respeak(nil, to[:n]))); err == nil {
		return answer
	}
	return s
}

// picksUp tells whether the media of who picks up on a trunk with said goes past us as that of the target would have: there may be no ports for it.
func (c *Call) picksUp(t *topology.Trunk, said *sdp.Session) bool {
	caller, guest := c.callerParty(), network.Party{Trunk: t, Media: mediaHost(said), Said: said.BypassID()}
	return network.Bypass(c.snap.Network, &caller, &guest, c.security()).Bypass
}

// forkFor is the early dialog in which the caller is answered by who came instead of the target of f: the same one if nothing was described in
// it, else one more, as if the INVITE had been forked. nil: the caller can have no more (TRK-02).
func (c *Call) forkFor(f *fork) *fork {
	switch {
	case f.sdp.body == "" && (f.rel == nil || f.rel.told == ""):
		return f
	case !c.mayFork():
		return nil
	}
	n := &fork{ours: c.env.tag()}
	n.sdp.start(c.env)
	return n
}

// eitherWay tells whether each of two offers will do as the answer to the other.
func eitherWay(a, b *sdp.Session) bool {
	return sdp.AnswerFits(a, b) == nil && sdp.AnswerFits(b, a) == nil && !secure(a) && !secure(b)
}

// muxedAlike tells whether each of two offers with the same m-lines has rtcp-mux where the other has: where keys pass it is agreed between the peers, and
// no answer may have it unasked (RFC 5761 §5.1.1).
func muxedAlike(a, b *sdp.Session) bool {
	return slices.EqualFunc(a.Media, b.Media, func(x, y sdp.Media) bool { return x.RTCPMux == y.RTCPMux || x.Rejected() })
}

// pickUp puts who came into the place of the target.
func (c *Call) pickUp(now time.Time, p *pickUp, l Leg, out *Out) {
	t, f := p.of, p.fork
	c.forgo(now, t, out)
	c.dropEarly(now, out)
	g := c.guest(now, &t.leg, l)
	g.target = t.target
	c.won, c.current = g, nil
	b, a, req := &g.leg, &c.a, l.inv
	c.beginGuest(now, b)
	a.tag, a.absent = f.ours, p.short
	a.adopt(&f.sdp)
	if f.rel != nil {
		a.oa = f.rel.oa
	}
	if c.moved {
		c.plan.recall(c, nil)
	}
	c.plan.face(c, b)
	if codec, ok := p.answer.FirstAudioCodec(); ok {
		a.sdp.codec = strings.Clone(codec.Name)
		b.sdp.codec = a.sdp.codec
	}
	text := c.plan.carry(c, b, a, p.answer, asAnswer)
	c.plan.nameCodecs(a, b)
	back := c.plan.write(c, p.back, b, &b.sdp, asAnswer)
	a.oa.LocalAnswer()
	c.answerCaller(now, req, f, text, out)
	c.answerGuest(now, b, back, out)
	c.keepPlaces()
}

// whoComes is who takes a place by INVITE with Replaces: a user of its own, under the number that is known at the other end.
func (c *Call) whoComes(in Caller, by *Leg) *party {
	return &party{c.at(in.Trunk, in.Req.From().URI).User, strings.Clone(c.partyOf(by).number)}
}
