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

// room is what a call asks of links, for a target or for a change of what runs.
type room struct {
	legs   network.Legs
	limits network.Limits
	at     [2]*topology.Link // the narrowest link of each way; nil: none asks anything of one call
	force  bool
}

// place puts a party on a side: which links lead to it, and what they let one call have.
func (c *Call) place(r *room, side media.SideIndex, p *network.Party, packets network.Packets) {
	a, _ := p.Where(true) // of a target that says where its media is when it answers, links are counted then
	if a.IsValid() {
		ours := c.env.mediaAddr(p.Trunk, a)
		packets.IPv6 = ours.Is6()
		r.legs[side].Way = network.Way(c.snap.Network, ours, a, nil)
	}
	r.limits[side] = network.Limit{Most: topology.Unlimited, Packets: packets}
	if !r.force {
		r.limits[side].Most, r.at[side] = network.PerSession(r.legs[side].Way, topology.Audio)
	}
}

// narrow is what codecs have to fit; nil: they need not.
func (r *room) narrow() *network.Limits {
	if !r.limits.Any() {
		return nil
	}
	limits := r.limits
	return &limits
}

// narrowest is the link that asks most of one call, and how much it lets it have. The packets of one leg may cost more than those of the other, in any codec.
func (r *room) narrowest() (at *topology.Link, most int) {
	k := 0
	left := func(k int) int { return r.limits[k].Most - network.Bandwidth("PCMU", r.limits[k].Packets) }
	if left(1) < left(0) {
		k = 1
	}
	return r.at[k], r.limits[k].Most
}

// takeRoom takes room for a target, or says why there is none: then the next one is tried, whose way may be another (CAC-05).
func (c *Call) takeRoom(t *attempt) *rejection {
	if !c.admits() {
		return nil
	}
	p := &c.plan
	p.limits, p.noVideo = nil, false
	if p.bypass { // not subject to admission
		c.reserve(&network.Legs{}, true)
		return nil
	}
	near, offer, set := c.callerParty(), c.offered, t.target.Trunk.Settings
	theirs := network.Packets{Tag: c.offeredTag(set)}
	side := c.seatOfTarget()
	mine := p.packets(1 - side)
	if x := c.xfer; x != nil { // then who stays is there already, and who leaves will be gone
		near = c.partyAt(x.rest)
		offer, _ = sdp.Parse(x.by.sdp.body)
	} else if offer == nil {
		mine.Tag = c.offeredTag(c.a.trunk.Settings)
	}
	if p.passKeys {
		theirs.Tag = mine.Tag
	}
	network.Agree(&mine, &theirs)
	r := room{force: c.exempt()}
	callee := network.Party{Trunk: t.target.Trunk, Signalling: t.hops[t.hop].Remote.Addr()}
	c.place(&r, 1-side, &near, mine)
	c.place(&r, side, &callee, theirs)
	kbps := network.Widest(offer, c.keeps(offer, set), &r.limits)
	if kbps[0] == 0 {
		at, most := r.narrowest()
		c.env.Limits.Refuse(at, topology.Audio)
		return c.noRoom(t, diag.SessionTooWide, fmt.Sprintf("%s lets a call have %d kbit/s, and no codec that is offered needs as little", at.Name, most))
	}
	p.limits = r.narrow()
	legs := &r.legs
	for k := range legs {
		legs[k].Kbps[topology.Audio] = kbps[k]
	}
	r.widen(side, set)
	c.admitVideo(legs, network.VideoOf(offer), r.force)
	no := c.reserve(legs, r.force)
	if no != nil && no.Kind == topology.Video {
		c.env.Limits.Refuse(no.Link, no.Kind)
		c.leaveVideo(legs)
		no = c.reserve(legs, r.force)
	}
	if no != nil {
		c.env.Limits.Refuse(no.Link, no.Kind)
		return c.noRoom(t, diag.LinkFull, fmt.Sprintf("%s carries %d of %d kbit/s, and the call needs %d", no.Link.Name, no.Used, no.Share, no.Need))
	}
	if legs.Any() {
		c.noteStep(routing.BandwidthStep(t.target.Trunk, true, p.granted(legs)))
	}
	return nil
}

// widen takes into account that a side may be offered what its trunk names as well, where that is converted.
func (r *room) widen(side media.SideIndex, set *topologySettings) {
	if set.Transcoding != "off" {
		kbps, ours := &r.legs[side].Kbps[topology.Audio], r.limits[side]
		ours.Opus = network.OwnOpus
		*kbps = max(*kbps, network.WidestOf(set.Codecs, &ours))
	}
}

// offeredTag is the longest tag of the SRTP that a trunk is offered, in octets.
func (c *Call) offeredTag(set *topologySettings) (octets uint8) {
	if set.SRTPMode != "required" && set.SRTPMode != "optional" {
		return 0
	}
	if set.SRTPKeying != "sdes" && c.env.handshakes() {
		return media.LongestTag
	}
	for _, name := range set.SRTPSuites {
		if suite, ok := media.SuiteNamed(name); ok {
			octets = max(octets, uint8(suite.TagSize()))
		}
	}
	return octets
}

// granted says what a target has on which links.
func (p *plan) granted(legs *network.Legs) string {
	kbps, video := 0, 0
	for k := range legs {
		if len(legs[k].Way) > 0 {
			kbps, video = max(kbps, legs[k].Kbps[topology.Audio]), max(video, legs[k].Kbps[topology.Video])
		}
	}
	text := fmt.Sprintf("%d kbit/s over %s", kbps, names(legs))
	switch {
	case p.noVideo:
		text += ", and none for video, which is left out"
	case video > 0:
		text += fmt.Sprintf(", and %d for video", video)
	}
	return text
}

// admitVideo asks for video as well, where one session may have so much: a call goes on without.
func (c *Call) admitVideo(legs *network.Legs, kbps int, force bool) {
	most, at := network.PerSession(both(legs), topology.Video)
	legs[0].Kbps[topology.Video], legs[1].Kbps[topology.Video] = kbps, kbps
	if kbps > most && !force {
		c.env.Limits.Refuse(at, topology.Video)
		c.leaveVideo(legs)
	}
}

// both is the links of both legs.
func both(legs *network.Legs) []*topology.Link { return slices.Concat(legs[0].Way, legs[1].Way) }

// leaveVideo has the call go on without video.
func (c *Call) leaveVideo(legs *network.Legs) {
	legs[0].Kbps[topology.Video], legs[1].Kbps[topology.Video] = 0, 0
	c.plan.noVideo = true
}

// noRoom is the refusal of a target for want of bandwidth.
func (c *Call) noRoom(t *attempt, why *diag.Reason, detail string) *rejection {
	c.noteStep(routing.BandwidthStep(t.target.Trunk, false, detail))
	return &rejection{status: why.Status, reason: why, detail: detail, open: detail, class: routing.Congestion}
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

// reserve takes what the legs need, instead of what the call had.
func (c *Call) reserve(legs *network.Legs, force bool) *network.Refusal {
	if !legs.Any() && c.room == nil {
		return nil
	}
	if r := c.env.Limits.Reserve(c.snap.Network, c.id, legs, force); r != nil {
		return r
	}
	if c.room = nil; legs.Any() {
		has := *legs
		c.room = &has
	}
	return nil
}

// recount counts what an answered call needs by now: what was said may have changed its codecs, its addresses or who is there. It waits while something
// is asked that may still be refused, and the call has what that may need.
func (c *Call) recount() {
	if !c.admits() || c.phase != phaseAnswered || c.end != nil || c.plan.bypass || c.xfer != nil && c.xfer.stage < transferTelling && !c.announces() {
		return
	}
	p, r := &c.plan, room{force: c.exempt()}
	packets := [2]network.Packets{p.packets(0), p.packets(1)}
	p.agree(&packets[0], &packets[1])
	for k := range r.legs {
		side := media.SideIndex(k)
		l := c.seat(side)
		if l == nil {
			continue
		}
		if !l.oa.Stable() {
			return
		}
		party := c.partyAt(l)
		c.place(&r, side, &party, packets[k])
		r.legs[k].Kbps = [topology.MediaKinds]int{network.Bandwidth(l.sdp.codec, r.limits[k].Packets), p.video()}
	}
	c.uncounted = false
	p.limits = r.narrow() // a transfer or a change that failed may have left others
	c.reserve(&r.legs, true)
}

// agree is network.Agree for a call that is up, in which we may code Opus.
func (p *plan) agree(a, b *network.Packets) {
	if network.Agree(a, b); p.converts() {
		a.Opus, b.Opus = network.OwnOpus, network.OwnOpus
	}
}

// partyAt is who sits on a leg of an answered call.
func (c *Call) partyAt(l *Leg) network.Party {
	return network.Party{Trunk: l.trunk, Media: c.plan.mediaOf(int(l.side)), Signalling: l.hop.Remote.Addr()}
}

// mediaOf is where a side has its first live m-line, or had it before it was held by 0.0.0.0.
func (p *plan) mediaOf(side int) netip.Addr {
	for i := range p.lines {
		if e := &p.lines[i].peer[side]; e.live && e.place.IsValid() {
			return e.place
		}
	}
	return netip.Addr{}
}

// packets is how those of a side's audio are, by its description.
func (p *plan) packets(side media.SideIndex) network.Packets {
	for i := range p.lines {
		if e := &p.lines[i].peer[side]; e.live && e.packets != (network.Packets{}) {
			return e.packets
		}
	}
	return network.Packets{}
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

// codecs are those that a description may have on a trunk, none being all: of those that keeps leaves an offer, or of all that have been taken of one, the ones that are
// narrow enough for the links.
func (c *Call) codecs(s *sdp.Session, set *topologySettings, what as) (names []string) {
	if what == asOffer { // who answers may send all that it has taken
		names = c.keeps(s, set)
	}
	if c.plan.limits == nil {
		return names
	}
	return network.Narrow(s, names, c.plan.limits)
}

// fitsLinks tells whether a codec that we would code is narrow enough for the links to a side.
func (p *plan) fitsLinks(side media.SideIndex, name string) bool {
	if p.limits == nil {
		return true
	}
	ours := p.limits[side]
	ours.Opus = network.OwnOpus
	return ours.Fits(name)
}

// crowdedOut ends an attempt that has no room; false: it has.
func (c *Call) crowdedOut(now time.Time, t *attempt, out *Out) bool {
	r := c.takeRoom(t)
	if r == nil {
		return false
	}
	if c.xfer != nil { // those who talk go on
		c.plan.noVideo = false
	}
	if t.hop == 0 {
		c.tried-- // it was not
	}
	c.reject(now, t, r, true, out)
	return true
}
