package sim

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// allows is what a party's Allow has beside the rest.
func (m Manner) allows() string {
	if m.Refers > 0 || m.Refuses > 0 {
		return ", REFER, NOTIFY"
	}
	return ""
}

// homeTokens are parameters as a UC platform puts into Refer-To to know its own transfer again (DR-16).
const homeTokens = ";x-m=8:acs:0123456789abcdef;x-t=fedcba9876543210"

// movedTo is a number to transfer to with the scenario in it, so that its target is known.
func (p *Party) movedTo(number string) string { return number[:2] + movedMark + p.scenario.key[1:] }

// movedMark stands behind the first digit of the target of a transfer.
const movedMark = "426"

// isMoved tells whether a request is for the target of a transfer.
func isMoved(m *sip.Message) bool {
	u, err := sip.ParseURI(m.URI)
	return err == nil && len(u.User) == 15 && u.User[2:7] == movedMark+"49"
}

// referrer is who a party says in Referred-By that it is.
func (p *Party) referrer() string {
	if p.caller {
		return p.scenario.key
	}
	return "+17" + p.scenario.key[1:]
}

// refer asks the node to transfer the call (RFC 5589).
func (p *Party) refer(v Verb) {
	p.scenario.moved, p.scenario.referred = true, p.w().now
	p.seq++
	m := p.message("REFER", p.seq)
	number := p.manner.ReferTo
	if number == "" {
		number = "+14255550199"
	}
	to := "<sip:" + number + ">"
	if !strings.Contains(number, "@") {
		number = p.movedTo(number)
		to = "<sip:" + number + "@example.com>"
	}
	switch v {
	case ReferFar:
		to = "<sip:+9999@example.com>"
	case ReferHome:
		to = "<sip:" + number + "@" + p.host.Addr.String() + homeTokens + ">"
	}
	if v != ReferBad {
		m.Add(sip.IDReferTo, to)
	}
	m.Add(sip.IDReferredBy, "<sip:"+p.referrer()+"@example.com>;x-ti=abc")
	if v == ReferMute {
		m.AddName("Refer-Sub", "false")
	}
	p.send(m, func(r *sip.Message) {
		if r == nil || r.Status < 200 {
			return
		}
		if r.Status < 300 && p.w().Strict && v == ReferMute && r.GetName("Refer-Sub") != "false" {
			p.w().fail("%s: 202 without Refer-Sub: false", p.scenario.Name)
		}
		if r.Status < 300 && v == ReferBye {
			p.bye()
		}
	})
}

// another is who is in another call of the same equipment by way of the same server; nil when there is none.
func (p *Party) another() *Party {
	var list []*Party
	for _, o := range p.host.all {
		if o != p && o.state == up && !o.gone && o.scenario != p.scenario && o.scenario.Node == p.scenario.Node && (p.scenario.joins == nil || p.scenario.joins == o.scenario) {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return nil
	}
	o := list[p.host.serial%len(list)]
	p.scenario.moved, o.scenario.moved = true, true
	p.scenario.withdrawn, o.scenario.withdrawn = true, true // of two calls one becomes: see hear
	return o
}

// referJoin asks the node to join who is at the other end with who is at the other end of another call of this equipment (RFC 5589 §7).
func (p *Party) referJoin() {
	if o := p.another(); o != nil {
		p.referInto("example.com", o.callID, o.remoteTag, o.tag)
	}
}

// referLost names a dialog that the node does not know: one that never was, or one that another server has.
func (p *Party) referLost() {
	p.scenario.moved = true
	host := "example.com"
	if p.host.serial%2 == 0 { // whose owner is asked by INVITE with Replaces
		host = p.host.Addr.String()
	}
	p.referInto(host, p.host.token(), "nobody", p.tag)
}

// referInto sends a REFER into a dialog.
func (p *Party) referInto(host, callID, toTag, fromTag string) {
	p.seq++
	m := p.message("REFER", p.seq)
	m.Add(sip.IDReferTo, "<sip:"+p.movedTo("+1")+"@"+host+"?Replaces="+callID+"%3Bto-tag%3D"+toTag+"%3Bfrom-tag%3D"+fromTag+">")
	m.Add(sip.IDReferredBy, "<sip:"+p.referrer()+"@example.com>;x-ti=abc")
	p.send(m, nil)
}

// pickOther is pickup of another call's dialog.
func (p *Party) pickOther() {
	if o := p.another(); o != nil {
		p.pickup(o.callID, o.remoteTag, o.tag)
	}
}

// pickup calls the node from another telephone and asks for the place of a dialog (RFC 3891).
func (p *Party) pickup(callID, toTag, fromTag string) {
	h, sc := p.host, p.scenario
	sc.moved = true
	q := h.party(sc, h.token(), Manner{Then: []Action{{30 * time.Second, Bye}}})
	q.caller, q.to = true, p.to
	q.uri = "sip:pickup@" + h.w.Nodes[sc.Node].netAddr(h.trunk().Port).String()
	q.target, q.remote = q.uri, "<"+q.uri+">"
	q.to.Remote = h.w.Nodes[sc.Node].netAddr(h.trunk().Port)
	q.local = "<sip:" + sc.key + "@" + h.Addr.String() + ">"
	q.seq = 1
	sc.ends = append(sc.ends, q)
	m := q.message("INVITE", q.seq)
	m.Add(sip.IDReplaces, callID+";to-tag="+toTag+";from-tag="+fromTag)
	m.Add(sip.IDRequire, "replaces")
	m.Add(sip.IDAllow, "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO")
	m.SetBody("application/sdp", q.speaker.offer())
	q.invite = q.send(m, q.answeredCall)
}

// notified takes a NOTIFY about a REFER of ours.
func (p *Party) notified(s *server) {
	line, _, _ := strings.Cut(s.req.Body, "\r\n")
	if !strings.HasPrefix(line, "SIP/2.0 ") || !strings.HasPrefix(s.req.Get(sip.IDContentType), "message/sipfrag") {
		p.w().fail("%s: NOTIFY without a status: %q", p.scenario.Name, s.req.Body)
	}
	p.heard = append(p.heard, line)
	p.host.respond(s, 200, nil)
}

// referred takes a REFER that the node has passed on, says what becomes of it, and leaves the call when it has succeeded.
func (p *Party) referred(s *server) {
	how := &p.manner
	switch {
	case how.Refuses > 0:
		p.host.respond(s, how.Refuses, nil)
		return
	case how.Refers == 0:
		p.host.respond(s, 405, nil)
		p.w().fail("%s: REFER to a party whose Allow has none", p.scenario.Name)
		return
	}
	p.host.respond(s, 202, func(r *sip.Message) { r.Add(sip.IDContact, p.contact()) })
	quiet := s.req.GetName("Refer-Sub") == "false"
	if !quiet {
		p.report(100, false)
	}
	p.after(700*time.Millisecond, func() {
		if p.state != up || !p.live() {
			return
		}
		if !quiet {
			p.report(how.Refers, true)
		}
		if how.Refers < 300 {
			p.after(300*time.Millisecond, p.leave)
		}
	})
}

func (p *Party) leave() {
	if p.state == up && p.live() {
		p.bye()
	}
}

// report is a NOTIFY of the implicit subscription.
func (p *Party) report(status int, last bool) {
	p.seq++
	m := p.message("NOTIFY", p.seq)
	m.Add(sip.IDEvent, "refer")
	state := "active;expires=60"
	if last {
		state = "terminated;reason=noresource"
	}
	m.Add(sip.IDSubscriptionState, state)
	m.SetBody("message/sipfrag", "SIP/2.0 "+itoa(uint32(status))+" "+sip.Phrase(status)+"\r\nServer: "+p.host.mark()+"telephone\r\n")
	p.send(m, nil)
}

// notifyOut checks what the node tells of a REFER: nothing behind the final NOTIFY.
func (x *watch) notifyOut(l *legWatch, m *sip.Message) {
	event := m.Get(sip.IDEvent)
	if l.told[event] && !m.Has(sip.IDAuthorization) && !m.Has(sip.IDProxyAuthorization) { // a challenged one is sent again
		x.fail(l, "NOTIFY of %q behind the final one", event)
	}
	if strings.HasPrefix(m.Get(sip.IDSubscriptionState), "terminated") {
		if l.told == nil {
			l.told = make(map[string]bool)
		}
		l.told[event] = true
	}
}

// dismissed tells whether the node has hung up on a party, which may not have heard of it yet.
func (n *Node) dismissed(p *Party) bool {
	leg := n.watch.legs[p.callID]
	return leg != nil && slices.ContainsFunc(leg.order, func(r *requestWatch) bool { return r.sent && r.method == "BYE" && r.msg.ToTag() == p.tag })
}

// hearMoved is hear for a call in which a transfer was asked for: when two parties are left, and the one that was there first has
// been told of the other, each is heard by the other.
func (s *Scenario) hearMoved(w *World) {
	var two []*Party
	for _, p := range append([]*Party{s.caller}, s.ends...) {
		if p != nil && (p.gone || p.forgot || p.rash) {
			return
		}
		if p != nil && p.state == over && w.now.Sub(p.stopped) < time.Second {
			return // its BYE may be on its way, and somebody else may be about to be told that a transfer has moved it out of the call
		}
		if p != nil && p.state != over && !w.Nodes[s.Node].dismissed(p) {
			two = append(two, p)
		}
	}
	if len(two) != 2 || s.withdrawn || !two[0].settled() || !two[1].settled() {
		return
	}
	if two[0].upSince.Before(two[1].upSince) {
		two[0], two[1] = two[1], two[0]
	}
	late, first := two[0], two[1]
	stay := late.upSince.Before(s.referred) && !w.Nodes[s.Node].tells(first) && !w.Nodes[s.Node].tells(late) // the two of before
	unsure := late.upSince.Sub(first.upSince) > 100*time.Millisecond && !first.changed.After(late.upSince.Add(-100*time.Millisecond))
	if first.waits() || unsure && !stay {
		return // it may not know yet
	}
	n := w.Nodes[s.Node]
	id, open := n.relay.ports[first.speaker.remote.media[0].port]
	if !open && w.Bypass && !n.ended(s.caller.callID) && w.now.Sub(first.changed) > 10*time.Second {
		s.meet(w, first, late)
	}
	if !open {
		return
	}
	want := n.relay.sessions[id].want
	for _, p := range two {
		mine, theirs := p.speaker.mine.media[0], p.speaker.remote.media[0]
		found := false
		for k := range want.Streams[0].Side {
			if side := &want.Streams[0].Side[k]; side.Local.Port() == theirs.port {
				found = true
				if at := netip.AddrPortFrom(p.speaker.addr, mine.port); side.Remote != at && !mine.addr.IsUnspecified() {
					w.fail("%s: %s wants its media at %v, the relay sends to %v", s.Name, p.host.Name, at, side.Remote)
				}
				w.protects(s, p, side)
			}
		}
		if !found {
			w.fail("%s: %s sends to port %d, which is none of the call", s.Name, p.host.Name, theirs.port)
		}
	}
	if unsure { // of whom either may have refused what the other has said since
		return
	}
	if w.now.Sub(s.referred) > time.Minute { // else a target may be called, and has its room already
		w.counts(s.Name, n, id, two...)
	}
	// The one who came last is told of a hold of the other by a re-INVITE, which it may refuse, or which may be under way.
	told := late.manner.Reinvite == 0 && late.manner.Glare == 0 && w.now.Sub(first.changed) > 30*time.Second
	x, y := first.direction(), late.direction()
	if (s.bared || s.Caller.Offerless) && (n.tells(first) || n.tells(late) || s.untold(late, x)) {
		told = false
	}
	if told && x != reversed(y) && !withMusic(want, first, late) && !s.untold(first, y) {
		w.fail("%s: media is %s for %s and %s for %s", s.Name, x, first.host.Name, y, late.host.Name)
	}
	s.heard++
}
