package codec

import "math"

// Fax notices fax machines and modems by the tones that they begin with: 2100 Hz of who answers (ITU-T V.25, T.30 CED) and 1100 Hz of a
// fax that calls (T.30 CNG). From then on the sound is data, which must stay as it is, until somebody speaks: an answering machine and music have such tones, too, a
// fax calls while a person still listens, and after a fax people may talk. Silence tells nothing, as who receives a fax is silent for minutes.
type Fax struct {
	rate  int
	coeff [2]float64
	s1    [2]float64
	s2    [2]float64
	power float64
	n     int
	run   [2]int // blocks in a row
	found bool

	smooth float64 // of the low-pass, in two stages
	low    [2]float64
	deep   float64 // power behind it
	spoken int     // twice the blocks with speech, less those with other sounds
}

const (
	faxBlock  = 10   // ms: frequencies may be off by 38 Hz (T.30 §4.2)
	faxBlocks = 25   // in a row; CNG lasts 500 ms, CED 2.6 s
	faxShare  = 0.55 // of the power is the tone's
	faxLeast  = 200  // amplitude

	// Speech has most of its power, and what is heard of a line where nobody is any more all of it, where modems have little: of the signals of faxes V.21 comes
	// lowest, at 980 Hz, and is for this low-pass 0.16; modems with a broad spectrum, as V.34, leave 0.12 of it.
	speechBelow  = 800 // Hz
	speechShare  = 0.35
	speechLeast  = 400 // amplitude
	speechBlocks = 60
)

// NewFax returns one for samples at a rate in Hz.
func NewFax(rate int) *Fax {
	f := &Fax{rate: rate, smooth: 1 - math.Exp(-2*math.Pi*speechBelow/float64(rate))}
	for i, hz := range [...]float64{2100, 1100} {
		f.coeff[i] = 2 * math.Cos(2*math.Pi*hz/float64(rate))
	}
	return f
}

// Take takes samples and tells whether they are data: a tone has been noticed, and nobody has spoken since.
func (f *Fax) Take(pcm []int16) bool {
	size := f.rate * faxBlock / 1000
	for len(pcm) > 0 {
		part := pcm[:min(len(pcm), size-f.n)]
		pcm = pcm[len(part):]
		for _, s := range part {
			f.power += float64(s) * float64(s)
		}
		if f.found {
			f.deepen(part)
		} else {
			f.tones(part)
		}
		if f.n += len(part); f.n < size {
			continue
		}
		if f.found {
			f.speech(float64(size))
		} else {
			f.tone(float64(size))
		}
		f.power, f.n = 0, 0
	}
	return f.found
}

func (f *Fax) tones(pcm []int16) {
	for i, c := range f.coeff {
		a, b := f.s1[i], f.s2[i]
		for _, s := range pcm {
			a, b = float64(s)+c*a-b, a
		}
		f.s1[i], f.s2[i] = a, b
	}
}

// deepen measures what is left behind the low-pass.
func (f *Fax) deepen(pcm []int16) {
	a, b := f.low[0], f.low[1]
	for _, s := range pcm {
		a += (float64(s) - a) * f.smooth
		b += (a - b) * f.smooth
		f.deep += b * b
	}
	f.low[0], f.low[1] = a, b
}

// speech ends a block of data.
func (f *Fax) speech(n float64) {
	if f.power >= speechLeast*speechLeast*n/2 {
		if f.deep > speechShare*f.power {
			f.spoken += 2
		} else {
			f.spoken = max(0, f.spoken-1)
		}
	}
	f.deep = 0
	if f.spoken >= 2*speechBlocks {
		f.found, f.spoken, f.low = false, 0, [2]float64{}
	}
}

// tone ends a block of what is no data so far.
func (f *Fax) tone(n float64) {
	for i, c := range f.coeff {
		energy := f.s1[i]*f.s1[i] + f.s2[i]*f.s2[i] - c*f.s1[i]*f.s2[i]
		if f.run[i]++; energy*2/n < faxShare*f.power || f.power < faxLeast*faxLeast*n/2 {
			f.run[i] = 0
		}
		f.found = f.found || f.run[i] == faxBlocks
	}
	f.s1, f.s2 = [2]float64{}, [2]float64{}
	if f.found {
		f.run = [2]int{}
	}
}
