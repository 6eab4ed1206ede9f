package codec

import "math/bits"

// Both laws are logarithmic in eight segments of sixteen steps (ITU-T G.711, tables 1 and 2). Samples have 16 bits: µ-law
// has 14, which count four each, A-law 13, which count eight each.

const (
	muBias = 33 << 2   // makes every segment of µ-law begin at a power of two
	muMost = 8158 << 2 // the decision value at the end of the last segment, less one step of the samples
)

// EncodeMu is a sample in µ-law.
func EncodeMu(s int16) byte {
	sign, m := byte(0x80), int(s)
	if m < 0 {
		sign, m = 0, -m
	}
	m = min(m, muMost) + muBias
	segment := bits.Len(uint(m)) - 8
	code := byte(segment<<4 | m>>(segment+3)&0x0f)
	return sign | ^code&0x7f // all bits are sent inverted, the sign bit is 1 for positive values
}

// DecodeMu is the sample of a µ-law code.
func DecodeMu(c byte) int16 {
	segment, step := ^c>>4&7, int16(^c&0x0f)
	m := (step<<3+muBias)<<segment - muBias
	if c&0x80 == 0 {
		return -m
	}
	return m
}

// evenBits are inverted by A-law (G.711 §3.2, table 1a note 2).
const evenBits = 0x55

// EncodeA is a sample in A-law.
func EncodeA(s int16) byte {
	sign, m := byte(0x80), int(s)
	if m < 0 {
		sign, m = 0, -m-1 // a decision value belongs to the interval farther from zero, on either side
	}
	code := byte(m >> 4)
	if m >= 1<<8 {
		segment := bits.Len(uint(m)) - 8
		code = byte(segment<<4 | m>>(segment+3)&0x0f)
	}
	return (sign | code) ^ evenBits
}

// DecodeA is the sample of an A-law code.
func DecodeA(c byte) int16 {
	c ^= evenBits
	segment, step := c>>4&7, int16(c&0x0f)
	m := step<<4 + 8
	if segment > 0 {
		m = (m + 0x100) << (segment - 1)
	}
	if c&0x80 == 0 {
		return -m
	}
	return m
}

// G711 is one of the two laws as a codec. It has no state.
type G711 struct{ law *law }

// law has what a codec needs at hand.
type law struct {
	decode [256]int16
	encode func(int16) byte
}

var muLaw, aLaw = makeLaw(DecodeMu, EncodeMu), makeLaw(DecodeA, EncodeA)

func makeLaw(decode func(byte) int16, encode func(int16) byte) *law {
	l := &law{encode: encode}
	for i := range l.decode {
		l.decode[i] = decode(byte(i))
	}
	return l
}

// MuLaw is PCMU, ALaw is PCMA.
var MuLaw, ALaw = G711{muLaw}, G711{aLaw}

// Decode implements Decoder.
func (g G711) Decode(pcm []int16, payload []byte) int {
	n := min(len(pcm), len(payload))
	pcm = pcm[:n]
	for i, c := range payload[:n] {
		pcm[i] = g.law.decode[c]
	}
	return n
}

// Encode implements Encoder.
func (g G711) Encode(dst []byte, pcm []int16) []byte {
	for _, s := range pcm {
		dst = append(dst, g.law.encode(s))
	}
	return dst
}
