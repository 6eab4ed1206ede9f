package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// quiet looks every few seconds at each session of a node. Where nothing has changed for so long that nothing is under way any more, whatever was done before: each of its sides is a party
// that sends to it, it sends where that one listens, and the two hear each other.
func (w *World) quiet() {
	const every, enough, alone = 5 * time.Second, 8, 30 // times; a transfer may take longer
	type still struct {
		sign  string
		times int
	}
	seen := make(map[*session]still)
	var look func()
	look = func() {
		for _, n := range w.Nodes {
			for _, s := range n.relay.sessions {
				two := w.speakers(n, s.want)
				sign := fmt.Sprint(s.want.Streams[0].Side[0].Remote, s.want.Streams[0].Side[1].Remote)
				for _, p := range two {
					sign += fmt.Sprint(" ", p.callID, p.tag, p.state, p.seq, p.remoteSeq, p.gone, p.forgot, p.speaker.last, n.tells(p), p.settled())
				}
				was := seen[s]
				if was.sign != sign {
					was = still{sign: sign}
				}
				if was.times++; was.times == enough && len(two) == 2 || was.times == alone && len(two) != 2 {
					w.face(n, s.want, two)
				}
				seen[s] = was
			}
		}
		if !w.rest() {
			w.after(every, look)
		}
	}
	w.after(every, look)
}

// speakers are the parties that send to a session.
func (w *World) speakers(n *Node, m *media.Session) (two []*Party) {
	for k := range m.Streams[0].Side {
		for _, h := range w.Hosts {
			for _, p := range h.all {
				if d := p.speaker.remote; (p.state != over || p.gone || p.forgot) && d != nil && netip.AddrPortFrom(d.media[0].addr, d.media[0].port) == m.Streams[0].Side[k].Local {
					two = append(two, p)
				}
			}
		}
	}
	return two
}

// face checks a session at rest.
func (w *World) face(n *Node, m *media.Session, two []*Party) {
	if m.Play != nil || w.Faxes {
		return
	}
	for _, p := range two {
		if p.gone || p.forgot || p.manner.Odd.Blank || p.state != up || !p.settled() || p.waits() || n.tells(p) || n.dismissed(p) {
			return
		}
	}
	if len(two) != 2 {
		for _, p := range two {
			w.fail("%s: %s sends to a session to which %d parties send, %+v", p.scenario.Name, p.host.Name, len(two), m.Streams[0].Side)
		}
		return
	}
	w.Faced++
	for k, p := range two {
		side, mine := &m.Streams[0].Side[k], p.speaker.mine.media[0]
		if at := netip.AddrPortFrom(p.speaker.addr, mine.port); side.Remote != at && !mine.addr.IsUnspecified() {
			w.fail("%s: %s listens at %v, and the relay sends to %v", p.scenario.Name, p.host.Name, at, side.Remote)
		}
		w.protects(p.scenario, p, side)
		sends, hears := false, false
		switch p.direction() {
		case "sendrecv":
			sends, hears = true, true
		case "sendonly":
			sends = true
		case "recvonly":
			hears = true
		}
		if !p.speaker.stubborn && (hears && !side.Send || sends && !side.Recv) {
			w.fail("%s: %s is %s, the relay sends %v, receives %v", p.scenario.Name, p.host.Name, p.direction(), side.Send, side.Recv)
		}
	}
	a, b := two[0], two[1]
	if x, y := a.direction(), b.direction(); x != reversed(y) && !withMusic(m, a, b) && len(a.denied)+len(b.denied) == 0 && !a.speaker.stubborn && !b.speaker.stubborn {
		w.fail("%s: media is %s for %s and %s for %s of %s", a.scenario.Name, x, a.host.Name, y, b.host.Name, b.scenario.Name)
	}
}
