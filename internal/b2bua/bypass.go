package b2bua

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// Media bypass is decided for each target when it is called, and stands when it answers. Ports open before the hunt unless every target is
// certain to be bypassed; once one has answered that is, they go back.

// callerParty is the caller for a judgement about bypass.
func (c *Call) callerParty() network.Party {
	p := network.Party{Trunk: c.a.trunk, Signalling: c.a.hop.Remote.Addr()}
	if c.offered != nil {
		p.Media, p.Said = mediaHost(c.offered), clip(c.offered.BypassID(), maxBypassID)
	}
	return p
}

// maxBypassID bounds what is noted of what a client says; it is more than an id of the document may have.
const maxBypassID = 80

// mediaHost is where a description has its first live m-line; not valid: nowhere.
func mediaHost(s *sdp.Session) netip.Addr {
	for i := range s.Media {
		if m := &s.Media[i]; !m.Rejected() && m.Conn.IsValid() {
			return m.Conn
		}
	}
	return netip.Addr{}
}

// security is what the caller's first offer has of SRTP.
func (c *Call) security() network.Security {
	switch {
	case c.offered == nil:
		return network.NotOffered
	case strings.Contains(c.offer, "RTP/SAVP"):
		return network.Secure
	}
	return network.Plain
}

// judgeBypass decides about a target; at is the address that its INVITE goes to, not valid while that is not known.
func (c *Call) judgeBypass(t *topology.Trunk, at netip.Addr) network.Verdict {
	caller, callee := c.callerParty(), network.Party{Trunk: t, Signalling: at}
	return network.Bypass(c.snap.Network, &caller, &callee, c.security())
}

// foresee decides before the hunt whether the call needs no ports because every target is certain to be bypassed.
func (c *Call) foresee() bool {
	for i := range c.decision.Targets {
		t := c.decision.Targets[i].Trunk
		if !network.Wanted(c.a.trunk, t) || !c.judgeBypass(t, netip.Addr{}).Bypass {
			return false
		}
	}
	return len(c.decision.Targets) > 0
}

// offers are the caller's first offer as it came and as it was opened, when targets may differ in which of them they are told.
type offers struct{ raw, opened *sdp.Session }

// chooseMedia decides where the media goes of the target that is called next, and notes why. Who is called for a transfer joins what is there.
func (c *Call) chooseMedia(t *attempt) {
	p := &c.plan
	if c.xfer != nil {
		return
	}
	if p.bypass = false; network.Wanted(c.a.trunk, t.target.Trunk) {
		v := c.judgeBypass(t.target.Trunk, t.hops[t.hop].Remote.Addr())
		p.bypass = v.Bypass
		c.rec.BypassWarning = c.rec.BypassWarning || v.Warning
		c.noteMedia(t.target.Trunk, v)
	}
	t.bypass = p.bypass
	c.goWith(t)
}

// goWith has the media go where it was decided for a target, which may be another one than that called last.
func (c *Call) goWith(t *attempt) {
	p := &c.plan
	if p.bypass = t.bypass; p.offers != nil {
		if c.offered = p.offers.opened; p.bypass {
			c.offered = p.offers.raw
		}
	}
}

// passes tells whether media goes past us for who says something: a target that was left behind has what was decided for it.
func (c *Call) passes(l *Leg) bool {
	if c.won == nil && c.xfer == nil {
		for _, t := range c.attempts {
			if &t.leg == l && !t.linger.IsZero() {
				return t.bypass
			}
		}
	}
	return c.plan.bypass
}

// noteMedia puts a verdict into the explanation.
func (c *Call) noteMedia(t *topology.Trunk, v network.Verdict) {
	c.noteStep(routing.MediaStep(t, v.Bypass, v.Why))
}

// noteStep puts a step into the explanation, once.
func (c *Call) noteStep(st routing.Step) {
	if !slices.Contains(c.decision.Steps, st) {
		c.decision.Steps = append(c.decision.Steps, st)
	}
}

// reachable tells whether a target that comes up in the hunt can be called: where no port is open it must be one to bypass.
func (c *Call) reachable(t *topology.Trunk) bool {
	if x := c.xfer; x != nil {
		return !c.plan.bypass || c.joins(x.by, x.rest, t, nil)
	}
	return c.plan.opened || network.Wanted(c.a.trunk, t) && c.judgeBypass(t, netip.Addr{}).Bypass
}

// joins tells whether who is called on a trunk for a transfer, or comes by it with said, can take part in a bypassed call with who stays: its media has
// no ports here.
func (c *Call) joins(by, stays *Leg, t *topology.Trunk, said *sdp.Session) bool {
	rest, guest := network.Party{Trunk: stays.trunk, Signalling: stays.hop.Remote.Addr()}, network.Party{Trunk: t}
	offer := network.Plain
	if s, err := sdp.Parse(by.sdp.body); err == nil { // what the one said, the other was told
		rest.Media = mediaHost(s)
		if secure(s) {
			offer = network.Secure
		}
	}
	if said != nil {
		guest.Media, guest.Said = mediaHost(said), said.BypassID()
	}
	return network.Bypass(c.snap.Network, &rest, &guest, offer).Bypass
}

// vacate gives the ports back that were open for other targets than the one that has answered.
func (c *Call) vacate(out *Out) {
	if p := &c.plan; p.bypass && p.opened && !c.closing {
		c.closing = true
		out.Media = append(out.Media, MediaOp{MediaClose, &media.Session{ID: c.id}})
	}
	c.plan.offers = nil
}

// vacated answers vacate. What flows by the descriptions is still of interest.
func (c *Call) vacated(now time.Time) {
	p := &c.plan
	c.releasePorts(now, p.lines)
	for i := range p.lines {
		ends := &p.lines[i].peer
		p.lines[i] = line{peer: [2]end{ends[0].flow(), ends[1].flow()}}
	}
	p.opened, p.dirty, c.closing = false, false, false
}

// flow is what a side says of who may send on an m-line.
func (e *end) flow() end { return end{live: e.live, refused: e.refused, dir: e.dir, wants: e.wants} }

// heed is takeAs where media goes past us: it is of interest there who may send, see unhold.
func (p *plan) heed(l *Leg, s *sdp.Session, asks bool) {
	for !p.opened && len(p.lines) < min(len(s.Media), maxLines) {
		p.lines = append(p.lines, line{})
	}
	for i := range s.Media[:min(len(s.Media), len(p.lines))] {
		m, e := &s.Media[i], &p.lines[i].peer[l.side]
		if !m.Rejected() {
			e.wish(m.Direction, &p.lines[i].peer[1-l.side], asks)
		}
		e.live, e.refused, e.dir = !m.Rejected(), m.Rejected(), m.Direction
	}
}
