package b2bua

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// Call admission control (CAC-04): before a target is called whose media passes here, both legs must have room on the links between their peers and this
// server, for the widest codec that is offered. Once answered the call has what its codecs need.

// admits tells whether the call is subject to admission at all.
func (c *Call) admits() bool { return c.snap.Network.Admits() }

// exempt tells whether the call goes through whatever links carry: an emergency call (NEW-18), and one to a user with enableBWPolicyOverride (CAC-07).
func (c *Call) exempt() bool {
	d := &c.decision
	return d.Kind == routing.Emergency || d.User != nil && d.User.Policy != nil && d.User.Policy.BandwidthOverride
}

// takeRoom takes room for a target, or says why there is none: then the next one is tried, whose way may be another (CAC-05).
func (c *Call) takeRoom(t *attempt) *rejection {
	if !c.admits() {
		return nil
	}
	p := &c.plan
	p.widest, p.noVideo = 0, false
	if p.bypass { // not subject to admission
		c.reserve(&network.Legs{}, true)
		return nil
	}
	near, offer := c.callerParty(), c.offered
	if x := c.xfer; x != nil { // then who stays is there already, and who leaves will be gone
		near = c.partyAt(x.rest)
		offer, _ = sdp.Parse(x.by.sdp.body)
	}
	callee := network.Party{Trunk: t.target.Trunk, Signalling: t.hops[t.hop].Remote.Addr()}
	legs := network.Legs{{Way: c.way(&near, true)}, {Way: c.way(&callee, false)}}
	force := c.exempt()
	both := slices.Concat(legs[0].Way, legs[1].Way)
	most, at := network.PerSession(both, topology.Audio)
	if force {
		most = topology.Unlimited
	}
	kbps := network.Widest(offer, c.keeps(offer, t.target.Trunk.Settings), most)
	if kbps == 0 {
		c.env.Limits.Refuse(at, topology.Audio)
		return c.noRoom(t, diag.SessionTooWide, fmt.Sprintf("%s lets a call have %d kbit/s, and no codec that is offered needs as little", at.Name, most))
	}
	if most < topology.Unlimited {
		p.widest = most
	}
	legs[0].Kbps[topology.Audio], legs[1].Kbps[topology.Audio] = kbps, kbps
	if set := t.target.Trunk.Settings; set.Transcoding != "off" && len(set.Codecs) > 0 { // it may be offered what its trunk names as well
		legs[1].Kbps[topology.Audio] = max(kbps, network.Widest(nil, set.Codecs, most))
	}
	c.admitVideo(&legs, both, network.VideoOf(offer), force)
	r := c.reserve(&legs, force)
	if r != nil && r.Kind == topology.Video {
		c.leaveVideo(&legs)
		r = c.reserve(&legs, force)
	}
	if r != nil {
		return c.noRoom(t, diag.LinkFull, fmt.Sprintf("%s carries %d of %d kbit/s, and the call needs %d", r.Link.Name, r.Used, r.Share, r.Need))
	}
	if legs.Any() {
		c.noteStep(routing.BandwidthStep(t.target.Trunk, true, p.granted(&legs)))
	}
	return nil
}

// granted says what a target has on which links.
func (p *plan) granted(legs *network.Legs) string {
	text := fmt.Sprintf("%d kbit/s over %s", legs[0].Kbps[topology.Audio], names(legs))
	switch video := legs[0].Kbps[topology.Video]; {
	case p.noVideo:
		text += ", and none for video, which is left out"
	case video > 0:
		text += fmt.Sprintf(", and %d for video", video)
	}
	return text
}

// admitVideo asks for video as well, where one session may have so much: a call goes on without.
func (c *Call) admitVideo(legs *network.Legs, way []*topology.Link, kbps int, force bool) {
	most, at := network.PerSession(way, topology.Video)
	legs[0].Kbps[topology.Video], legs[1].Kbps[topology.Video] = kbps, kbps
	if kbps > most && !force {
		c.env.Limits.Refuse(at, topology.Video)
		c.leaveVideo(legs)
	}
}

// leaveVideo has the call go on without video.
func (c *Call) leaveVideo(legs *network.Legs) {
	legs[0].Kbps[topology.Video], legs[1].Kbps[topology.Video] = 0, 0
	c.plan.noVideo = true
}

// noRoom is the refusal of a target for want of bandwidth.
func (c *Call) noRoom(t *attempt, why *diag.Reason, detail string) *rejection {
	c.noteStep(routing.BandwidthStep(t.target.Trunk, false, detail))
	return &rejection{status: why.Status, reason: why, detail: detail, class: routing.Congestion}
}

// names are the links of both legs.
func names(legs *network.Legs) string {
	var list []string
	for k := range legs {
		for _, l := range legs[k].Way {
			if !slices.Contains(list, l.Name) {
				list = append(list, l.Name)
			}
		}
	}
	return strings.Join(list, ", ")
}

// way is the links between a party's media and ours. Of a target that says where its media is when it answers, they are counted then.
func (c *Call) way(p *network.Party, caller bool) []*topology.Link {
	a, _ := p.Where(caller)
	if !a.IsValid() {
		return nil
	}
	return network.Way(c.snap.Network, c.env.mediaAddr(a), a, nil)
}

// reserve takes what the legs need, instead of what the call had.
func (c *Call) reserve(legs *network.Legs, force bool) *network.Refusal {
	if !legs.Any() && !c.reserved {
		return nil
	}
	c.reserved = true
	r := c.env.Limits.Reserve(c.snap.Network, c.id, legs, force)
	c.reserved = r != nil || legs.Any()
	return r
}

// recount counts what an answered call needs by now: what was said may have changed its codecs, its addresses or who is there.
func (c *Call) recount() {
	if !c.admits() || c.phase != phaseAnswered || c.end != nil || c.plan.bypass || c.xfer != nil && c.xfer.stage < transferTelling {
		return
	}
	var legs network.Legs
	for k := range legs {
		l := c.seat(media.SideIndex(k))
		if l == nil {
			continue
		}
		p := c.partyAt(l)
		legs[k] = network.Need{Way: c.way(&p, true), Kbps: [topology.MediaKinds]int{network.Bandwidth(l.sdp.codec), c.plan.video()}}
	}
	c.plan.widest = 0 // a transfer that failed may have left another
	if most, at := network.PerSession(slices.Concat(legs[0].Way, legs[1].Way), topology.Audio); at != nil && !c.exempt() {
		c.plan.widest = most
	}
	c.reserve(&legs, true)
}

// partyAt is who sits on a leg of an answered call.
func (c *Call) partyAt(l *Leg) network.Party {
	return network.Party{Trunk: l.trunk, Media: c.plan.mediaOf(int(l.side)), Signalling: l.hop.Remote.Addr()}
}

// mediaOf is where a side has its first live m-line.
func (p *plan) mediaOf(side int) netip.Addr {
	for i := range p.lines {
		if e := &p.lines[i].peer[side]; e.live && e.rtp.IsValid() {
			return e.rtp.Addr()
		}
	}
	return netip.Addr{}
}

// video is what both sides have live.
func (p *plan) video() (kbps int) {
	for i := range p.lines {
		if a, b := &p.lines[i].peer[0], &p.lines[i].peer[1]; a.video > 0 && b.video > 0 {
			kbps += max(a.video, b.video)
		}
	}
	return kbps
}

// codecs are those that a description may have on a trunk: of those that keeps leaves it, the ones that are narrow enough for the links.
func (c *Call) codecs(s *sdp.Session, set *topologySettings) []string {
	names := c.keeps(s, set)
	if c.plan.widest == 0 {
		return names
	}
	return network.Narrow(s, names, c.plan.widest)
}

// fitsLinks tells whether a codec is narrow enough for the links.
func (p *plan) fitsLinks(name string) bool {
	return p.widest == 0 || network.Bandwidth(name) <= p.widest
}

// crowdedOut ends an attempt that has no room; false: it has.
func (c *Call) crowdedOut(now time.Time, t *attempt, out *Out) bool {
	r := c.takeRoom(t)
	if r == nil {
		return false
	}
	if t.hop == 0 {
		c.tried-- // it was not
	}
	c.reject(now, t, r, true, out)
	return true
}
