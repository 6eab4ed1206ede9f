package sim

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// act does what the script says.
func (p *Party) act(v Verb) {
	switch v {
	case Bye:
		p.scenario.hear(p.w())
		p.bye()
	case Vanish:
		p.gone = true
		p.end()
	case Forget:
		p.forgot = true
		p.end()
	case Mute:
		p.mute = true
	case Fax, FaxBehind:
		p.reinvite("sendrecv", v)
	case FaxWithdraw:
		p.scenario.withdrawn = true
		p.reinvite("sendrecv", v)
	case Hold:
		p.reinvite("sendonly", v)
	case Inactive:
		p.reinvite("inactive", v)
	case ResumeBare:
		p.scenario.bared = true
		p.reinvite("sendrecv", v)
	case Resume:
		p.reinvite("sendrecv", v)
	case RecvOnly:
		p.reinvite("recvonly", v)
	case Zero:
		p.reinvite("zero", v)
	case Recode:
		p.speaker.pcma, p.speaker.thrifty = true, false
		p.reinvite("sendrecv", v)
	case Shorten:
		p.speaker.ptime = 10
		p.reinvite("sendrecv", v)
	case AddVideo:
		p.speaker.video = true
		p.reinvite("sendrecv", v)
	case Refresh, Offerless:
		p.reinvite(p.held, v)
	case Withdraw:
		p.scenario.withdrawn = true
		p.reinvite("sendonly", v)
	case Recant:
		p.scenario.withdrawn = true
		p.reinvite(p.held, v)
	case Update:
		p.update(true)
	case Ping:
		p.update(false)
	case Info:
		p.seq++
		m := p.message("INFO", p.seq)
		m.SetBody("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")
		p.send(m, nil)
	case Message, Beep:
		p.seq++
		m := p.message(map[Verb]string{Message: "MESSAGE", Beep: "BEEP"}[v], p.seq)
		m.SetBody("text/plain", "lunch?")
		p.send(m, nil)
	case Options:
		p.seq++
		p.send(p.message("OPTIONS", p.seq), nil)
	case Refer, ReferMute, ReferBye, ReferBad, ReferFar, ReferHome:
		p.refer(v)
	case ReferJoin:
		p.referJoin()
	case ReferLost:
		p.referLost()
	case Pickup:
		p.pickup(p.callID, p.remoteTag, p.tag)
	case PickOther:
		p.pickOther()
	case PickLost:
		p.pickup(p.host.token(), "nobody", p.tag)
	case ReferTwo:
		p.refer(Refer)
		p.refer(Refer)
	case Garbage:
		p.garbage()
	}
}

// reinvite changes the session by INVITE, when nothing else is under way (RFC 3261 §14.1).
func (p *Party) reinvite(dir string, v Verb) {
	if p.pending || p.busy || p.offered || !p.caller && !p.acked {
		p.retry(dir, v)
		return
	}
	p.pending = true
	p.seq++
	p.move()
	m := p.message("INVITE", p.seq)
	if v != Offerless && v != ResumeBare && v != Recant {
		old := p.speaker.dir
		p.speaker.dir = dir
		body := p.speaker.offer()
		if v == Fax || v == FaxWithdraw {
			body = p.speaker.t38()
		}
		if v == FaxBehind {
			body = p.speaker.t38Behind()
		}
		m.SetBody("application/sdp", body)
		p.speaker.dir = old
	}
	var c *client
	wanted, sent := false, false
	cancel := func() { // as soon as that is allowed (RFC 3261 §9.1)
		if wanted && !sent && c.heard && c.final == 0 {
			sent = true
			p.sendCancel(c)
		}
	}
	c = p.send(m, func(r *sip.Message) {
		p.reinvited(c, r, dir, v)
		cancel()
	})
	if v == Withdraw || v == Recant || v == FaxWithdraw {
		p.after(60*time.Millisecond, func() {
			wanted = true
			cancel()
		})
	}
}

// retry tries again after glare.
func (p *Party) retry(dir string, v Verb) {
	if p.tries++; p.tries > 4 {
		return
	}
	p.w().after(time.Duration(p.w().rnd.Int64N(int64(2*time.Second))), func() {
		if p.state == up && p.live() {
			p.reinvite(dir, v)
		}
	})
}

// reinvited takes the responses to a re-INVITE.
func (p *Party) reinvited(c *client, m *sip.Message, dir string, v Verb) {
	switch {
	case p.gone:
	case m == nil:
		p.pending = false
		p.bye() // RFC 3261 §14.1: no answer ends the dialog
	case m.Status < 200:
		return
	case m.Status < 300:
		if c.ackOf[m.ToTag()] != nil {
			return
		}
		p.target = contactOf(m)
		p.pending, p.speaker.dir, p.held = false, dir, dir
		p.heardTimer(m)
		p.ackAnswer(m)
	case m.Status == 491:
		p.pending = false
		if p.state == up {
			p.retry(dir, v)
		}
	case m.Status == 408 || m.Status == 481:
		p.pending = false
		p.bye()
	default:
		p.pending = false
	}
}

// update changes or refreshes by UPDATE (RFC 3311).
func (p *Party) update(offer bool) {
	if p.pending || p.busy || p.offered || !p.caller && !p.acked {
		return
	}
	p.seq++
	p.move()
	m := p.message("UPDATE", p.seq)
	if offer {
		p.pending = true
		p.speaker.port += 2
		m.SetBody("application/sdp", p.speaker.offer())
	}
	p.send(m, func(r *sip.Message) {
		if r != nil && r.Status < 200 {
			return
		}
		if offer {
			p.pending = false
		}
		if r != nil && r.Status < 300 {
			p.heardTimer(r)
		}
		switch {
		case r == nil || r.Status == 481 || r.Status == 408:
			p.bye()
		case r.Status >= 300:
			if offer {
				p.speaker.port -= 2
			}
		case offer && readSDP(r.Body) == nil:
			p.w().fail("%s: 200 to UPDATE without answer", p.scenario.Name)
		case offer:
			p.target = contactOf(r)
			p.speaker.remote, p.speaker.mine = readSDP(r.Body), readSDP(m.Body)
		case r.Body != "":
			p.w().fail("%s: 200 to UPDATE without offer has a body", p.scenario.Name)
		}
	})
}

// modify takes a re-INVITE or UPDATE of the other side.
func (p *Party) modify(s *server) {
	m := s.req
	d := readSDP(m.Body)
	switch {
	case p.pending && (m.Method == "INVITE" || d != nil):
		p.deny(s, 491, d, nil)
		return
	case (p.busy || p.offered || p.answered != nil && !p.acked) && (m.Method == "INVITE" || d != nil):
		p.deny(s, 500, d, func(r *sip.Message) { r.Add(sip.IDRetryAfter, "1") })
		return
	case m.Method == "INVITE" && p.glares < p.manner.Glare:
		p.glares++
		p.deny(s, 491, d, nil)
		return
	case p.manner.Bare > 0 && d == nil && m.Method == "INVITE":
		p.deny(s, p.manner.Bare, nil, nil)
		return
	case p.manner.Stays > 0 && d != nil && d.media[0].dir == "sendrecv" && p.speaker.mine.media[0].dir != "sendrecv":
		p.deny(s, p.manner.Stays, d, nil)
		return
	case p.manner.Reinvite > 0 && d != nil:
		p.deny(s, p.manner.Reinvite, d, nil)
		return
	}
	if d != nil {
		p.denied = nil
	}
	p.move()
	if a, ok := m.Contact(); ok {
		p.target = a.URI
	}
	if m.Method == "UPDATE" {
		p.respond(s, 200, func(r *sip.Message) {
			if d != nil {
				p.speaker.remote = d
				r.SetBody("application/sdp", p.speaker.answer(d))
				p.speaker.mine = readSDP(p.speaker.last)
			}
		})
		return
	}
	p.busy, p.inv = true, s
	finish := func() {
		if s.done || p.state != up || !p.live() {
			return
		}
		p.ackSeq, _, _ = m.CSeq()
		p.acked, p.changed = false, p.w().now
		p.respond(s, 200, func(r *sip.Message) {
			if d == nil {
				wants := p.speaker.dir
				if p.manner.Echoes {
					p.speaker.dir = p.speaker.mine.media[0].dir
				}
				r.SetBody("application/sdp", p.speaker.offer())
				p.speaker.dir, p.offered = wants, true
				return
			}
			if p.manner.Odd.Blank {
				p.scenario.withdrawn = true
				return
			}
			p.speaker.remote = d
			body := p.speaker.answer(d)
			if p.misfits < p.manner.Misfits {
				p.misfits++
				body += "m=video 5006 RTP/AVP 96\r\n"
			}
			r.SetBody("application/sdp", body)
		})
		p.speaker.mine = readSDP(p.speaker.last)
		p.answered = s.sent
		p.repeatAnswer(s, t1, 64*t1)
	}
	if p.manner.Slow > 0 {
		p.respond(s, 100, nil)
		p.after(p.manner.Slow, finish)
		return
	}
	finish()
}

// denial is an offer of the node that a party has refused.
type denial struct {
	dir  string // of its first m-line
	last bool   // the node cannot send it again, or has done so often enough
	at   time.Time
}

// deny refuses a re-INVITE or UPDATE.
func (p *Party) deny(s *server, status int, d *desc, with func(r *sip.Message)) {
	p.respond(s, status, with)
	if d == nil {
		return
	}
	dir, before := d.media[0].dir, 0
	for _, o := range p.denied {
		if o.dir == dir {
			before++
		}
	}
	again := status == 491 || status == 500 || status == 503
	p.denied = append(p.denied, denial{dir, !again || before >= 3, p.w().now})
}

// untold tells whether the other side of a call may have another session than the caller. What the caller answers in its ACK nobody can refuse, but whoever has
// agreed with the node earlier, in a PRACK, is told of it by a re-INVITE, which it can, and then its session stays as it was (RFC 3261 §14.1). After 491, or 500 of
// who is busy, that is sent again up to three times, a few seconds later.
//
// So it is with what a party answers that resumes without an offer.
func (s *Scenario) untold(p *Party, dir string) bool {
	return (s.Caller.Offerless || s.bared) && slices.ContainsFunc(p.denied, func(o denial) bool {
		told := o.dir == dir || dir == "inactive" && o.dir == "sendonly" // with music
		return told && (o.last || p.w().now.Sub(o.at) < 10*time.Second)
	})
}
