package b2bua

import (
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// What the relay is told of a call.

// session is the wanted state of the relay.
func (p *plan) session(c *Call) *media.Session {
	room := &struct { // one allocation for an ordinary call
		s media.Session
		v [1]media.Stream
	}{}
	s := &room.s
	s.Presses = p.presses
	s.ID, s.Call, s.Streams = c.id, c.RecordID(), room.v[:min(len(p.lines), 1)]
	p.host[1] = c.targetHost()
	if c.near != nil {
		p.host[0] = c.near.host()
	}
	if len(p.lines) > 1 {
		s.Streams = make([]media.Stream, len(p.lines))
	}
	muted := c.muted()
	for i := range p.lines {
		ln := p.relayed(c, i)
		passed := p.passKeys && !(ln.peer[0].mux && ln.peer[1].mux) // rtcp-mux is between the peers, too, and one has not agreed
		for k := range ln.peer {
			e := &ln.peer[k]
			set := c.sideSettings(media.SideIndex(k))
			s.Streams[i].Side[k] = media.Side{
				Local: netip.AddrPortFrom(p.base[k], ln.ours[k]), Mux: e.mux && !passed, Nowhere: e.unusable.IsValid(),
				Latch: latch(set), Signalling: p.host[k], FixedSSRC: set.SSRCPolicy == "fixed", XR: set.RTCPXR, Relatch: e.relatch, Confirmed: e.confirmed, Crypt: e.crypt, DTLS: e.dtls,
				Send: !muted && (e.dir.Recv() || e.dir == sdp.DirectionUnset), Recv: !muted && (e.dir.Send() || e.dir == sdp.DirectionUnset), Agreed: ln.peer[1-k].takes,
				Digits: ln.peer[1-k].digits,
			}
			if !ln.peer[1-k].refused { // else nothing comes, and nobody is to wait for it
				side := &s.Streams[i].Side[k]
				side.Remote, side.RemoteRTCP, side.ICE = p.reach(k, e.rtp), p.reach(k, e.rtcp), e.ice
			}
		}
		s.Streams[i].Opaque, s.Streams[i].ClockRate, s.Streams[i].Slow, s.Streams[i].Sealed = ln.opaque, ln.clock, ln.slow, ln.sealed
		c.speak(ln, &s.Streams[i])
	}
	if c.phase == phaseAnswered && !c.announces() {
		s.Timeout = p.timeouts(c)
	}
	if play := c.playing(); play != nil && play.Stream < len(p.lines) { // what is ours is heard also before others may be
		s.Play = play
		s.Streams[play.Stream].Side[play.To].Send = p.lines[play.Stream].peer[play.To].dir.Recv()
	}
	return s
}

// tell sends the relay what has changed since it was last told.
func (p *plan) tell(c *Call, out *Out) {
	if c.opening != nil { // then it is told all that goes on
		return
	}
	if p.dirty && p.opened && !c.closing {
		out.Media = append(out.Media, MediaOp{MediaUpdate, p.session(c)})
	}
	p.dirty = false
}

// face turns side B toward the leg of a target: our address of its interface and family, and the host that may send.
func (p *plan) face(c *Call, l *Leg) {
	if a := c.env.mediaAddr(l.trunk, l.hop.Remote.Addr()); a != p.base[1] {
		p.base[1], p.dirty = a, true
	}
	p.dirty = p.dirty || c.targetHost() != p.host[1]
	for i := range p.lines {
		p.lines[i].peer[1] = end{relatch: p.lines[i].peer[1].relatch, confirmed: p.lines[i].peer[1].confirmed}
	}
}

// latch is a trunk's rtpLatching as the relay knows it.
func latch(set *topologySettings) media.Latch {
	switch set.RTPLatching {
	case "peer":
		return media.LatchPeer
	case "any":
		return media.LatchAny
	}
	return media.LatchOff
}

// reach is an address of the peer if our side of the media has its family; else the peer is known when it sends.
func (p *plan) reach(side int, peer netip.AddrPort) netip.AddrPort {
	if peer.IsValid() && peer.Addr().Unmap().Is4() != p.base[side].Is4() {
		return netip.AddrPort{}
	}
	return peer
}

// timeouts are the silences after which a side counts as dead (TRK-09, TRK-10).
func (p *plan) timeouts(c *Call) (t [2]time.Duration) {
	if x := c.xfer; x != nil && x.stage < transferTelling {
		return t // the referrer may be gone before its place is taken
	}
	for k := range t {
		set := c.sideSettings(media.SideIndex(k))
		sends, held := false, true
		for i := range p.lines {
			e := p.lines[i].peer
			if !e[0].live || !e[1].live || p.lines[i].opaque { // of what is no RTP nobody is missed
				continue
			}
			sends = sends || e[k].dir.Send()
			held = held && (e[0].dir != sdp.SendRecv || e[1].dir != sdp.SendRecv)
		}
		switch {
		case held && set.RTCPCallsOnHold, !held && sends && set.RTCPActiveCalls:
			t[k] = set.MediaTimeout
		}
	}
	return t
}

// sideSettings are the settings of the trunk on a side.
func (c *Call) sideSettings(side media.SideIndex) *topologySettings {
	return c.sideTrunk(side).Settings
}

// sideTrunk is the trunk on a side: of who is there, is called, or would be first.
func (c *Call) sideTrunk(side media.SideIndex) *topology.Trunk {
	switch {
	case c.seat(side) != nil:
		return c.seat(side).trunk
	case c.current != nil:
		return c.current.target.Trunk
	case len(c.decision.Targets) > 0:
		return c.decision.Targets[0].Trunk
	}
	return c.a.trunk
}
