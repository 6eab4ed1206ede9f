package sim

import (
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// call begins a scenario at this host.
func (h *Host) call(sc *Scenario) {
	n := h.w.Nodes[sc.Node]
	t := h.trunk()
	p := h.party(sc, h.token(), sc.Caller.Manner)
	p.caller, sc.caller = true, p
	p.guard = &guard{host: h, ask: sc.Caller.Ask}
	p.speaker.video, p.speaker.large = sc.Caller.Video, sc.Caller.Large
	if sc.Caller.Held != "" {
		p.speaker.dir, p.held = sc.Caller.Held, sc.Caller.Held
	}
	node := n.netAddr(t.Port)
	p.to = sip.Hop{Transport: t.Transport, Local: h.listen(), Remote: node}
	if sc.Caller.Anonymous || len(sc.Caller.Headers) > 0 {
		sc.Number = sc.telling()
	}
	p.uri = "sip:" + sc.Number + "@" + node.String()
	p.target = p.uri
	p.local = "\"Caller " + sc.Name + "\" <sip:" + sc.key + "@" + h.Addr.String() + ">"
	if sc.Caller.Anonymous {
		p.local = "\"Anonymous\" <sip:anonymous@anonymous.invalid>"
	}
	p.remote = "<" + p.uri + ">"
	p.seq = 1 + h.w.rnd.Uint32()%1000
	m := p.firstInvite()
	p.invite = p.send(m, p.answeredCall)
	if sc.Caller.Merged {
		again := m.Clone()
		again.Set(sip.IDVia, p.via())
		var c *client
		c = p.send(again, func(r *sip.Message) {
			if r != nil && r.Status != 482 { // this one was there first
				p.invite = c
				p.answeredCall(r)
			}
		})
	}
	give := sc.Caller.GiveUp
	if give == 0 {
		give = 200 * time.Second
	}
	p.after(give, p.giveUp)
	p.beforeAnswer()
}

// firstInvite is the INVITE that makes the call.
func (p *Party) firstInvite() *sip.Message {
	m := p.message("INVITE", p.seq)
	p.askReliable(m)
	p.introduce(m)
	p.record(m)
	if !p.scenario.Caller.Offerless {
		m.SetBody("application/sdp", p.speaker.offer())
	}
	if p.scenario.Caller.Located {
		located(m)
	}
	return m
}

// giveUp ends an attempt that is not answered yet.
func (p *Party) giveUp() {
	if p.state == up || p.state == over || p.final > 0 || !p.live() {
		return
	}
	if p.scenario.Caller.HangUp && p.state == early {
		tag := ""
		for t := range p.early {
			if tag == "" || t < tag {
				tag = t
			}
		}
		p.remoteTag = tag
		p.stopped = p.w().now
		p.seq++
		p.send(p.message("BYE", p.seq), nil)
		p.remoteTag = ""
		return
	}
	p.cancel, p.stopped = true, p.w().now
	p.tryCancel()
}

// tryCancel cancels as soon as that is allowed (RFC 3261 §9.1), and gives up waiting 64*T1 later.
func (p *Party) tryCancel() {
	if p.sentStop || !p.invite.heard || p.invite.final > 0 {
		return
	}
	p.sentStop = true
	p.sendCancel(p.invite)
	p.w().after(64*t1, func() {
		if p.state != up && p.state != over {
			p.end()
		}
	})
}

// sendCancel cancels an INVITE of the party.
func (p *Party) sendCancel(c *client) {
	inv, _ := sip.Parse(c.data, nil)
	m := sip.NewRequest("CANCEL", inv.URI)
	m.Add(sip.IDVia, inv.Get(sip.IDVia))
	m.Add(sip.IDMaxForwards, "70")
	for _, id := range [...]sip.ID{sip.IDFrom, sip.IDTo, sip.IDCallID} {
		m.Add(id, inv.Get(id))
	}
	seq, _, _ := inv.CSeq()
	m.Add(sip.IDCSeq, itoa(seq)+" CANCEL")
	p.host.begin(m, c.to, func(*sip.Message) {})
}

// answeredCall takes the responses to the party's INVITE; nil: none came.
func (p *Party) answeredCall(m *sip.Message) {
	switch {
	case p.gone || m != nil && m.Status == 482 && p.scenario.Caller.Merged && p.winner == "" && p.state != over && !p.w().Strict:
	case m == nil:
		if p.state != up {
			p.final = 408
			p.end()
		}
	case m.Status == 100:
		if p.cancel {
			p.tryCancel()
		}
	case m.Status < 200:
		p.progress(m)
	case m.Status == 422 && p.leastSE == 0 && p.state == trying && !p.cancel && !p.scenario.Caller.Merged:
		p.leastSE = readMinSE(m)
		p.seq++
		p.invite = p.send(p.firstInvite(), p.answeredCall)
	case m.Status == 401 && p.logsIn(m):
	case m.Status >= 300:
		if p.state == up {
			return
		}
		p.final = m.Status
		p.end()
	default:
		p.accepted(m)
	}
}

// progress takes a provisional response.
func (p *Party) progress(m *sip.Message) {
	if p.cancel {
		p.tryCancel()
	}
	if p.state == over {
		return
	}
	p.state, p.rang = early, true
	tag := m.ToTag()
	if tag == "" {
		p.w().fail("%d without To tag", m.Status)
	}
	if a, ok := m.Contact(); ok {
		p.target = a.URI
	}
	if !p.heardReliably(m) {
		return
	}
	d := readSDP(m.Body)
	if d == nil {
		if p.early[tag] == "" {
			p.early[tag] = ""
		}
		return
	}
	if p.scenario.Caller.Offerless && !requires(m, "100rel") {
		p.w().fail("session description in %d to an INVITE without offer", m.Status)
	}
	p.early[tag] = m.Body
	p.speaker.remote = d
	p.scenario.hearEarly(p.w(), d)
}

// accepted takes a 2xx: acknowledge, and hang up what is not wanted.
func (p *Party) accepted(m *sip.Message) {
	tag := m.ToTag()
	if p.winner != "" && p.winner != tag {
		p.w().fail("%s: two answers with different tags for one call", p.scenario.Name)
		return
	}
	sc := &p.scenario.Caller
	if sc.NoAck {
		p.winner, p.remoteTag = tag, tag
		if p.state != over && p.state != up {
			p.state = up
			p.final = m.Status
			p.target = contactOf(m)
			if p.speaker.mine = p.reliable.mine[tag]; p.speaker.mine == nil {
				p.speaker.mine = readSDP(bodyOf(p.invite.data))
			}
			if !p.stopped.IsZero() {
				p.end() // it hung up already
			}
		}
		return
	}
	p.winner = tag
	if p.state == over && p.final == 408 { // late: hang up
		p.remoteTag = tag
		p.target = contactOf(m)
		p.ackAnswer(m)
		p.seq++
		p.send(p.message("BYE", p.seq), nil)
		return
	}
	p.final, p.remoteTag = m.Status, tag
	p.target = contactOf(m)
	if sc.ByeFirst {
		p.seq++
		bye := p.message("BYE", p.seq)
		p.seq--
		p.send(bye, nil)
		p.after(5*time.Millisecond, func() { p.ackAnswer(m) })
		p.seq++
		p.end()
		return
	}
	p.after(sc.AckDelay, func() {
		if p.gone || p.invite.ackOf[tag] != nil {
			return
		}
		p.ackAnswer(m)
		switch {
		case p.state == over: // it was cancelled, or hung up
			p.seq++
			p.send(p.message("BYE", p.seq), nil)
		case p.cancel || !p.stopped.IsZero():
			p.state = up
			p.bye()
		default:
			p.established()
			p.heardTimer(m)
		}
	})
}

func contactOf(m *sip.Message) string {
	a, ok := m.Contact()
	if !ok {
		return "sip:missing.invalid"
	}
	return a.URI
}

// ackAnswer acknowledges a 2xx, with an answer if it brought an offer.
func (p *Party) ackAnswer(m *sip.Message) {
	d := readSDP(m.Body)
	seq, _, _ := m.CSeq()
	a := p.message("ACK", seq)
	c := p.clientOf(m)
	offerless := readSDP(bodyOf(c.data)) == nil
	said := ""
	if c == p.invite && p.caller {
		said = p.reliable.said[m.ToTag()]
	}
	switch {
	case said != "" && d != nil && m.Body != said:
		p.w().fail("%s: %d says other than the reliable response before it:\n%s\n%s", p.scenario.Name, m.Status, said, m.Body)
	case said != "":
		p.speaker.remote, p.speaker.mine = readSDP(said), p.reliable.mine[m.ToTag()]
	case d == nil:
		p.w().fail("%s: 200 without session description", p.scenario.Name)
	case offerless && p.scenario.Caller.EmptyAck && p.caller && p.invite == c:
	case offerless:
		a.SetBody("application/sdp", p.speaker.answer(d))
		p.speaker.remote, p.speaker.mine = d, readSDP(p.speaker.last)
	default:
		p.speaker.remote, p.speaker.mine = d, readSDP(bodyOf(c.data))
		if e := p.early[m.ToTag()]; e != "" && e != m.Body && c == p.invite && p.caller {
			p.w().fail("%s: answer in %d differs from the one in 18x:\n%s\n%s", p.scenario.Name, m.Status, e, m.Body)
		}
	}
	data := a.Append(nil)
	c.ackOf[m.ToTag()] = data
	if p.manner.Odd.Unacked && c != p.invite {
		c.ackOf[m.ToTag()] = []byte{}
		return
	}
	p.w().Net.send(p.host, p.hop(), data)
}

// clientOf finds the request that a response answers.
func (p *Party) clientOf(m *sip.Message) *client {
	v, _ := m.TopVia()
	_, method, _ := m.CSeq()
	return p.host.clients[v.Branch()+"|"+method]
}

func bodyOf(data []byte) string {
	m, err := sip.Parse(data, nil)
	if err != nil {
		return ""
	}
	return m.Body
}

// rtp is where the party wants its audio.
func (p *Party) rtp() netip.AddrPort { return netip.AddrPortFrom(p.speaker.addr, p.speaker.port) }
