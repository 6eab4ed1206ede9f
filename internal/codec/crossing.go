package codec

import "math"

// Crossing turns the codes of one law into those of one law, the other or the same, and makes them louder.
type Crossing [256]byte

// NewCrossing is the crossing between two laws, by a gain in dB.
func NewCrossing(from, to G711, dB int) *Crossing {
	gain, c := NewGain(dB), new(Crossing)
	var pcm [1]int16
	for i := range c {
		pcm[0] = from.law.decode[i]
		gain.Apply(pcm[:])
		c[i] = to.law.encode(pcm[0])
	}
	return c
}

// Apply changes codes in place.
func (c *Crossing) Apply(payload []byte) {
	for i, code := range payload {
		payload[i] = c[code]
	}
}

// Gain is a factor in units of 1/1024.
type Gain int32

// NewGain is a gain in dB.
func NewGain(dB int) Gain { return Gain(math.Round(1024 * math.Pow(10, float64(dB)/20))) }

// Apply makes samples louder; what would be beyond the largest is the largest.
func (g Gain) Apply(pcm []int16) {
	if g == 1024 {
		return
	}
	for i, s := range pcm {
		pcm[i] = int16(clip(int32(s) * int32(g) >> 10))
	}
}
