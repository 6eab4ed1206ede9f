package b2bua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/sdp"
)

// Who resumes may do so by a re-INVITE without an offer: then our 200 has to offer what it gets when nobody holds (RFC 3261 §14.2, RFC 6337 §5.3). Much equipment that is
// asked for an offer says what stands, and that is the hold of who resumes.

// wish notes which direction a side wants. A description says so where the other side holds nothing. Where it does, what is missing may be for that: only what is
// there is wanted, and that the side asks not to hear, and did not before, is a hold of its own.
func (e *end) wish(said sdp.Direction, other *end, asks bool) {
	switch {
	case said.Send() && said.Recv(), !other.live || other.dir.Send() && other.dir.Recv(), asks && said != e.dir && !said.Recv():
		e.wants = said
	case asks && said != e.dir, said.Recv() && !e.wants.Recv():
		e.wants = sdp.DirectionOf(said.Send() || !other.dir.Recv(), said.Recv())
	case said.Send():
		e.wants = sdp.DirectionOf(true, e.wants.Recv())
	}
}

// forgetHold notes that a side has asked for an offer: if it held it may have resumed by that, and where the offer let it say nothing it is not taken to hold still.
func (p *plan) forgetHold(l *Leg) {
	for i := range p.lines {
		p.lines[i].peer[l.side].wants = sdp.DirectionUnset
	}
}

// unhold gives an offer that a side was asked for the directions that it would have without a hold of the other side, who has asked for it.
func (p *plan) unhold(from *Leg, s *sdp.Session) (changed bool) {
	for i := range s.Media[:min(len(s.Media), len(p.lines))] {
		m, wants := &s.Media[i], p.lines[i].peer[from.side].wants
		if d := sdp.DirectionOf(m.Direction.Send() || wants.Send(), m.Direction.Recv() || wants.Recv()); d != m.Direction && !m.Rejected() {
			m.Direction, changed = d, true
		}
	}
	return changed
}

// giveUp is what stands on a leg without the m-lines that one of the sides has refused: whoever took one now would not be heard. nil: nothing stands.
func (p *plan) giveUp(body string) (s *sdp.Session, less bool) {
	s, err := sdp.Parse(body)
	if err != nil {
		return nil, false
	}
	refused := sdp.Absent(0)
	for i := range s.Media[:min(len(s.Media), len(p.lines))] {
		if peer := &p.lines[i].peer; !s.Media[i].Rejected() && !(peer[0].live && peer[1].live) {
			refused |= 1 << i
		}
	}
	if refused == 0 {
		return s, false
	}
	s, err = sdp.Parse(sdp.Without(body, refused))
	return s, err == nil
}

// offerStanding answers a re-INVITE without an offer with what stands, off hold. What the other side does not have it cannot be asked for: it has refused to be asked.
func (c *Call) offerStanding(now time.Time, l *Leg, out *Out) {
	other := c.other(l)
	if s, less := c.plan.giveUp(l.sdp.body); s != nil && other != nil {
		if unheld := c.plan.unhold(other, s); unheld || less {
			c.plan.write(c, s, l, &l.sdp, asOffer)
		}
	}
	text := l.sdp.again()
	l.unheld = true
	l.oa.LocalOffer("INVITE")
	c.acceptReinvite(now, l, text, out)
}

// passUnheld tells a leg what came of an offer that took the other one off hold: text, and as far as its own offer lets it, if that waits for its answer. said is
// what it was told before, and takes tells whether that has all of it but for directions.
func (c *Call) passUnheld(now time.Time, l *Leg, said description, text string, takes bool, out *Out) {
	answer, err := sdp.Parse(text)
	if l.ackWaits {
		said.codec = l.sdp.codec
		offer, errOffer := sdp.Parse(l.offered)
		ack := text
		if err == nil && errOffer == nil && len(answer.Media) == len(offer.Media) {
			if narrow, _ := sdp.Parse(text); mirror(offer, narrow) {
				l.sdp = said
				ack = c.plan.write(c, narrow, l, &l.sdp, asAnswer)
			}
		}
		l.oa.LocalAnswer()
		c.sendAck(now, l, l.ackSeq, ack, out)
		c.exch = nil
		c.plan.dirty = true
		if ack == text {
			return
		}
		said = l.sdp
		c.plan.write(c, answer, l, &l.sdp, asOffer)
	} else if before, errBefore := sdp.Parse(said.body); takes && err == nil && errBefore == nil && sameDirections(before, answer) && c.means(l) {
		l.sdp = said
		return
	}
	l.stood = said.body
	l.sdp.unsaid(&said)
	c.correct(now, l, 0, out)
}

// staysHeld tells the other leg, which was taken off hold, that the leg does not go along.
func (c *Call) staysHeld(now time.Time, l *Leg, out *Out) {
	l.sdp.body, l.stood = l.stood, ""
	other, p := c.other(l), &c.plan
	if other == nil || c.exch != nil {
		return
	}
	s, err := sdp.Parse(other.sdp.body)
	if err != nil {
		return
	}
	changed := false
	for i := range s.Media[:min(len(s.Media), len(p.lines))] {
		m, dir := &s.Media[i], p.lines[i].peer[l.side].dir
		if d := sdp.DirectionOf(m.Direction.Send() && dir.Send(), m.Direction.Recv() && dir.Recv()); d != m.Direction {
			m.Direction, changed = d, true
		}
	}
	if changed {
		c.correctTo(now, other, s, out)
	}
}

// means tells whether what the other leg was told of a leg's directions is what its peer says.
func (c *Call) means(l *Leg) bool {
	s, err := sdp.Parse(c.other(l).sdp.body)
	if err != nil {
		return true
	}
	for i := range s.Media[:min(len(s.Media), len(c.plan.lines))] {
		if m, dir := &s.Media[i], c.plan.lines[i].peer[l.side].dir; !m.Rejected() && (m.Direction.Send() != dir.Send() || m.Direction.Recv() != dir.Recv()) {
			return false
		}
	}
	return true
}

// sameDirections tells whether two descriptions have the same m-lines live, and in the same directions.
func sameDirections(a, b *sdp.Session) bool {
	return slices.EqualFunc(a.Media, b.Media, func(x, y sdp.Media) bool {
		return x.Rejected() == y.Rejected() && (x.Rejected() || x.Direction == y.Direction)
	})
}
