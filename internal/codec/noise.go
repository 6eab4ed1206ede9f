package codec

import "math"

// Noise is comfort noise by RFC 3389: white noise of a level, coloured by a lattice filter.
type Noise struct {
	level       float64 // root mean square
	reflections [mostReflections]float64
	order       int
	state       [mostReflections + 1]float64
	seed        uint32
}

// mostReflections is the order up to which the spectrum of a peer is followed; the appendix of RFC 3389 uses 10.
const mostReflections = 12

// Set takes a payload of CN: a level in -dBov, and reflection coefficients in steps of 1/127 about 127 (RFC 3389 §3). One without octets
// changes nothing.
func (n *Noise) Set(payload []byte) {
	if len(payload) == 0 {
		return
	}
	n.order = min(len(payload)-1, mostReflections)
	gain := 1.0 // of the filter, which the level includes
	for i := range n.order {
		k := (float64(payload[1+i]) - 127) / 127
		n.reflections[i] = min(max(k, -0.98), 0.98)
		gain *= 1 - n.reflections[i]*n.reflections[i]
	}
	n.level = 32768 * math.Pow(10, -float64(payload[0]&0x7f)/20) * math.Sqrt(gain)
}

// Fill makes the next samples.
func (n *Noise) Fill(pcm []int16) {
	peak := n.level * math.Sqrt(3) // of an even distribution
	for i := range pcm {
		n.seed = n.seed*1664525 + 1013904223
		f := peak * (float64(n.seed>>8)/(1<<23) - 1)
		for m := n.order - 1; m >= 0; m-- { // the all-pole lattice, from the last stage
			f -= n.reflections[m] * n.state[m]
			n.state[m+1] = n.state[m] + n.reflections[m]*f
		}
		n.state[0] = f
		pcm[i] = int16(min(max(f, -32768), 32767))
	}
}
