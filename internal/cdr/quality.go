package cdr

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Hundredth is a figure with two decimals: 4.41 is 441.
type Hundredth int64

// Hundredths rounds.
func Hundredths(v float64) Hundredth { return Hundredth(math.Round(v * 100)) }

// String has no zeros at its end.
func (h Hundredth) String() string { return strconv.FormatFloat(h.Float(), 'f', -1, 64) }

// Float is the figure.
func (h Hundredth) Float() float64 { return float64(h) / 100 }

// MarshalJSON writes a number.
func (h Hundredth) MarshalJSON() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalJSON reads one.
func (h *Hundredth) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(string(b), 64)
	*h = Hundredths(v)
	return err
}

// Quality is how well a direction of a stream does.
type Quality struct {
	Codec string `json:"codec,omitempty"`
	// Arrived is what came to this server from the side, over its own leg. Reported is the whole way to the other side, as the RTCP of that one tells it; where speech is
	// coded anew it is the way from here.
	Arrived  Heard  `json:"arrived"`
	Reported *Heard `json:"reported,omitempty"`
	Anew     bool   `json:"codedAnew,omitempty"`
	// RoundTrip is from this server to the side and back, the mean, and its most.
	RoundTrip     time.Duration `json:"roundTrip,omitempty"`
	RoundTripMost time.Duration `json:"roundTripMost,omitempty"`
	// Signal and Noise are mean levels of speech and pauses, of G.711 alone, in dBov; 0: not measured.
	Signal Hundredth `json:"signal,omitempty"`
	Noise  Hundredth `json:"noise,omitempty"`
	// Sampled is how many packets were looked into for that, and Silent how many of them had no sound at all.
	Sampled uint64 `json:"sampled,omitempty"`
	Silent  uint64 `json:"silent,omitempty"`
}

// Heard is what came of a stream at one place.
type Heard struct {
	R   Hundredth `json:"r,omitempty"` // E-model (ITU-T G.107); 0: it knows nothing of the codec, or less than LeastRated packets came
	MOS Hundredth `json:"mos,omitempty"`
	// Wideband: the MOS is of the wideband scale (G.107.1), not to be compared with one of the other. R is one scale, which goes on above 100 for these.
	Wideband bool `json:"wideband,omitempty"`

	Loss   Hundredth     `json:"loss"` // percent
	Late   Hundredth     `json:"late"` // percent that came too late: for a buffer of 60 ms here, or as the other side reports it
	Jitter time.Duration `json:"jitter"`
	// Bursts and gaps of RFC 3611 §4.7.2: percent lost within them, and how many packets a burst has. Unmeasured: they are not known.
	BurstLoss    Hundredth `json:"burstLoss,omitempty"`
	GapLoss      Hundredth `json:"gapLoss,omitempty"`
	BurstPackets Hundredth `json:"burstPackets,omitempty"`
	Unmeasured   bool      `json:"unmeasured,omitempty"`
	Poor         string    `json:"poor,omitempty"` // what is beyond the bounds of the trunk: "MOS, loss"
}

// LeastRated is how many packets make a stream long enough for its figures to say something: two seconds.
const LeastRated = 100

// Telling tells whether the direction lasted long enough for its figures to say something.
func (m *Media) Telling() bool { return m.Quality != nil && m.Packets+m.Lost >= LeastRated }

// Telling tells whether the audio of the call was measured for long enough, also in a codec that has no MOS.
func (r *Record) Telling() bool {
	return slices.ContainsFunc(r.Media, func(m Media) bool { return m.Kind == "" && m.Telling() })
}

// Worst is what has the lowest R of the call, of any direction at any place that lasted long enough; nil: nothing is rated. MOS would not do to find it: legs may be on
// unlike scales.
func (r *Record) Worst() (worst *Heard) {
	take := func(h *Heard) {
		if h != nil && h.MOS > 0 && (worst == nil || h.R < worst.R) {
			worst = h
		}
	}
	for i := range r.Media {
		if m := &r.Media[i]; m.Telling() {
			take(&m.Quality.Arrived)
			take(m.Quality.Reported)
		}
	}
	return worst
}

// Poor tells whether a direction of the call was beyond the bounds of its trunk (poorMOS, poorLoss, poorJitter, poorRoundTrip).
func (r *Record) Poor() bool {
	for i := range r.Media {
		if q := r.Media[i].Quality; q != nil && (q.Arrived.Poor != "" || q.Reported != nil && q.Reported.Poor != "") {
			return true
		}
	}
	return false
}

const (
	fQCodec, fQWide, fQArrived, fQReported, fQTrip, fQTripMost, fQSignal, fQNoise, fQSampled, fQSilent, fQAnew = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

	fHR, fHMOS, fHLoss, fHLate, fHJitter, fHBurstLoss, fHGapLoss, fHBurstPackets, fHUnmeasured, fHPoor, fHWideband = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
)

func (w *binaryWriter) quality(q *Quality) {
	if q == nil {
		return
	}
	w.begin(fQuality)
	w.word(fQCodec, q.Codec)
	if q.Arrived != (Heard{}) {
		w.heard(fQArrived, &q.Arrived)
	}
	if q.Reported != nil {
		w.heard(fQReported, q.Reported)
	}
	w.int(fQTrip, q.RoundTrip.Microseconds())
	w.int(fQTripMost, q.RoundTripMost.Microseconds())
	w.int(fQSignal, int64(q.Signal))
	w.int(fQNoise, int64(q.Noise))
	w.uint(fQSampled, q.Sampled)
	w.uint(fQSilent, q.Silent)
	w.bool(fQAnew, q.Anew)
	w.end()
}

func (w *binaryWriter) heard(field byte, h *Heard) {
	w.begin(field)
	w.int(fHR, int64(h.R))
	w.int(fHMOS, int64(h.MOS))
	w.int(fHLoss, int64(h.Loss))
	w.int(fHLate, int64(h.Late))
	w.int(fHJitter, h.Jitter.Microseconds())
	w.int(fHBurstLoss, int64(h.BurstLoss))
	w.int(fHGapLoss, int64(h.GapLoss))
	w.int(fHBurstPackets, int64(h.BurstPackets))
	w.bool(fHUnmeasured, h.Unmeasured)
	w.text(fHPoor, h.Poor)
	w.bool(fHWideband, h.Wideband)
	w.end()
}

func (w *binaryWriter) bool(field byte, v bool) {
	if v {
		w.uint(field, 1)
	}
}

func (d *decoder) quality(f field) *Quality {
	q, wide := &Quality{}, false
	d.group(f, func(f field) {
		switch f.no {
		case fQCodec:
			q.Codec = d.text(f)
		case fQWide:
			wide = d.uint(f) != 0
		case fQArrived:
			q.Arrived = d.heard(f)
		case fQReported:
			h := d.heard(f)
			q.Reported = &h
		case fQTrip:
			q.RoundTrip = d.duration(f)
		case fQTripMost:
			q.RoundTripMost = d.duration(f)
		case fQSignal:
			q.Signal = Hundredth(d.int(f))
		case fQNoise:
			q.Noise = Hundredth(d.int(f))
		case fQSampled:
			q.Sampled = d.uint(f)
		case fQSilent:
			q.Silent = d.uint(f)
		case fQAnew:
			q.Anew = d.uint(f) != 0
		default:
			d.skip(f)
		}
	})
	if wide { // of a version that had one mark for what arrived
		q.Arrived.Wideband, d.oneScale = true, true
	}
	return q
}

// rescale marks what is reported in a record that has marks only for what arrived: by the codec of the same direction, or of the other one where speech was coded anew.
func (r *Record) rescale() {
	for i := range r.Media {
		q := r.Media[i].Quality
		if q == nil || q.Reported == nil {
			continue
		}
		for k := range r.Media {
			if by := r.Media[k].Quality; by != nil && r.Media[k].Stream == r.Media[i].Stream && (k != i) == q.Anew {
				q.Reported.Wideband = by.Arrived.Wideband
			}
		}
	}
}

func (d *decoder) heard(f field) (h Heard) {
	d.group(f, func(f field) {
		switch f.no {
		case fHR:
			h.R = Hundredth(d.int(f))
		case fHMOS:
			h.MOS = Hundredth(d.int(f))
		case fHLoss:
			h.Loss = Hundredth(d.int(f))
		case fHLate:
			h.Late = Hundredth(d.int(f))
		case fHJitter:
			h.Jitter = d.duration(f)
		case fHBurstLoss:
			h.BurstLoss = Hundredth(d.int(f))
		case fHGapLoss:
			h.GapLoss = Hundredth(d.int(f))
		case fHBurstPackets:
			h.BurstPackets = Hundredth(d.int(f))
		case fHUnmeasured:
			h.Unmeasured = d.uint(f) != 0
		case fHPoor:
			h.Poor = d.text(f)
		case fHWideband:
			h.Wideband = d.uint(f) != 0
		default:
			d.skip(f)
		}
	})
	return h
}
