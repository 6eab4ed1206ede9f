package sound

import "math"

// The tones by name.
const (
	Ringback     = "ringback"     // the other telephone rings
	Busy         = "busy"         // it is in use
	Congestion   = "congestion"   // no way to it is free
	Unobtainable = "unobtainable" // the number is in use by nobody
	Hold         = "hold"         // the call waits; two short beeps that belong to no network
)

// ToneNames are the tones that there are.
func ToneNames() []string { return []string{Ringback, Busy, Congestion, Unobtainable, Hold} }

// DefaultCountry has the tones that ITU-T E.180 recommends.
const DefaultCountry = "itu"

// Countries are those whose tones are known.
func Countries() []string { return []string{DefaultCountry, "us", "uk", "de", "fr"} }

// beat is one piece of a cadence: a sum of frequencies, none for silence, and how long.
type beat struct {
	hz []float64
	ms int
}

// plan is a tone: a cadence that is repeated, and the level of each frequency in dBm0.
type plan struct {
	level float64
	beats []beat
}

// onOff is the simplest cadence.
func onOff(level float64, on, off int, hz ...float64) plan {
	return plan{level, []beat{{hz, on}, {nil, off}}}
}

// sit is the special information tone of ITU-T E.180 §9: three rising frequencies, a pause.
var sit = plan{-14, []beat{{[]float64{950}, 330}, {[]float64{1400}, 330}, {[]float64{1800}, 330}, {nil, 1010}}}

// beeps say that a call waits, at a level that is no burden (E.180 has no tone for it).
func beeps(hz float64) plan {
	return plan{-24, []beat{{[]float64{hz}, 100}, {nil, 100}, {[]float64{hz}, 100}, {nil, 9700}}}
}

// plans follow ITU-T E.180 and its supplement 2, where national tones are listed; those of us are of ANSI T1.401 and GR-506. Levels are
// those of E.180 §6, the precise ones of us. A period is a whole number of packets.
var plans = map[string]map[string]plan{
	DefaultCountry: {
		Ringback: onOff(-10, 1000, 4000, 425), Busy: onOff(-10, 500, 500, 425), Congestion: onOff(-10, 250, 250, 425),
		Unobtainable: sit, Hold: beeps(425),
	},
	"us": {
		Ringback: onOff(-19, 2000, 4000, 440, 480), Busy: onOff(-24, 500, 500, 480, 620), Congestion: onOff(-24, 250, 250, 480, 620),
		Unobtainable: {-14, []beat{{[]float64{913.8}, 274}, {[]float64{1370.6}, 274}, {[]float64{1776.7}, 380}, {nil, 992}}}, Hold: beeps(440),
	},
	"uk": {
		Ringback: {-13, []beat{{[]float64{400, 450}, 400}, {nil, 200}, {[]float64{400, 450}, 400}, {nil, 2000}}},
		Busy:     onOff(-10, 380, 380, 400), Congestion: {-10, []beat{{[]float64{400}, 400}, {nil, 350}, {[]float64{400}, 225}, {nil, 525}}},
		Unobtainable: {-10, []beat{{[]float64{400}, 1000}}}, Hold: beeps(400),
	},
	"de": {
		Ringback: onOff(-10, 1000, 4000, 425), Busy: onOff(-10, 480, 480, 425), Congestion: onOff(-10, 240, 240, 425),
		Unobtainable: sit, Hold: beeps(425),
	},
	"fr": {
		Ringback: onOff(-10, 1500, 3500, 440), Busy: onOff(-10, 500, 500, 440), Congestion: onOff(-10, 250, 250, 440),
		Unobtainable: sit, Hold: beeps(440),
	},
}

// Tone makes one period of a country's tone, to be repeated; nil when either is unknown.
func Tone(name, country string) *Clip {
	p, ok := plans[country][name]
	if !ok {
		return nil
	}
	return NewClip(name+" "+country, p.samples())
}

// samples is one period. Every beat begins at a zero of its frequencies, and the one that fills its plan alone has whole cycles, so that
// nothing clicks.
func (p *plan) samples() []int16 {
	var list []int16
	peak := peakOf(p.level)
	for _, b := range p.beats {
		for i := range b.ms * Narrow / 1000 {
			v := 0.0
			for _, hz := range b.hz {
				v += peak * math.Sin(2*math.Pi*hz*float64(i)/Narrow)
			}
			list = append(list, int16(math.Round(v)))
		}
	}
	return list
}

// peakOf is the amplitude of a sine of a level. Where a coder overloads, a sine has 3.14 dBm0 in A-law and 3.17 dBm0 in µ-law (G.711
// §5, §6); the former is taken for both, as 0.03 dB are no matter.
func peakOf(dBm0 float64) float64 { return 32767 * math.Pow(10, (dBm0-3.14)/20) }
