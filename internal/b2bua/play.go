package b2bua

import (
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sound"
)

// sounds is what the call itself lets a party hear: one thing at a time.
type sounds struct {
	now   *media.Play // nil: nothing at the moment
	entry int         // of it in the record; -1: the record has enough
	last  uint32      // ID
	of    *sound.Clip // what was wanted last, be it heard or not; nil: nothing
	until time.Time   // when the relay must have told its end; zero: it has none
}

// maxPlayed bounds what the record says of it: a call may be put on hold a thousand times.
const maxPlayed = 50

// relayTime is how much later than expected the relay may tell that an announcement is over.
const relayTime = 5 * time.Second

// voice is how a party can hear us: by a codec on one of its m-lines.
type voice struct {
	stream int
	codec  media.Codec
	pt     uint8
}

// voiceIn finds it in a description of a leg: RTP with a codec that we can code, the trunk allows and the links have room for, the peer's favourite. SRTP that ends here looks
// like RTP; where keys are passed on there are none of ours.
func (c *Call) voiceIn(s *sdp.Session, l *Leg) (v voice, ok bool) {
	return voiceAmong(s, func(codec sdp.Codec) bool {
		return c.converts(codec) && allowed(codec, l.trunk.Settings.Codecs) && c.plan.fitsLinks(l.side, codec.Name)
	})
}

// voiceAmong finds one of certain codecs.
func voiceAmong(s *sdp.Session, speaks func(sdp.Codec) bool) (v voice, ok bool) {
	for i := range s.Media[:min(len(s.Media), maxLines)] {
		m := &s.Media[i]
		if m.Rejected() || !m.IsRTP() || m.Secure() || !strings.EqualFold(m.Kind, "audio") {
			continue
		}
		for _, codec := range m.Codecs {
			if speaks(codec) {
				return voice{i, mediaCodec(codec), codec.PT}, true
			}
		}
	}
	return v, false
}

// allowed tells whether the codecs of a trunk, none being all, have one.
func allowed(codec sdp.Codec, names []string) bool {
	return len(names) == 0 || slices.ContainsFunc(names, codec.Is)
}

// voices are the payload types by which the sender of an m-line takes codecs that can be played.
type voices struct {
	known uint8 // a bit for each
	types [media.Opus + 1]uint8
}

// voicesOf reads them in an m-line that has been opened; sealed: its keys are for the other side alone.
func voicesOf(m *sdp.Media, sealed bool) (v voices) {
	if !m.IsRTP() || m.Rejected() || m.Secure() || sealed {
		return v
	}
	for i := range m.Codecs {
		v.add(mediaCodec(m.Codecs[i]), m.Codecs[i].PT)
	}
	return v
}

// add keeps the first payload type of a codec.
func (v *voices) add(codec media.Codec, pt uint8) {
	if codec.Speaks() && v.known&(1<<codec) == 0 {
		v.known |= 1 << codec
		v.types[codec] = pt
	}
}

// has tells the payload type of a codec.
func (v *voices) has(codec media.Codec) (pt uint8, ok bool) {
	if v.known&(1<<codec) == 0 {
		return 0, false
	}
	return v.types[codec], true
}

// speak is our own answer to an offer of the caller's, as nobody else answers it: one codec on one m-line, the others refused.
func (p *plan) speak(c *Call, s *sdp.Session, d *description, v voice) string {
	var slots [mostLines]sdp.MediaAddr
	n, shown := min(len(s.Media), len(p.lines)), c.env.shownMedia(c.a.trunk, p.base[0])
	for i := range n {
		slots[i] = sdp.MediaAddr{Addr: shown, Port: p.lines[i].ours[0], RTCPPort: p.lines[i].ours[0] + 1, Drop: i != v.stream,
			Direction: s.Media[i].Direction.Reverse()}
	}
	d.codec = v.codec.String()
	return d.rewrite(s, &sdp.Rewrite{Address: shown, Media: slots[:n], Codecs: []string{d.codec}})
}

// play lets a side hear a clip instead of what it heard of ours before. times is how often, 0 until hush.
func (c *Call) play(now time.Time, to media.SideIndex, clip *sound.Clip, v voice, times int, yield media.Yield) {
	c.hush(now)
	if c.sounds == nil {
		c.sounds = &sounds{}
	}
	s := c.sounds
	s.last++
	s.now = &media.Play{ID: s.last, Stream: v.stream, To: to, Clip: clip, Codec: v.codec, PayloadType: v.pt, PacketTime: c.plan.packetTime(to, v.stream), Times: times, Yield: yield}
	s.until = time.Time{}
	if d := s.now.Duration(); d > 0 {
		s.until = now.Add(d + relayTime)
	}
	s.entry = c.notePlayed(cdr.Played{At: c.moment(now), To: sideName(to), What: clip.Name, Codec: v.codec.String()})
	c.plan.dirty = true
}

// packetTime is what a party wants the packets of a stream to hold; 0: it says nothing that the relay has.
func (p *plan) packetTime(to media.SideIndex, stream int) time.Duration {
	return packetTime(p.lines[stream].peer[to].ptime)
}

// hush ends what is played.
func (c *Call) hush(now time.Time) {
	s := c.sounds
	if s == nil || s.now == nil {
		return
	}
	if s.entry >= 0 && c.rec != nil {
		p := &c.rec.Played[s.entry]
		p.Took = now.Sub(p.At)
	}
	s.now, s.until = nil, time.Time{}
	c.plan.dirty = true
}

// unplayed notes that a side does not hear what it should, and why.
func (c *Call) unplayed(now time.Time, to media.SideIndex, what, why string) {
	c.notePlayed(cdr.Played{At: c.moment(now), To: sideName(to), What: what, Why: why})
}

// notePlayed adds to the record; -1: it has enough.
func (c *Call) notePlayed(p cdr.Played) int {
	if len(c.rec.Played) >= maxPlayed {
		return -1
	}
	c.rec.Played = append(c.rec.Played, p)
	return len(c.rec.Played) - 1
}

func sideName(side media.SideIndex) string {
	if side == 1 {
		return "callee"
	}
	return "caller"
}

// playing is what the relay is told to play.
func (c *Call) playing() *media.Play {
	if c.sounds == nil {
		return nil
	}
	return c.sounds.now
}

// advanceSounds goes on without the relay's word, should it never come, and says so in the record.
func (c *Call) advanceSounds(now time.Time, out *Out) {
	if s := c.sounds; s != nil && !s.until.IsZero() && !now.Before(s.until) {
		if s.entry >= 0 {
			c.rec.Played[s.entry].Why = "its end was never reported"
		}
		c.played(now, s.last, out)
	}
}

// played takes that something has been heard to its end.
func (c *Call) played(now time.Time, id uint32, out *Out) {
	s := c.sounds
	if c.end != nil || s == nil || s.now == nil || s.now.ID != id {
		return // something else is played by now
	}
	c.hush(now)
	c.announced(now, out)
}
