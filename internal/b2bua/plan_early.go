package b2bua

import (
	"strings"

	"github.com/directsip/directsip/internal/sdp"
)

// offerEarly carries a target's offer into an early dialog of the caller's; "" when it cannot be understood.
func (p *plan) offerEarly(c *Call, l *Leg, f *fork, body string) string {
	s, err := parseOffer(body)
	if err != nil {
		return ""
	}
	return p.carryInto(c, l, &c.a, &f.sdp, s, asOffer)
}

// answerEarly takes the caller's answer to our offer in an early dialog and writes it for the target e, whose offer it was; e may be
// nil, then nobody waits for it.
func (p *plan) answerEarly(c *Call, f *fork, e *early, body string) (string, error) {
	s, err := sdp.Parse(c.a.answered(f.sdp.body, body))
	if err != nil {
		return "", err
	}
	if err = fitTo(f.sdp.body, s); err != nil || e == nil {
		return "", err
	}
	return p.carryInto(c, &c.a, f.leg, &e.sdp, s, asAnswer), nil
}

// accept answers a target's offer when the caller cannot be asked yet: with all that is offered, since the caller is offered the same
// later and what it leaves out is taken back then. Where keys are between the peers there is none to answer with.
func (p *plan) accept(c *Call, l *Leg, e *early) string {
	s, err := parseOffer(e.said)
	if err != nil {
		return ""
	}
	if p.bypass || p.passKeys && secure(s) {
		return p.refuse(c, s, l, &e.sdp)
	}
	e.sdp.peer = fingerprint(s)
	p.take(l, s)
	for i := range s.Media {
		s.Media[i].Direction = s.Media[i].Direction.Reverse()
	}
	return p.write(c, s, l, &e.sdp, asAnswer)
}

// refuse answers an offer by refusing every m-line.
func (p *plan) refuse(c *Call, s *sdp.Session, l *Leg, d *description) string {
	r := sdp.Rewrite{Address: c.env.shownMedia(l.trunk, p.base[l.side]), SessionID: d.id, Version: d.version, UserName: "directsip"}
	if d.shown != "" {
		d.version++
		r.Version = d.version
	}
	var buf [512]byte
	return d.say(string(sdp.Refuse(s, buf[:0], &r)))
}

// agreed is what the caller is told of a target that has agreed in its early dialog: what it was told there, or else what the target
// said.
func (p *plan) agreed(c *Call, l *Leg, e *early) (string, error) {
	said := e.said
	if !e.bid {
		said = l.answered(l.sdp.body, said)
	}
	s, err := sdp.Parse(said)
	if err != nil {
		return "", err
	}
	if codec, ok := s.FirstAudioCodec(); ok {
		c.a.sdp.codec = strings.Clone(codec.Name)
		l.sdp.codec = c.a.sdp.codec
	}
	if !e.bid {
		_ = fitTo(l.sdp.body, s) // what does not fit goes on as it is
	}
	if c.a.sdp.body != "" {
		l.sdp.peer = fingerprint(s)
		p.take(l, s)
		return c.a.sdp.body, nil
	}
	if c.offered != nil {
		if err := sdp.AnswerFits(c.offered, s); err != nil {
			return "", err
		}
	}
	return p.carry(c, l, &c.a, s, as(c.offer != "")), nil
}

// recall makes the caller's description in one early dialog that of the call: in others it may have said something else.
func (p *plan) recall(c *Call, rel *reliable) {
	s := c.offered
	if rel != nil && rel.heard != "" {
		if said, err := sdp.Parse(rel.heard); err == nil {
			if s = said; rel.asked != "" {
				_ = fitTo(rel.asked, s) // it did when it came
			}
		}
	}
	if s != nil {
		c.a.sdp.peer = fingerprint(s)
		p.take(&c.a, s)
	}
}

// told tells whether a target that was told said needs to hear nothing of the caller's answer to our offer. Where its own offer was refused for
// want of an answer it needs to.
func told(said, offer, answer string) bool {
	s, err := sdp.Parse(said)
	return err == nil && s.InUse() && takesAll(offer, answer)
}

// takesAll tells whether an answer takes all that was offered, so that who has agreed to the offer need not be told.
func takesAll(offer, answer string) bool {
	o, err := sdp.Parse(offer)
	if err != nil {
		return false
	}
	a, err := sdp.Parse(answer)
	if err != nil || len(a.Media) != len(o.Media) {
		return false
	}
	for i := range o.Media {
		x, y := &o.Media[i], &a.Media[i]
		if x.Rejected() != y.Rejected() || len(x.Formats) != len(y.Formats) || x.Direction != y.Direction.Reverse() {
			return false
		}
	}
	return true
}
