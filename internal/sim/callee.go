package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// ring begins a party that is called.
func (p *Party) ring(s *server) {
	m := s.req
	p.inv = s
	p.remoteTag = m.FromTag()
	from, to := m.From(), m.To()
	from.Params, to.Params = "", ""
	p.remote, p.local = from.String(), to.String()
	p.target = contactOf(m)
	p.remoteSeq[p.remoteTag], _, _ = m.CSeq()
	p.seq = 100
	p.to = sip.Hop{Transport: s.from.transport, Local: s.from.to, Remote: s.from.from, Flow: s.from.flow}
	if d := readSDP(m.Body); d != nil {
		p.speaker.remote = d
	}
	how, w := p.callee, p.w()
	if how.Silent {
		p.end()
		return
	}
	if !how.No100 {
		p.provisional(100, false)
	}
	for _, g := range how.Progress {
		p.after(g.After, func() { p.provisional(g.Status, g.SDP) })
	}
	if how.Final > 0 {
		p.after(how.After, p.decide)
	}
	p.beforeAnswer()
	if how.Taken > 0 {
		p.after(how.Taken, func() {
			if p.state == early && p.live() {
				p.pickup(p.callID, p.remoteTag, p.tag)
			}
		})
	}
	w.after(400*time.Second, func() { // nobody rings for ever
		if p.state == trying || p.state == early {
			p.refuse(480)
		}
	})
}

// provisional sends 1xx.
func (p *Party) provisional(status int, body bool) {
	if p.state != trying && p.state != early || p.inv.done || !p.live() {
		return
	}
	if status > 100 {
		p.state = early
		p.rang = true
		if p.reliably() {
			p.ringReliably(status, body)
			return
		}
	}
	p.respond(p.inv, status, func(r *sip.Message) {
		if body && p.speaker.remote != nil {
			r.SetBody("application/sdp", p.speaker.answer(p.speaker.remote))
		}
	})
}

// respond answers an INVITE with what the party's dialog needs.
func (p *Party) respond(s *server, status int, with func(r *sip.Message)) {
	p.host.respond(s, status, func(r *sip.Message) {
		if status > 100 {
			p.own(r)
			if !p.manner.Odd.Nowhere || s.req.ToTag() == "" {
				r.Add(sip.IDContact, p.contact())
			}
			if s.req.Method == "INVITE" && s.req.ToTag() == "" {
				p.record(r)
			}
			allow := "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"
			if p.callee == nil || !p.callee.NoUpdate {
				allow += ", UPDATE"
			}
			allow += p.manner.allows()
			if p.manner.Rel.Known {
				allow += ", PRACK"
			}
			r.Add(sip.IDAllow, allow)
		}
		r.Add(sip.IDServer, p.host.mark()+"telephone")
		if status >= 200 && status < 300 {
			p.answerTimer(s.req, r)
		}
		p.named(r)
		if with != nil {
			with(r)
		}
	})
	if p.callee != nil && p.callee.Twice {
		p.host.reply(s.from, s.sent)
	}
}

// decide gives the final response of the script.
func (p *Party) decide() {
	if p.state != trying && p.state != early || !p.live() {
		return
	}
	if how := p.callee; how.Final >= 300 {
		p.refuse(how.Final)
		return
	}
	p.answer()
}

// refuse gives a final refusal. Of several telephones behind a proxy one speaks for all.
func (p *Party) refuse(status int) {
	p.final = status
	p.respond(p.inv, status, func(r *sip.Message) {
		if c := p.callee.Cause; c > 0 {
			r.AddName("Reason", "Q.850;cause="+strconv.Itoa(c))
		}
		if v := p.callee.RetryAfter; v != "" {
			r.Set(sip.IDRetryAfter, v)
		}
		if c := p.callee.Contact; c != "" && status < 400 {
			u, _ := sip.ParseURI(p.inv.req.URI)
			r.Set(sip.IDContact, strings.Replace(c, "NUMBER", u.User, 1))
		}
	})
	p.end()
}

// answer sends the 200. Each telephone of a fork sends its own, in spite of the others.
func (p *Party) answer() {
	s, how := p.inv, p.callee
	if p.rel.held || p.pending {
		if how.Late > 0 {
			p.refuse(487)
			return
		}
		p.rel.then = p.decide
		return
	}
	if s.done && p.final == 0 && len(p.host.parties[p.callID]) > 1 {
		s = &server{req: s.req, from: s.from} // another telephone was faster
		p.inv = s
	}
	if s.done {
		p.end()
		return
	}
	p.final = 200
	body := ""
	offered := readSDP(s.req.Body) != nil
	switch {
	case p.rel.said != "" && how.Rel.Repeat && !p.rel.moved && !p.rel.offered:
		body = p.rel.said
	case p.rel.said != "":
	case how.NoAnswer:
	case !offered:
		body = p.speaker.offer()
		p.offered = true
	case how.Misfit:
		body = p.speaker.answer(p.speaker.remote) + "m=video 5006 RTP/AVP 96\r\n"
	default:
		if p.manner.Odd.Shifts && p.rang {
			p.speaker.port += 2
		}
		body = p.speaker.answer(p.speaker.remote)
	}
	p.move()
	p.respond(s, 200, func(r *sip.Message) {
		if body != "" {
			r.SetBody("application/sdp", body)
		}
	})
	p.ackSeq, _, _ = s.req.CSeq()
	p.acked, p.answered = false, s.sent
	if body != "" {
		p.speaker.mine = readSDP(body)
	}
	p.state = up
	p.belated(s)
	p.repeatAnswer(s, t1, 64*t1)
	p.silenceOthers()
	if how.ByeEarly {
		p.bye()
	}
}

// silenceOthers ends the ringing of the other telephones behind the proxy, late enough for answers to cross.
func (p *Party) silenceOthers() {
	for _, x := range p.host.parties[p.callID] {
		if x != p {
			p.w().after(4*time.Second, func() {
				if x.state == trying || x.state == early {
					x.final = 487
					x.end()
				}
			})
		}
	}
}

// repeatAnswer repeats a 2xx until its ACK, and hangs up when none comes (RFC 3261 §13.3.1.4).
func (p *Party) repeatAnswer(s *server, step, left time.Duration) {
	p.w().after(min(step, left), func() {
		if p.acked || p.gone || p.inv != s || p.state == over && left < 50*t1 {
			return
		}
		if left <= step {
			if p.state != over {
				p.bye()
			}
			return
		}
		p.host.reply(s.from, s.sent)
		p.repeatAnswer(s, min(2*step, t2), left-step)
	})
}

// receiveAck takes the ACK of a 2xx.
func (p *Party) receiveAck(m *sip.Message) {
	seq, _, _ := m.CSeq()
	if m.ToTag() != p.tag || seq != p.ackSeq || p.acked || p.answered == nil {
		return
	}
	p.acked = true
	d := readSDP(m.Body)
	switch {
	case p.offered && d == nil:
		if p.caller || p.callee.Final > 0 { // the node must answer the offer, whatever its caller did
			p.w().fail("%s: ACK without the answer to our offer", p.scenario.Name)
		}
	case p.offered:
		p.speaker.remote = d
		if want := readSDP(p.speaker.last); len(want.media) != len(d.media) {
			p.w().fail("%s: answer in ACK has %d m-lines for %d", p.scenario.Name, len(d.media), len(want.media))
		}
	case m.Body != "":
		p.w().fail("%s: ACK with a body that answers nothing", p.scenario.Name)
	}
	p.offered, p.busy = false, false
	if p.state == up && !p.caller && p.final == 200 {
		p.final = 201 // once
		p.established()
	}
}

// cancelled takes the CANCEL of an INVITE.
func (p *Party) cancelled(inv *server) {
	if inv.done || p.inv != inv {
		return
	}
	if p.state == up { // of a re-INVITE
		p.busy = false
		if d := readSDP(inv.req.Body); d != nil {
			p.denied = append(p.denied, denial{d.media[0].dir, true, p.w().now})
		}
		p.respond(inv, 487, nil)
		return
	}
	if p.callee == nil {
		return
	}
	if d := p.callee.Late; d > 0 && p.final == 0 && !p.rel.waits && len(p.rel.queue) == 0 {
		p.after(d, func() {
			if p.final == 0 && p.state != over && p.live() {
				p.answer()
			}
		})
		return
	}
	if p.final == 0 && p.manner.Odd.Mum {
		p.end()
	}
	if p.final == 0 && p.state != over {
		p.refuse(487)
	}
	for _, x := range p.host.parties[p.callID] {
		if x != p && (x.state == trying || x.state == early) {
			x.final = 487
			x.end()
		}
	}
}

// garbage sends things that no peer should send.
func (p *Party) garbage() {
	h := p.host
	h.Noisy = true
	defer func() { p.seq += 50 }()
	base := string(p.message("INFO", p.seq+50).Append(nil))
	for _, s := range []string{
		"\x00\x01\x02garbage", "SIP/2.0 200 OK\r\n\r\n", "\r\n\r\n", base[:len(base)/2],
		strings.Replace(base, "CSeq: ", "CSeq: x", 1),
		strings.Replace(base, "INFO sip", "WHAT sip", 1),
		strings.Replace(base, p.tag, "zz", 1),
		strings.Replace(strings.Replace(base, "INFO sip", "ACK sip", 1), " INFO\r\n", " ACK\r\n", 1),
		strings.Replace(strings.Replace(base, "INFO sip", "PRACK sip", 1), " INFO\r\n", " PRACK\r\n", 1),
		strings.Replace(strings.Replace(base, "INFO sip", "CANCEL sip", 1), " INFO\r\n", " CANCEL\r\n", 1),
	} {
		h.w.Net.send(h, p.hop(), []byte(s))
	}
}
