package quality

import (
	"math"

	"github.com/directsip/directsip/internal/codec"
)

// Levels measures G.711 by a packet now and then. The zero value is ready.
type Levels struct {
	Packets uint64 // that were measured
	Silent  uint64 // of them without any sound, below -70 dBov: a room is louder
	speech  sum
	pauses  sum
}

type sum struct {
	power   float64 // of samples, full scale 1
	packets float64
}

// Levels in dBov (RFC 6464 has the same unit): between a pause and speech, and the one under which nothing is heard. A telephone line has more noise than that.
const (
	speechFrom = -50
	silentTo   = -70
)

// powers are the squares of the samples of µ-law and A-law (ITU-T G.711), of 16 bits.
var powers = func() (p [2][256]uint32) {
	for i := range 256 {
		p[0][i], p[1][i] = square(codec.DecodeMu(byte(i))), square(codec.DecodeA(byte(i)))
	}
	return p
}()

func square(v int16) uint32 { return uint32(int32(v) * int32(v)) }

// Take measures the payload of a packet of PCMU (0) or PCMA (8).
func (l *Levels) Take(payload []byte, payloadType uint8) {
	if len(payload) == 0 {
		return
	}
	table := &powers[payloadType>>3&1]
	var power uint64
	for _, b := range payload {
		power += uint64(table[b])
	}
	mean := float64(power) / float64(len(payload)) / (1 << 30)
	l.Packets++
	switch level := decibel(mean); {
	case level >= speechFrom:
		l.speech.add(mean)
		return
	case level <= silentTo:
		l.Silent++
	}
	l.pauses.add(mean)
}

func (s *sum) add(power float64) { s.power, s.packets = s.power+power, s.packets+1 }

func decibel(power float64) float64 { return 10 * math.Log10(max(power, 1e-9)) }

// Signal is the mean level of packets with speech, in dBov; false: there was none.
func (l *Levels) Signal() (dBov float64, ok bool) { return l.speech.mean() }

// Noise is the mean level of the others; false: there was none.
func (l *Levels) Noise() (dBov float64, ok bool) { return l.pauses.mean() }

func (s *sum) mean() (float64, bool) {
	if s.packets == 0 {
		return 0, false
	}
	return decibel(s.power / s.packets), true
}
