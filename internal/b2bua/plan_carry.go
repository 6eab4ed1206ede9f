package b2bua

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// Descriptions go from one leg to the other.

// errNoAnswer says that a 2xx came without the answer to our offer (RFC 3261 §13.2.1).
var errNoAnswer = errors.New("2xx without an answer to our offer")

// offerTo is the caller's offer as a target sees it.
func (p *plan) offerTo(c *Call, l *Leg) string {
	c.a.sdp.peer = fingerprint(c.offered)
	if p.bypass {
		return l.sdp.pass(c.offered)
	}
	p.face(c, l)
	return p.write(c, c.offered, l, &l.sdp, asOffer)
}

// as is what a description on its way is for the leg that it goes to.
type as bool

const (
	asOffer  as = false
	asAnswer as = true
)

// write writes a description of the other leg for l into d. The version rises only when something changed (RFC 3264 §8).
func (p *plan) write(c *Call, s *sdp.Session, l *Leg, d *description, what as) string {
	if p.bypass {
		return d.pass(s)
	}
	return p.writeAt(c, s, l, d, p.base[l.side], what)
}

// writeAt is write with an address of ours that l's side may not have yet.
func (p *plan) writeAt(c *Call, s *sdp.Session, l *Leg, d *description, base netip.Addr, what as) string {
	var slots [mostLines]sdp.MediaAddr
	base = c.env.shownMedia(l.trunk, base)
	n := min(len(s.Media), len(p.lines))
	for i := range n {
		slots[i] = sdp.MediaAddr{Addr: base, Port: p.lines[i].ours[l.side], RTCPPort: p.lines[i].ours[l.side] + 1,
			Drop: p.noVideo && strings.EqualFold(s.Media[i].Kind, "video") || !s.Media[i].Relayable(p.passKeys) || i >= maxLines && s.Media[i].IsRTP()}
	}
	r := sdp.Rewrite{Address: base, Media: slots[:n], Codecs: c.codecs(s, l.trunk.Settings, what), Mux: p.passKeys, KeepKeys: p.passKeys}
	if what == asOffer && d.shown == "" && l.hop.Transport == sip.UDP && s.Unmapped() {
		d.unmapped = true
		bare := d.rewrite(s, &r)
		d.unmapped, d.shown, d.bare = false, "", bare
	}
	return d.rewrite(s, &r)
}

// decline answers an offer that nobody takes: with what stands if that fits, and then the media goes where the offer wants it, else by refusing every m-line.
func (p *plan) decline(c *Call, l *Leg, offer string) string {
	s, err := sdp.Parse(offer)
	if err != nil {
		return ""
	}
	stands, spoken := refusedAlso(l.sdp.body, s), func(text string) string { return text }
	if l == c.seat(l.side) && p.converts() {
		spoken = func(text string) string { return c.standsSpoken(l, text, s) }
	}
	changes := stands != l.sdp.body
	if n := len(s.Media); n > sdp.MediaLines(stands) { // what it has besides is refused, and keeps its place from now on (RFC 3264 §6, §8)
		changes = changes || n > sdp.MediaLines(l.sdp.wide)
		l.sdp.wide = strings.Clone(offer)
	}
	whole := func(text string) string { return sdp.Extend(spoken(text), offer) }
	if b, err := sdp.Parse(whole(stands)); c.end == nil && err == nil && sdp.AnswerFits(s, b) == nil {
		switch {
		case l != c.seat(l.side):
		case p.bypass && fingerprint(s) != l.sdp.peer: // it may be elsewhere now, where the other side has to send
			l.sdp.peer = fingerprint(s)
			n := &news{said: s, was: slices.Clone(p.lines)}
			p.take(l, s)
			l.news = n
		case !p.bypass:
			p.follow(l, offer)
		}
		if stands == l.sdp.body && l == c.seat(l.side) && !p.bypass && mirror(s, b) { // who holds is to be held, and what stands stays
			stood := l.sdp.body
			text := p.write(c, b, l, &l.sdp, asAnswer)
			l.sdp.body = stood
			return text
		}
		if changes {
			return whole(l.sdp.anew(stands))
		}
		return whole(l.sdp.again())
	}
	return p.refuse(c, s, l, &l.sdp)
}

// refusedAlso is what we have said, without what the peer refuses in an offer: it may have done so in the answer to that.
func refusedAlso(body string, offer *sdp.Session) string {
	b, err := sdp.Parse(body)
	if err != nil || len(b.Media) > len(offer.Media) {
		return body
	}
	refused := sdp.Absent(0)
	for i := range b.Media {
		if offer.Media[i].Rejected() && !b.Media[i].Rejected() {
			refused |= 1 << i
		}
	}
	if refused == 0 {
		return body
	}
	return sdp.Without(body, refused)
}

// carry takes a description of one leg and writes it for the other.
func (p *plan) carry(c *Call, from, to *Leg, s *sdp.Session, what as) string {
	return p.carryInto(c, from, to, &to.sdp, s, what)
}

// carryInto is carry with the description of an early dialog.
func (p *plan) carryInto(c *Call, from, to *Leg, d *description, s *sdp.Session, what as) string {
	from.sdp.peer = fingerprint(s)
	asked := c.exch != nil && c.exch.to == from // for an offer, in a re-INVITE of ours without one
	asks := what == asOffer && !asked
	p.takeAs(from, s, asks)
	if what == asOffer && asked {
		to.unheld = p.unhold(from, s)
	}
	if c.phase == phaseAnswered && !p.bypass {
		p.withMusic(from, to, s, what == asOffer && asked)
	}
	return p.write(c, s, to, d, what)
}

// earlyAnswer carries the description of a provisional response; "" when it cannot be understood.
func (p *plan) earlyAnswer(c *Call, l *Leg, f *fork, body string) string {
	s, err := sdp.Parse(l.answered(l.sdp.body, body))
	if err != nil || p.fits(c, l, s) != nil {
		return ""
	}
	return p.carryInto(c, l, &c.a, &f.sdp, s, asAnswer)
}

// answerFrom carries an answer from one leg to the other.
func (p *plan) answerFrom(c *Call, from, to *Leg, body string) (string, error) {
	s, err := sdp.Parse(from.answered(from.sdp.body, body))
	if err != nil {
		return "", err
	}
	if err := p.fits(c, from, s); err != nil {
		return "", err
	}
	if codec, ok := s.FirstAudioCodec(); ok {
		c.a.sdp.codec = strings.Clone(codec.Name)
		from.sdp.codec, to.sdp.codec = c.a.sdp.codec, c.a.sdp.codec
	}
	text := p.carry(c, from, to, s, asAnswer)
	p.nameCodecs(from, to)
	return text, nil
}

// fits checks an answer against what we offered on its leg (RFC 3264 §6), and mirrors its directions.
func (p *plan) fits(c *Call, from *Leg, answer *sdp.Session) error {
	if from.srtp != nil && from.srtp.fault != nil {
		return from.srtp.fault
	}
	offer := c.offered // the caller's own offer went on with nothing left out
	if offer == nil || len(offer.Media) > len(p.lines) || len(from.trunk.Settings.Codecs) > 0 || p.limits != nil || p.noVideo {
		return fitTo(from.sdp.body, answer)
	}
	if err := sdp.AnswerFits(offer, answer); err != nil {
		return err
	}
	mirror(offer, answer)
	return nil
}

// offerFrom carries an offer from one leg to the other, or says why not. One in a 2xx to a re-INVITE of ours that links have no room for is answered with what
// stands, see keepSession. Where that is no answer to it none would do but one that rejects its m-lines, and that cuts the call (RFC 3261 §14.1): it goes on and is counted.
func (p *plan) offerFrom(c *Call, from, to *Leg, body string) (string, *diag.Reason) {
	s, err := parseOffer(body)
	if err != nil || p.silences(s) { // without any m-line of it the call would be silent: it stays as it is
		return "", diag.NotAcceptable
	}
	if why := c.roomForOffer(from, to, s); why != nil && (c.exch == nil || c.exch.from == from || !p.converts() && from.sdp.answers(s)) {
		return "", why
	}
	return p.carry(c, from, to, s, asOffer), nil
}
