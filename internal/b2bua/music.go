package b2bua

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sound"
)

// attune decides what is heard of ours in a call that is up, after anything of its media has changed. While a change is on its way from one side to the
// other nothing is decided: it may be refused.
func (c *Call) attune(now time.Time) {
	if c.phase != phaseAnswered || c.end != nil || c.announces() || c.plan.bypass || c.exch != nil {
		return
	}
	to, clip := c.wanted()
	if clip == nil {
		c.hush(now)
		c.want(nil)
		return
	}
	v, ok := c.voiceOf(to)
	p, same := c.playing(), c.sounds != nil && c.sounds.of == clip
	switch {
	case ok && same && p != nil && p.To == to && p.Stream == v.stream && p.PayloadType == v.pt && p.PacketTime == c.plan.packetTime(to, v.stream):
	case ok:
		c.play(now, to, clip, v, 0, media.YieldToMedia)
	case !same || p != nil:
		c.hush(now)
		c.unplayed(now, to, clip.Name, "the party has no codec that can be played")
	}
	c.want(clip)
}

// want notes what is to be heard, be it heard or not.
func (c *Call) want(clip *sound.Clip) {
	if c.sounds == nil {
		if clip == nil {
			return
		}
		c.sounds = &sounds{}
	}
	c.sounds.of = clip
}

// wanted is who is to hear what: who waits for the target of a transfer that rings, and else who is held.
func (c *Call) wanted() (to media.SideIndex, clip *sound.Clip) {
	if x := c.xfer; x != nil && x.rings && x.stage == transferHunting {
		if clip = x.rest.trunk.Settings.RingbackClip(); clip == nil {
			clip = x.tone
		}
		if clip != nil && x.rest.up && c.hears(x.rest.side) {
			return x.rest.side, clip
		}
	}
	for k := range media.SideIndex(2) {
		holder, held := c.seat(k), c.seat(1-k)
		if holder == nil || held == nil || !held.up {
			continue
		}
		if clip = holder.trunk.Settings.HoldClip(); clip != nil && c.holdsCall(k) && c.hears(1-k) {
			return 1 - k, clip
		}
	}
	return 0, nil
}

// holdsCall tells whether a side does not want to hear: sendonly or inactive (RFC 3264 §8.4).
func (c *Call) holdsCall(side media.SideIndex) bool {
	e := c.plan.first(side)
	return e != nil && !e.dir.Recv()
}

// hears tells whether a side wants to hear.
func (c *Call) hears(side media.SideIndex) bool {
	e := c.plan.first(side)
	return e != nil && e.dir.Recv()
}

// first is what a side has said of its first m-line in use that is RTP; nil: it has none.
func (p *plan) first(side media.SideIndex) *end {
	for i := range p.lines {
		if e := &p.lines[i].peer[side]; e.live && !p.lines[i].opaque {
			return e
		}
	}
	return nil
}

// voiceOf is how the party on a side can hear us: by what it takes and what we have said to it.
func (c *Call) voiceOf(side media.SideIndex) (v voice, ok bool) {
	s, err := sdp.Parse(c.seat(side).sdp.body)
	if err != nil {
		return v, false
	}
	for i := range s.Media[:min(len(s.Media), len(c.plan.lines))] {
		m := &s.Media[i]
		if m.Rejected() || !strings.EqualFold(m.Kind, "audio") {
			continue
		}
		ln := &c.plan.lines[i]
		hears := &ln.peer[side].voices
		if ln.converts() {
			for _, f := range ln.spoken(int(side)).Formats {
				if pt, has := hears.has(f.Codec); has && c.codes(f.Codec) {
					return voice{i, f.Codec, pt}, true
				}
			}
			continue
		}
		for _, codec := range m.Codecs {
			if pt, has := hears.has(mediaCodec(codec)); has && c.converts(codec) {
				return voice{i, mediaCodec(codec), pt}, true
			}
		}
	}
	return v, false
}

// withMusic changes the directions of a description on its way to the other side, where music is generated. A holder that neither hears nor
// sends is shown to the other side as one that sends, as we do; the other side's consent to listen is no matter of the holder's,
// unless that resumes, perhaps: it has asked for an offer.
func (p *plan) withMusic(from, to *Leg, s *sdp.Session, resumes bool) {
	plays, held := from.trunk.Settings.HoldClip() != nil, to.trunk.Settings.HoldClip() != nil
	if !plays && !held {
		return
	}
	for i := range s.Media[:min(len(s.Media), len(p.lines))] {
		d, other := &s.Media[i].Direction, &p.lines[i].peer[to.side]
		switch {
		case plays && *d == sdp.Inactive && other.dir.Recv() && other.voices.known != 0:
			*d = sdp.SendOnly
		case held && !resumes && *d == sdp.RecvOnly && other.dir == sdp.Inactive:
			*d = sdp.Inactive
		}
	}
}
