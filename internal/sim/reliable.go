package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Rel is how a party deals with reliable provisional responses (RFC 3262). The zero value does not know them.
type Rel struct {
	Known    bool
	Required bool // a caller requires them; a callee refuses an INVITE that does not offer them
	NoPrack  bool // a caller that never acknowledges
	Reoffer  bool // a caller whose PRACK moves its media
	Repeat   bool // a callee whose 200 says its answer once more
}

// relCaller is what a caller has heard reliably, by To tag.
type relCaller struct {
	rseq map[string]uint32
	said map[string]string // descriptions
	mine map[string]*desc  // what was said to that
}

// relCallee is what a callee has said reliably.
type relCallee struct {
	rseq    uint32
	waits   bool // for the PRACK
	held    bool // … of a response with a description
	said    string
	offered bool // that was an offer
	moved   bool // the description that stands came later than the answer
	queue   []func()
	then    func() // the answer that waits for a PRACK
}

func requires(m *sip.Message, tag string) bool { return m.HasToken(sip.IDRequire, tag) }

// takesReliable tells whether an INVITE lets its provisional responses be reliable.
func takesReliable(inv *sip.Message) bool {
	return inv.HasToken(sip.IDSupported, "100rel") || requires(inv, "100rel")
}

// askReliable writes what the caller's INVITE says.
func (p *Party) askReliable(m *sip.Message) {
	rel := p.manner.Rel
	allow := "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
	switch {
	case rel.Required:
		m.Add(sip.IDRequire, "100rel")
		fallthrough
	case rel.Known:
		m.Add(sip.IDSupported, "100rel")
		allow += ", PRACK"
	}
	m.Add(sip.IDAllow, allow+p.manner.allows())
}

// heardReliably acknowledges a reliable response; false: it is a repetition, or one too early.
func (p *Party) heardReliably(m *sip.Message) bool {
	n, _ := strconv.ParseUint(m.Get(sip.IDRSeq), 10, 32)
	if !requires(m, "100rel") {
		return true
	}
	if !p.manner.Rel.Known && !p.manner.Rel.Required {
		p.w().fail("%s: %s gets a reliable %d that it did not ask for", p.scenario.Name, p.host.Name, m.Status)
	}
	if n == 0 || n >= 1<<31 && p.reliable.rseq[m.ToTag()] == 0 {
		p.w().fail("%s: RSeq %q", p.scenario.Name, m.Get(sip.IDRSeq))
	}
	if p.reliable.rseq == nil {
		p.reliable = relCaller{make(map[string]uint32), make(map[string]string), make(map[string]*desc)}
	}
	tag := m.ToTag()
	if last := p.reliable.rseq[tag]; last != 0 && uint32(n) != last+1 {
		return false
	}
	p.reliable.rseq[tag] = uint32(n)
	if p.manner.Rel.NoPrack {
		return true
	}
	p.prack(m, tag, n)
	return true
}

// prack acknowledges, answers an offer, and may make one.
func (p *Party) prack(m *sip.Message, tag string, rseq uint64) {
	was := p.remoteTag
	p.remoteTag, p.target = tag, contactOf(m)
	p.seq++
	a := p.message("PRACK", p.seq)
	p.remoteTag = was
	seq, _, _ := m.CSeq()
	a.Add(sip.IDRAck, fmt.Sprintf("%d %d INVITE", rseq, seq))
	d := readSDP(m.Body)
	offer := false
	switch {
	case d != nil && p.reliable.said[tag] != "":
		p.w().fail("%s: a second description in reliable responses of one dialog", p.scenario.Name)
	case d != nil && p.scenario.Caller.Offerless:
		if p.manner.Odd.Shifts {
			p.speaker.port += 2
		}
		p.speaker.remote = d
		a.SetBody("application/sdp", p.speaker.answer(d))
		p.speaker.mine = readSDP(p.speaker.last)
	case d != nil && p.manner.Rel.Reoffer && !p.pending:
		offer, p.pending = true, true
		p.speaker.port += 2
		a.SetBody("application/sdp", p.speaker.offer())
	}
	if d != nil {
		p.reliable.said[tag] = m.Body
		p.reliable.mine[tag] = p.speaker.mine
		if !p.scenario.Caller.Offerless {
			p.reliable.mine[tag] = readSDP(bodyOf(p.invite.data))
		}
	}
	p.send(a, func(r *sip.Message) {
		if offer && (r == nil || r.Status >= 200) {
			p.pending = false
		}
		switch {
		case r == nil || p.gone:
		case r.Status < 200:
		case r.Status < 300 && offer:
			d := readSDP(r.Body)
			if d == nil {
				p.w().fail("%s: 200 to PRACK without the answer", p.scenario.Name)
				return
			}
			p.reliable.said[tag], p.reliable.mine[tag] = r.Body, readSDP(a.Body)
			if p.winner == tag { // the 200 to the INVITE was faster
				p.speaker.mine, p.speaker.remote = p.reliable.mine[tag], d
			}
		case r.Status < 300 && r.Body != "":
			p.w().fail("%s: 200 to PRACK answers nothing", p.scenario.Name)
		case r.Status >= 300 && offer:
			p.speaker.port -= 2
		case r.Status >= 300 && p.w().Strict && p.state != over && !p.cancel:
			p.w().fail("%s: %d to PRACK", p.scenario.Name, r.Status)
		}
	})
}

// reliably tells whether the callee sends its provisional responses so.
func (p *Party) reliably() bool {
	return p.manner.Rel.Known && takesReliable(p.inv.req)
}

// refusesReliable refuses an INVITE that requires what the callee does not know, or does not offer what it requires.
func (h *Host) refusesReliable(s *server, rel Rel) bool {
	knows := rel.Known || rel.Required
	switch {
	case requires(s.req, "100rel") && !knows:
		h.respond(s, 420, func(r *sip.Message) { r.Add(sip.IDUnsupported, "100rel") })
	case rel.Required && !takesReliable(s.req):
		h.respond(s, 421, func(r *sip.Message) { r.Add(sip.IDRequire, "100rel") })
	default:
		return false
	}
	return true
}

// ringReliably sends 1xx when its turn comes.
func (p *Party) ringReliably(status int, body bool) {
	send := func() { p.sendReliably(status, body) }
	if p.rel.waits {
		p.rel.queue = append(p.rel.queue, send)
		return
	}
	send()
}

func (p *Party) sendReliably(status int, body bool) {
	if p.state != trying && p.state != early || p.inv.done || !p.live() {
		return
	}
	if p.rel.rseq == 0 {
		p.rel.rseq = p.w().rnd.Uint32() % 100000
	}
	p.rel.rseq++
	p.rel.waits = true
	p.respond(p.inv, status, func(r *sip.Message) {
		r.Add(sip.IDRequire, "100rel")
		r.Add(sip.IDRSeq, strconv.FormatUint(uint64(p.rel.rseq), 10))
		if !body || p.rel.said != "" {
			return
		}
		if p.speaker.remote != nil {
			p.rel.said = p.speaker.answer(p.speaker.remote)
		} else {
			p.rel.said, p.rel.offered = p.speaker.offer(), true
		}
		p.rel.held = true
		p.speaker.mine = readSDP(p.rel.said)
		r.SetBody("application/sdp", p.rel.said)
	})
	p.repeatReliably(p.inv.sent, p.rel.rseq, t1, 64*t1)
}

// repeatReliably repeats a response until its PRACK (RFC 3262 §3).
func (p *Party) repeatReliably(data []byte, rseq uint32, step, left time.Duration) {
	p.w().after(min(step, left), func() {
		if !p.rel.waits || p.rel.rseq != rseq || p.inv.done || !p.live() || p.state == over {
			return
		}
		if left <= step {
			if p.callee.Deaf { // the INVITE was cancelled long ago, so that nobody would acknowledge a refusal
				p.end()
				return
			}
			p.refuse(504)
			return
		}
		p.host.reply(p.inv.from, data)
		p.repeatReliably(data, rseq, 2*step, left-step)
	})
}

// pracked takes a PRACK.
func (p *Party) pracked(s *server) {
	m := s.req
	want := fmt.Sprintf("%d ", p.rel.rseq)
	seq, _, _ := p.inv.req.CSeq()
	if !p.rel.waits || m.Get(sip.IDRAck) != want+itoa(seq)+" INVITE" {
		if p.w().Strict && !p.inv.done {
			p.w().fail("%s: PRACK with RAck %q, wanted %s", p.scenario.Name, m.Get(sip.IDRAck), want)
		}
		p.host.respond(s, 481, nil)
		return
	}
	d := readSDP(m.Body)
	switch {
	case p.rel.held && p.rel.offered && d == nil:
		p.w().fail("%s: PRACK without the answer to our offer", p.scenario.Name)
	case p.rel.held && p.rel.offered:
		p.speaker.remote = d
		if want := readSDP(p.rel.said); len(want.media) != len(d.media) {
			p.w().fail("%s: answer in PRACK has %d m-lines for %d", p.scenario.Name, len(d.media), len(want.media))
		}
	case d != nil:
		p.w().fail("%s: PRACK with a description that answers nothing", p.scenario.Name)
	}
	p.rel.waits, p.rel.held = false, false
	p.host.respond(s, 200, nil)
	if q := p.rel.queue; len(q) > 0 {
		p.rel.queue = q[1:]
		q[0]()
	}
	p.answerNow()
}

// answerNow gives the answer that waited, unless a description still does.
func (p *Party) answerNow() {
	if then := p.rel.then; then != nil && !p.rel.held {
		p.rel.then = nil
		then()
	}
}

// beforeAnswer plans what the party does before the answer.
func (p *Party) beforeAnswer() {
	for _, d := range p.manner.Early {
		p.after(d, p.earlyUpdate)
	}
	for _, a := range p.manner.Before {
		p.after(a.After, func() { p.actEarly(a.Do) })
	}
}

// earlyUpdate moves the media of a call that is not answered yet, once its first offer has been answered reliably (RFC 3311 §5.1).
func (p *Party) earlyUpdate() {
	tag := p.remoteTag
	if p.caller {
		for t := range p.reliable.said {
			if tag == "" || t < tag {
				tag = t
			}
		}
	}
	if p.state != early || p.pending || p.cancel || !p.live() || tag == "" || p.caller && p.reliable.said[tag] == "" {
		return
	}
	if !p.caller && (p.rel.said == "" || p.rel.held || p.inv.done) {
		return
	}
	was := p.remoteTag
	p.remoteTag = tag
	p.seq++
	m := p.message("UPDATE", p.seq)
	p.remoteTag = was
	p.pending = true
	p.speaker.port += 2
	m.SetBody("application/sdp", p.speaker.offer())
	p.send(m, func(r *sip.Message) {
		if r != nil && r.Status < 200 {
			return
		}
		p.pending = false
		switch {
		case p.gone:
		case r == nil || r.Status >= 300:
			p.speaker.port -= 2
		case p.caller && p.winner != "" && p.winner != tag: // its dialog is not the one that was answered
		case readSDP(r.Body) == nil:
			p.w().fail("%s: 200 to early UPDATE without answer", p.scenario.Name)
		default:
			if p.caller {
				p.reliable.said[tag], p.reliable.mine[tag] = r.Body, readSDP(m.Body)
			}
			p.rel.moved = true
			p.speaker.remote, p.speaker.mine = readSDP(r.Body), readSDP(m.Body)
		}
		p.answerNow()
	})
}

// updatedEarly takes an UPDATE of the other side before the answer.
func (p *Party) updatedEarly(s *server) {
	d := readSDP(s.req.Body)
	switch {
	case d == nil:
		p.respond(s, 200, nil)
	case p.pending:
		p.respond(s, 491, nil)
	case p.manner.Reinvite > 0:
		p.respond(s, p.manner.Reinvite, nil)
	default:
		p.speaker.remote = d
		p.respond(s, 200, func(r *sip.Message) { r.SetBody("application/sdp", p.speaker.answer(d)) })
		p.speaker.mine = readSDP(p.speaker.last)
		p.rel.moved = true
		if p.caller {
			p.reliable.said[s.req.FromTag()], p.reliable.mine[s.req.FromTag()] = s.req.Body, p.speaker.mine
		}
	}
}
