package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// finish checks the ends of a call when all has come to rest.
func (s *Scenario) finish(w *World) {
	if s.caller == nil || w.Fault.Panic >= 0 {
		return
	}
	if s.caller.state == up && !w.cut[s.caller.callID] {
		w.fail("%s: the caller is still up", s.Name)
	}
	for _, p := range s.ends {
		if p.state != over && w.cut[p.callID] {
			continue
		}
		if p.state != over {
			w.fail("%s: %s is still %s", s.Name, p.host.Name, p.state)
			continue
		}
		// A party of which the node never heard anything cannot be cancelled and rings until its own limit, and so does who takes no notice of it, or has equipment that hears nothing
		// any more. A caller that is gone may not be missed, and a CANCEL may be lost with its connection.
		leg := w.Nodes[s.Node].watch.legs[p.callID]
		if s.moved || w.Nodes[s.Node].missed || w.cut[p.callID] || w.cut[s.caller.callID] || s.caller.gone || s.caller.forgot || s.caller.stopped.IsZero() || p.stopped.IsZero() || leg == nil || !leg.heard || slices.ContainsFunc(p.host.parties[p.callID], func(x *Party) bool { return x.gone || x.callee != nil && x.callee.Deaf }) {
			continue
		}
		if late := p.stopped.Sub(s.caller.stopped); late > 70*time.Second {
			w.fail("%s: %s ended %v after the caller", s.Name, p.host.Name, late)
		}
	}
}

// hear checks, when one end hangs up, that each end is heard by the other: the ports that the peers were told, the addresses
// that the relay sends to, and the directions on both legs agree. Only when neither end is in the middle of a change.
func (s *Scenario) hear(w *World) {
	a := s.caller
	if leg := w.Nodes[s.Node].watch.legs[a.callID]; s.Caller.Offerless && (leg == nil || !leg.acknowledged()) {
		return // its answer is on its way
	}
	if w.Nodes[s.Node].stood() {
		return // it may have something to tell
	}
	if s.moved {
		if !w.Faxes {
			s.hearMoved(w)
		}
		return
	}
	if !a.settled() || s.withdrawn || s.answers() > 1 || a.waits() {
		return
	}
	for _, b := range s.ends {
		if !b.settled() || b.final != 201 || b.waits() {
			continue
		}
		n := w.Nodes[s.Node]
		if (s.bared || s.Caller.Offerless) && (n.tells(a) || n.tells(b)) {
			return
		}
		if w.Faxes && !s.faces(w, a, b) {
			return
		}
		id, open := n.relay.ports[a.speaker.remote.media[0].port]
		if !open && n.ended(a.callID) {
			return // the BYE of the node is on its way
		}
		if !open && w.Bypass {
			s.meet(w, a, b)
			return
		}
		if !open {
			w.fail("%s: the caller sends to port %d, which is not open", s.Name, a.speaker.remote.media[0].port)
			return
		}
		want := n.relay.sessions[id].want
		for k, p := range [2]*Party{a, b} {
			side, mine, theirs := &want.Streams[0].Side[k], p.speaker.mine.media[0], p.speaker.remote.media[0]
			if side.Local.Port() != theirs.port {
				w.fail("%s: %s sends to port %d, the relay listens on %d", s.Name, p.host.Name, theirs.port, side.Local.Port())
			}
			if at := netip.AddrPortFrom(p.speaker.addr, mine.port); side.Remote != at && !mine.addr.IsUnspecified() && !w.cut[p.callID] {
				w.fail("%s: %s wants its media at %v, the relay sends to %v", s.Name, p.host.Name, at, side.Remote)
			}
			w.protects(s, p, side)
			if p.speaker.stubborn || w.cut[p.callID] { // it may say more than it was offered, or has not heard the answer to what it has said
				continue
			}
			if side.Send != (mine.dir == "sendrecv" || mine.dir == "recvonly") || side.Recv != (mine.dir == "sendrecv" || mine.dir == "sendonly") {
				w.fail("%s: %s is %s, the relay sends %v, receives %v", s.Name, p.host.Name, mine.dir, side.Send, side.Recv)
			}
		}
		w.counts(s.Name, n, id, a, b)
		if x, y := a.direction(), b.direction(); x != reversed(y) && !withMusic(want, a, b) && !s.untold(b, x) && !(s.bared && s.untold(a, y)) {
			w.fail("%s: media is %s for the caller and %s for the callee", s.Name, x, y)
		}
		s.heard++
	}
}

// meet checks of a bypassed call that each end sends to where the other one is, when both have gone along with all that they were told.
func (s *Scenario) meet(w *World, a, b *Party) {
	if n := w.Nodes[s.Node]; n.tells(a) || n.tells(b) || len(a.denied)+len(b.denied) > 0 {
		return
	}
	for _, x := range [...][2]*Party{{a, b}, {b, a}} {
		told, is := x[0].speaker.remote.media[0], x[1].speaker.mine.media[0]
		if is.port > 0 && !is.addr.IsUnspecified() && !told.addr.IsUnspecified() && (told.port != is.port || told.addr != is.addr) {
			w.fail("%s: %s sends to %v port %d, and %s is at %v port %d", s.Name, x[0].host.Name, told.addr, told.port, x[1].host.Name, is.addr, is.port)
		}
	}
	if x, y := a.direction(), b.direction(); x != reversed(y) && !a.speaker.stubborn && !b.speaker.stubborn {
		w.fail("%s: media is %s for the caller and %s for the callee, and goes past us", s.Name, x, y)
	}
	s.heard++
}

// stood tells whether the node stands still, or has done so until just now.
func (n *Node) stood() bool { return n.w.now.Before(n.still.Add(5 * time.Second)) }

// faces checks that two parties have the same m-lines live, and that the relay has them where they are. False: there is T.38 or nothing, of which there is no more to say.
func (s *Scenario) faces(w *World, a, b *Party) bool {
	n := w.Nodes[s.Node]
	if n.ended(a.callID) {
		return false
	}
	x, y := a.lines(), b.lines()
	kinds := func(list []int, p *Party) (text string) {
		for _, i := range list {
			text += " " + p.speaker.mine.media[i].kind
		}
		return text
	}
	if kx, ky := kinds(x, a), kinds(y, b); kx != ky && s.Caller.Offerless && len(b.denied) > 0 {
		return false // it was told, see untold
	} else if kx != ky {
		w.fail("%s: the caller has%s and the callee has%s", s.Name, kx, ky)
		return false
	}
	for i := range x {
		id, open := n.relay.ports[a.speaker.remote.media[x[i]].port]
		if !open {
			w.fail("%s: the caller sends to port %d, which is not open", s.Name, a.speaker.remote.media[x[i]].port)
			return false
		}
		streams, m := n.relay.sessions[id].want.Streams, [2]int{x[i], y[i]}
		at := slices.IndexFunc(streams, func(t media.Stream) bool { return t.Side[0].Local.Port() == a.speaker.remote.media[x[i]].port })
		for k, p := range [2]*Party{a, b} {
			mine, theirs := p.speaker.mine.media[m[k]], p.speaker.remote.media[m[k]]
			if at < 0 || streams[at].Side[k].Local.Port() != theirs.port {
				w.fail("%s: %s sends its %s to port %d, the relay listens elsewhere", s.Name, p.host.Name, mine.kind, theirs.port)
				return false
			}
			if want := netip.AddrPortFrom(p.speaker.addr, mine.port); streams[at].Side[k].Remote != want && !mine.addr.IsUnspecified() {
				w.fail("%s: %s wants its %s at %v, the relay sends to %v", s.Name, p.host.Name, mine.kind, want, streams[at].Side[k].Remote)
			}
			if streams[at].Opaque != (mine.kind == "image") {
				w.fail("%s: the relay takes %s for what it is not", s.Name, mine.kind)
			}
		}
		s.faxed = s.faxed || streams[at].Opaque
	}
	return len(x) > 0 && x[0] == 0 && y[0] == 0 && a.speaker.mine.media[0].kind == "audio"
}

// lines are the live m-lines of a party.
func (p *Party) lines() (list []int) {
	for i := range min(len(p.speaker.mine.media), len(p.speaker.remote.media)) {
		if p.speaker.mine.media[i].port != 0 && p.speaker.remote.media[i].port != 0 {
			list = append(list, i)
		}
	}
	return list
}

// withMusic tells whether one holds and wants no packets, and the other one listens to the node, which plays if it has a codec of theirs.
func withMusic(want *media.Session, a, b *Party) bool {
	x, y := a.direction(), b.direction()
	return (want.Play != nil || a.manner.Thrifty || b.manner.Thrifty) && (x == "inactive" && y == "recvonly" || x == "recvonly" && y == "inactive")
}

// acknowledged tells whether the ACK of a 2xx has come.
func (l *legWatch) acknowledged() bool {
	o := l.offersOf()
	for _, r := range l.order {
		if !r.sent && r.method == "ACK" && o.initial != nil && r.seq >= o.initial.seq && !l.refusalAck(r.msg) {
			return true
		}
	}
	return false
}

// hearEarly checks that early media of one of the ringing ends reaches the caller: the relay expects it from there.
func (s *Scenario) hearEarly(w *World, d *desc) {
	n := w.Nodes[s.Node]
	id, open := n.relay.ports[d.media[0].port]
	if w.Bypass || !open { // the call may be over while the response was on its way
		return
	}
	want := n.relay.sessions[id].want
	if want.Play != nil && want.Play.To == 0 {
		return // the node's own
	}
	from := want.Streams[0].Side[1].Remote
	for _, p := range s.ends {
		if p.rtp() == from {
			return
		}
	}
	if n.owns(s.caller.callID) && w.Strict {
		w.fail("%s: early media is expected from %v, where nobody rings", s.Name, from)
	}
}

// tells tells whether the node has something to tell a party, or to hear from it: a re-INVITE is under way, or an ACK with an answer, or it leaves a party alone for a moment that has just
// been busy with a change of its own.
func (n *Node) tells(p *Party) bool {
	leg := n.watch.legs[p.callID]
	return leg != nil && (!leg.ours && !leg.acknowledged() || leg.offersOf().invite != nil || leg.offersOf().who != "" || n.w.now.Sub(leg.calm) < 500*time.Millisecond)
}

// settled tells whether the party is in the call and nothing of it changes.
func (p *Party) settled() bool {
	return p != nil && p.state == up && !p.gone && !p.pending && !p.busy && !p.offered && (p.caller && p.answered == nil || p.acked) &&
		p.speaker.mine != nil && p.speaker.remote != nil
}

// waits tells whether a change that the party has put off by 491 is to be asked for again: within four seconds (RFC 3261 §14.1), and it comes a little later.
func (p *Party) waits() bool {
	return slices.ContainsFunc(p.denied, func(o denial) bool { return !o.last && p.w().now.Sub(o.at) < 5*time.Second })
}

// answers is how many telephones have answered: all but one of them are hung up.
func (s *Scenario) answers() (n int) {
	for _, p := range s.ends {
		if p.final >= 200 && p.final < 300 {
			n++
		}
	}
	return n
}

// direction is what flows for the party by what both sides said.
func (p *Party) direction() string {
	return meet(p.speaker.remote.media[0].dir, p.speaker.mine.media[0].dir)
}

// ended tells whether the call of a caller has its record.
func (n *Node) ended(callID string) bool {
	for _, r := range n.Records {
		if r.In.CallID == callID {
			return true
		}
	}
	return false
}
