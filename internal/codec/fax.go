package codec

import "math"

// Fax notices fax machines and modems by the tones that they begin with: 2100 Hz of who answers (ITU-T V.25, T.30 CED) and 1100 Hz of a
// fax that calls (T.30 CNG). From then on the sound is data, which must stay as it is.
type Fax struct {
	rate  int
	coeff [2]float64
	s1    [2]float64
	s2    [2]float64
	power float64
	n     int
	run   [2]int // blocks in a row
	found bool
}

const (
	faxBlock  = 10   // ms: frequencies may be off by 38 Hz (T.30 §4.2)
	faxBlocks = 25   // in a row; CNG lasts 500 ms, CED 2.6 s
	faxShare  = 0.55 // of the power is the tone's
	faxLeast  = 200  // amplitude
)

// NewFax returns one for samples at a rate in Hz.
func NewFax(rate int) *Fax {
	f := &Fax{rate: rate}
	for i, hz := range [...]float64{2100, 1100} {
		f.coeff[i] = 2 * math.Cos(2*math.Pi*hz/float64(rate))
	}
	return f
}

// Take takes samples and tells whether a tone has been noticed, now or before.
func (f *Fax) Take(pcm []int16) bool {
	size := f.rate * faxBlock / 1000
	for len(pcm) > 0 && !f.found {
		part := pcm[:min(len(pcm), size-f.n)]
		pcm = pcm[len(part):]
		for i, c := range f.coeff {
			a, b := f.s1[i], f.s2[i]
			for _, s := range part {
				a, b = float64(s)+c*a-b, a
			}
			f.s1[i], f.s2[i] = a, b
		}
		for _, s := range part {
			f.power += float64(s) * float64(s)
		}
		if f.n += len(part); f.n == size {
			f.block(float64(size))
		}
	}
	return f.found
}

func (f *Fax) block(n float64) {
	for i, c := range f.coeff {
		energy := f.s1[i]*f.s1[i] + f.s2[i]*f.s2[i] - c*f.s1[i]*f.s2[i]
		if f.run[i]++; energy*2/n < faxShare*f.power || f.power < faxLeast*faxLeast*n/2 {
			f.run[i] = 0
		}
		f.found = f.found || f.run[i] == faxBlocks
	}
	f.s1, f.s2, f.power, f.n = [2]float64{}, [2]float64{}, 0, 0
}
