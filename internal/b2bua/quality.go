package b2bua

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
	"github.com/directsip/directsip/internal/sdp"
)

// payloadTypes are those that an m-line names, which its sender takes (RFC 3264 §6.1), those of them that are telephone-event, and the clock of the dynamic ones that are none. Where some
// have 8000 Hz and others not, as AMR beside AMR-WB, it is that of the others, and slow are the first.
func payloadTypes(m *sdp.Media) (set, digits, slow media.PayloadTypes, clock uint32) {
	const firstDynamic, telephone = 96, 8000 // RFC 3551 §6
	if !m.IsRTP() || m.Rejected() {
		return set, digits, slow, 0
	}
	for i := range m.Codecs {
		c := &m.Codecs[i]
		set.Add(c.PT)
		if strings.EqualFold(c.Name, "telephone-event") {
			digits.Add(c.PT)
		} else if c.PT < firstDynamic {
			continue
		} else if c.Rate == telephone {
			slow.Add(c.PT)
		} else if clock == 0 {
			clock = uint32(max(0, c.Rate))
		}
	}
	if clock == 0 && slow != (media.PayloadTypes{}) {
		return set, digits, media.PayloadTypes{}, telephone
	}
	return set, digits, slow, clock
}

// measure fills in what the counters say of the quality of one direction of a stream until then, and of why it is not heard.
func (c *Call) measure(until time.Time, m *cdr.Media, st *media.Stats, stream, side int) {
	from := &st.Streams[stream].From
	n, back := &from[side], &from[1-side]
	e := evidence(n)
	e.FirstRefused, e.LastRefused = c.moment(n.FirstRefused), c.moment(n.LastRefused)
	rate := 0
	if stream < len(c.plan.lines) {
		ln := &c.plan.lines[stream]
		end := &ln.peer[side]
		if rate = int(ln.clock); ln.slow.Has(n.PayloadType) {
			rate = 0
		}
		e.HeldFor, e.Over = end.held(until.Sub(c.rec.Start)), ln.opaque || !ln.peer[0].live || !ln.peer[1].live
		if base := c.plan.base[side]; base.IsValid() {
			here, shown := netip.AddrPortFrom(base, ln.ours[side]), c.env.shownMedia(c.sideTrunk(media.SideIndex(side)), base)
			if e.Ours = here.String(); shown != base {
				e.Ours, e.Here = netip.AddrPortFrom(shown, here.Port()).String(), e.Ours
			}
		}
		switch {
		case end.unusable.IsValid():
			e.Unusable = end.unusable.String()
		case end.rtp.IsValid() && !c.plan.reach(side, end.rtp).IsValid():
			e.Unusable, m.Announced = end.rtp.Addr().String(), ""
		}
		e.KeysFailed = end.crypt != nil && end.crypt.Suite == 0 || n.Unshaken
	}
	m.Evidence = e
	if n.Sources == 0 { // nothing came, or it is no RTP
		return
	}
	q := c.quality(n, back, media.SideIndex(side), rate)
	if m.Quality = q; m.Kind == "" {
		return
	}
	q.Codec = "" // the codec of the call is that of its audio, and so are its bounds and the E-model
	for _, h := range [...]*cdr.Heard{&q.Arrived, q.Reported} {
		if h != nil {
			h.R, h.MOS, h.Wideband, h.Poor = 0, 0, false, ""
		}
	}
}

// evidence is what a side's counters and its RTCP show.
func evidence(n *media.Counters) *cdr.Evidence {
	e := &cdr.Evidence{T38: n.T38, PayloadType: n.PayloadType, Foreign: n.Foreign, ForeignType: n.ForeignType, Measured: n.Measured, Misfit: n.Misfit, Still: n.Still, OnHold: n.Held,
		Nowhere: n.Nowhere, OtherSource: n.OtherSource, STUN: n.STUN, DTLS: n.DTLS, Misported: n.Misported, Oversized: n.Oversized, Unsealed: n.Unsealed, Unfit: n.Unfit, Clear: n.Clear, ICE: n.ICE, Unchecked: n.Unchecked, Lapsed: n.Lapsed, Unshaken: n.Unshaken, UnshakenWhy: n.UnshakenWhy, SendErrors: n.SendErrors,
		Noise: n.Noise, Pauses: n.Pauses, Waited: n.Waited,
		SendError: n.SendError, Refused: n.Refused, RefusedWhy: n.RefusedWhy}
	s := &n.Since
	e.Since = cdr.Refusals{Gated: s.Gated, Unauthentic: s.Unauthentic, OnHold: s.Held, Nowhere: s.Nowhere, OtherSource: s.OtherSource, Unsealed: s.Unsealed,
		Unfit: s.Unfit, SendErrors: s.SendErrors}
	e.Scattered = n.Scattered
	if n.Sources > 1 {
		e.Sources = uint64(n.Sources)
	}
	if w := n.Witness; w != nil {
		told := w.Told()
		e.SaysSent, e.Reports, e.Expected, e.Missed, e.Deaf = uint64(w.Sent.Packets), w.Reports, told.Expected, told.Lost, w.Deaf
		e.Doubtful = told.Doubtful
	}
	return e
}

// quality rates what came from a side, and what the other side reports of it.
func (c *Call) quality(n, back *media.Counters, side media.SideIndex, rate int) *cdr.Quality {
	name := c.codecOf(n, side)
	codec := quality.CodecNamed(name)
	q := &cdr.Quality{Codec: name, Anew: n.Anew, Sampled: n.Levels.Packets, Silent: n.Levels.Silent}
	if v, ok := n.Levels.Signal(); ok {
		q.Signal = cdr.Hundredths(v)
	}
	if v, ok := n.Levels.Noise(); ok {
		q.Noise = cdr.Hundredths(v)
	}
	near, far := trip(n.Witness), trip(back.Witness)
	if q.RoundTrip = near.Mean(); q.RoundTrip > 0 {
		q.RoundTripMost = near.Most
	}
	h := &q.Arrived
	expected, lost := n.Pattern.Packets, n.Pattern.Lost
	if h.Unmeasured = expected == 0; h.Unmeasured {
		expected, lost = n.Packets+n.Lost, n.Lost
	}
	burst, gap := n.Pattern.Density()
	h.BurstLoss, h.GapLoss = cdr.Hundredths(100*burst), cdr.Hundredths(100*gap)
	if n.Pattern.Bursts > 0 {
		h.BurstPackets = cdr.Hundredths(float64(n.Pattern.BurstPackets) / float64(n.Pattern.Bursts))
	}
	h.Jitter = n.Jitter
	here := rated{codec: codec, loss: share(lost, expected), late: share(n.Late, expected), ratio: n.Pattern.Ratio(), trip: near.Mean()}
	here.into(h, expected)
	h.Poor = poor(h, near.Mean(), expected, c.sideSettings(side))
	if w := back.Witness; w != nil && w.Reports > 0 {
		told := w.Told()
		clock := clockOf(n.PayloadType, rate)
		if n.Anew { // what is reported is in the codec and by the clock of the other side
			name = c.codecOf(back, 1-side)
			codec, clock = quality.CodecNamed(name), cmp.Or(int(media.CodecNamed(name).Clock()), clock)
		}
		q.Reported = &cdr.Heard{Jitter: toldJitter(told.Jitter, clock), Unmeasured: true}
		all := rated{codec: codec, loss: share(told.Lost, told.Expected), trip: near.Mean() + far.Mean()}
		if w.HasVoice {
			heard := q.Reported
			all.late, all.trip = float64(w.Voice.Discarded)/256, all.trip+2*time.Duration(w.Voice.EndSystem)*time.Millisecond
			heard.BurstLoss, heard.GapLoss = cdr.Hundredths(100*float64(w.Voice.BurstDensity)/256), cdr.Hundredths(100*float64(w.Voice.GapDensity)/256)
			heard.BurstPackets, heard.Unmeasured = cdr.Hundredths(float64(w.Voice.Burst)/20), false
		}
		all.into(q.Reported, told.Expected)
		q.Reported.Poor = poor(q.Reported, far.Mean(), told.Expected, c.sideSettings(1-side))
	}
	return q
}

// mostJitter is more than any way has.
const mostJitter = 10 * time.Second

// toldJitter is the jitter of a report. There are stacks that take the difference of two clocks for it, which is hours: those say nothing.
func toldJitter(units uint32, clock int) time.Duration {
	if d := time.Duration(units) * time.Second / time.Duration(clock); d <= mostJitter {
		return d
	}
	return 0
}

// rated is a stream at one place of its way.
type rated struct {
	codec      *quality.Codec
	loss, late float64 // shares
	ratio      float64
	trip       time.Duration
}

// into writes the figures of so many packets down. The delay is half the round trip, a packet, and a buffer of twice the jitter. A few packets, as those of a call that is
// hung up at once or of a source that a transfer has brought just before the last report, have no rating: each of them makes a share of losses that says nothing, and none lost says
// nothing either.
func (r *rated) into(h *cdr.Heard, packets uint64) {
	h.Loss, h.Late = cdr.Hundredths(100*r.loss), cdr.Hundredths(100*r.late)
	if r.codec == nil || packets < cdr.LeastRated {
		return
	}
	const packet = 20 * time.Millisecond
	rating := r.codec.Rate(quality.Path{Loss: r.loss + (1-r.loss)*r.late, Ratio: r.ratio, Delay: r.trip/2 + packet + 2*h.Jitter})
	h.R, h.MOS, h.Wideband = cdr.Hundredths(rating.R), cdr.Hundredths(rating.MOS), rating.Wide
}

func share(part, whole uint64) float64 { return min(float64(part)/float64(max(1, whole)), 1) }

func trip(w *quality.Witness) quality.Trip {
	if w == nil {
		return quality.Trip{}
	}
	return w.Trip
}

// codecOf names the codec of what comes from a side: by its payload type, or for dynamic ones the codec of the leg, as the last packet may have been a digit.
func (c *Call) codecOf(n *media.Counters, side media.SideIndex) string {
	const comfortNoise = "CN"
	if s, ok := codec.StaticType(n.PayloadType); n.Sources > 0 && ok && s.Name != comfortNoise {
		return s.Name
	}
	if l := c.seat(side); l != nil && l.sdp.codec != "" {
		return l.sdp.codec
	}
	return c.a.sdp.codec
}

// clockOf is that of the time stamps of a payload type, in Hz.
func clockOf(payloadType uint8, dynamic int) int {
	if payloadType >= 96 && dynamic > 0 {
		return dynamic
	}
	return 8000
}

// poor names what is beyond the bounds that a trunk sets. The one of MOS is of telephone calls, and a wideband call is held to the R that it stands for.
func poor(h *cdr.Heard, roundTrip time.Duration, packets uint64, set *topologySettings) string {
	if packets < cdr.LeastRated {
		return ""
	}
	var list []string
	if h.MOS > 0 && cdr.Hundredths(quality.Phone(h.R.Float())) < cdr.Hundredth(set.PoorMOS) {
		list = append(list, "MOS")
	}
	if h.Loss+h.Late >= cdr.Hundredth(100*set.PoorLoss) {
		list = append(list, "loss")
	}
	if h.Jitter >= set.PoorJitter {
		list = append(list, "jitter")
	}
	if roundTrip >= set.PoorRoundTrip {
		list = append(list, "round trip")
	}
	return strings.Join(list, ", ")
}
