package b2bua

import (
	"slices"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// A change of a running call is admitted before the other side is asked. What grows may be refused, what runs is never cut: a call may always go on
// with what it has, so hold and resume find their room, and a refused change leaves the session as it was (RFC 3261 §14.2).

// roomForOffer takes room for what an offer of one leg may come to need, or says why there is none. Codecs that are too wide are left out of what the other
// leg is offered while one remains, and video that has no room is taken out.
func (c *Call) roomForOffer(from, to *Leg, s *sdp.Session) *diag.Reason {
	p := c.partyAt(from)
	if a := mediaHost(s); a.IsValid() && !a.IsUnspecified() {
		p.Media = a
	}
	return c.roomForChange(from.side, &p, to, s)
}

// roomForGuest is roomForOffer for who comes to take a side by INVITE with Replaces.
func (c *Call) roomForGuest(l *Leg, side media.SideIndex, stays *Leg, s *sdp.Session) *diag.Reason {
	p := network.Party{Trunk: l.trunk, Media: mediaHost(s), Signalling: l.hop.Remote.Addr()}
	return c.roomForChange(side, &p, stays, s)
}

func (c *Call) roomForChange(side media.SideIndex, party *network.Party, to *Leg, s *sdp.Session) *diag.Reason {
	p := &c.plan
	if !c.admits() || p.bypass {
		return nil
	}
	r := growth{room: room{force: c.exempt()}, set: to.trunk.Settings, names: c.keeps(s, to.trunk.Settings), to: to.side}
	other := c.partyAt(to)
	mine, theirs := packetsOf(s), p.packets(to.side)
	p.agree(&mine, &theirs)
	c.place(&r.room, side, party, mine)
	c.place(&r.room, to.side, &other, theirs)
	r.keep(c.room)
	r.film(p, s)
	most, link := network.PerSession(both(&r.legs), topology.Video)
	if r.force {
		most = topology.Unlimited
	}
	for {
		no := r.ask(s)
		if no == nil && r.legs[0].Kbps[topology.Video] > max(most, r.had[0][topology.Video], r.had[1][topology.Video]) {
			no = &network.Refusal{Link: link, Kind: topology.Video}
		}
		if no == nil {
			no = c.reserve(&r.legs, r.force)
		}
		if no == nil {
			break
		}
		if !r.less(no, s) {
			return c.noChange(no)
		}
		if no.Kind == topology.Video {
			c.env.Limits.Refuse(no.Link, no.Kind)
		}
	}
	p.limits = r.narrow()
	if c.phase == phaseAnswered {
		p.noVideo = false // what was left out then stands as refused in what was said
	}
	return nil
}

// noChange notes the refusal of a change. It says no figures: a peer that asks again and again would fill the explanation.
func (c *Call) noChange(no *network.Refusal) *diag.Reason {
	c.env.Limits.Refuse(no.Link, no.Kind)
	why, text := diag.LinkFull, no.Link.Name+" carries what it may, and a change of the running call needs more"
	if no.Need == 0 {
		why, text = diag.SessionTooWide, no.Link.Name+" lets no call have what a change of the running one needs"
	}
	trunk := c.a.trunk
	if c.won != nil {
		trunk = c.won.leg.trunk
	}
	c.noteStep(routing.BandwidthStep(trunk, false, text))
	return why
}

// growth is what a running call asks for beyond what it has.
type growth struct {
	room
	set     *topologySettings           // of the side that is offered something
	to      media.SideIndex             // that side
	names   []string                    // of the codecs that it may be offered; none: all
	had     [2][topology.MediaKinds]int // on ways that stay what they are; the call may keep it
	running int                         // kbit/s of video
	added   []int                       // m-lines of new video
	more    int                         // kbit/s of these
	full    *network.Refusal            // for want of which narrower codecs are looked for; nil: none
}

// keep takes note of what the call has.
func (r *growth) keep(has *network.Legs) {
	if has == nil {
		return
	}
	for k := range r.legs {
		if slices.Equal(has[k].Way, r.legs[k].Way) {
			r.had[k] = has[k].Kbps
			r.limits[k].Most = max(r.limits[k].Most, has[k].Kbps[topology.Audio])
		}
	}
}

// film finds the video of an offer, what runs and what is new.
func (r *growth) film(p *plan, s *sdp.Session) {
	for i := range s.Media[:min(len(s.Media), maxLines, len(p.lines))] {
		kbps := network.VideoBandwidth(s, i)
		if kbps == 0 {
			continue
		}
		if p.lines[i].peer[0].video > 0 && p.lines[i].peer[1].video > 0 {
			r.running += max(kbps, p.lines[i].peer[r.to].video)
			continue
		}
		r.added, r.more = append(r.added, i), r.more+kbps
	}
}

// ask reckons what the legs need; not nil: none of the codecs is as narrow as one call has to be.
func (r *growth) ask(s *sdp.Session) *network.Refusal {
	var kbps [2]int
	if network.Speaks(s) {
		if kbps = network.Widest(s, r.names, &r.limits); kbps[0] == 0 {
			if r.full != nil {
				return r.full
			}
			at, _ := r.narrowest()
			return &network.Refusal{Link: at}
		}
	}
	for k := range r.legs {
		r.legs[k].Kbps = [topology.MediaKinds]int{kbps[k], r.running + r.more}
	}
	if kbps[0] > 0 {
		r.widen(r.to, r.set)
	}
	for k := range r.legs {
		for kind, had := range r.had[k] {
			r.legs[k].Kbps[kind] = max(r.legs[k].Kbps[kind], had)
		}
	}
	return nil
}

// less makes do with less where a link has no room for something; false: there is nothing less to ask for.
func (r *growth) less(no *network.Refusal, s *sdp.Session) (less bool) {
	if no.Kind == topology.Video {
		for _, i := range r.added {
			s.Media[i].Port = 0 // as if it were not offered
		}
		less = len(r.added) > 0
		r.added, r.more = nil, 0
		return less
	}
	if no == r.full {
		return false
	}
	for k := range r.legs {
		if asks := r.legs[k].Kbps[topology.Audio]; no.Need > 0 && asks > r.had[k][topology.Audio] && r.legs[k].Over(no.Link) {
			r.limits[k].Most, r.full, less = asks-1, no, true
		}
	}
	return less
}
