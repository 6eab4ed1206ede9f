package ua_test

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// early is what a telephone has agreed on in an early dialog, by reliable provisional responses, PRACK (RFC 3262) and UPDATE (RFC 3311).
type early struct {
	at         *end
	is         state
	said, told *sdp.Session
	proposes   *state // what it has offered
	proposal   *sdp.Session
}

// acknowledges takes a reliable provisional response to the INVITE of a telephone, and may make an offer with its PRACK.
func (p *phone) acknowledges(m *sip.Message, data []byte) {
	tag, w := m.ToTag(), p.w
	e := p.early[tag]
	if e == nil {
		seq, _, _ := m.CSeq()
		e = &early{at: &end{r: w.rig, src: p.src(), callID: m.CallID(), from: header(data, "From"), to: header(data, "To"), seq: int(seq)}}
		p.early[tag] = e
	}
	if body, ok := m.SDP(); ok {
		e.is, e.said, e.told = p.pend.clone(), p.offered, parsed(body)
	}
	text := ""
	if e.told != nil && !p.updates && w.rnd.IntN(3) == 0 {
		text = p.proposesEarly(e)
	}
	e.at.seq++
	p.sends(e.at.write("PRACK", e.at.seq, text, "RAck: "+m.GetName("RSeq")+" "+header(data, "CSeq")))
}

// proposesEarly is an offer in an early dialog.
func (p *phone) proposesEarly(e *early) string {
	s := e.is.clone()
	s.lines[0].port = p.port()
	text := p.proposesAnew(&s)
	e.proposes, e.proposal, p.updates = &s, parsed(text), true
	return text
}

// updatesEarly asks for a change before the answer.
func (p *phone) updatesEarly(e *early) {
	if p.old || p.updates || e.told == nil || e.proposes != nil || p.d != nil {
		return
	}
	text := p.proposesEarly(e)
	e.at.seq++
	p.sends(e.at.write("UPDATE", e.at.seq, text))
}

// answeredEarly takes the response to an offer in an early dialog, which may be the dialog of the call by now. False: it is to none.
func (p *phone) answeredEarly(m *sip.Message) bool {
	for _, e := range p.early {
		if seq, _, _ := m.CSeq(); e.proposes == nil || int(seq) != e.at.seq || e.at.callID != m.CallID() {
			continue
		}
		if body, ok := m.SDP(); ok && m.Status < 300 {
			if e.is, e.said, e.told = *e.proposes, e.proposal, parsed(body); p.d != nil {
				p.stands(e.is, e.said, e.told)
			}
		}
		e.proposes, p.updates = nil, false
		return true
	}
	return false
}

// askedEarly takes an offer of ours in an early dialog. False: it is in none.
func (p *phone) askedEarly(m *sip.Message, data []byte) bool {
	tag := m.ToTag()
	if p.invite != nil && p.first {
		tag = m.FromTag()
	}
	e := p.early[tag]
	if e == nil || p.d != nil {
		return false
	}
	body, has := m.SDP()
	switch {
	case m.Method == "PRACK" && !has:
		p.responds("200 OK", data, "", "")
	case p.updates || e.told == nil:
		p.responds("491 Request Pending", data, "", "")
	default:
		offer, was := parsed(body), p.is
		p.is = e.is
		s, text, ok := p.agrees(offer)
		if p.is = was; !ok {
			p.responds("488 Not Acceptable Here", data, "", "")
			break
		}
		e.is, e.said, e.told = s, parsed(text), offer
		p.responds("200 OK", data, "", text)
	}
	if m.Method == "PRACK" {
		p.unpracked = false
		if p.w.rnd.IntN(3) == 0 {
			p.w.after(time.Duration(p.w.rnd.IntN(800))*time.Millisecond, func() {
				if p.early["target"] == e && p.serves != nil {
					p.updatesEarly(e)
				}
			})
		}
	}
	return true
}

// ringsReliably sends a provisional response that must be acknowledged, with an answer or without.
func (p *phone) ringsReliably(m *sip.Message, data []byte, status, tag string, s *state, text string) {
	e := &early{at: &end{r: p.w.rig, src: p.src(), callID: m.CallID(), from: header(data, "To") + ";tag=" + tag, to: header(data, "From"), seq: 50}}
	p.early[tag], p.unpracked = e, true
	if body, ok := m.SDP(); ok && text != "" {
		e.is, e.said, e.told = s.clone(), parsed(text), parsed(body)
	}
	p.w.n++
	r := response(status, data, tag, text)
	r = with(r, "Require: 100rel", "RSeq: "+strconv.Itoa(1000+p.w.n))
	p.sends([]byte(strings.Replace(string(r), "Contact: <sip:198.51.100.2:5060>", "Contact: <sip:"+p.src().Remote.String()+">", 1)))
}
