package siptest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
)

const (
	sampleRate   = 8000
	frameSamples = 160 // 20 ms
)

// Audio gives sample n of what is sent, 16 bits at 8000 Hz. It is asked in order and by one goroutine a call.
type Audio func(n int) int16

// Tone is a sine of -10 dBm0 or so.
func Tone(hz float64) Audio {
	step := 2 * math.Pi * hz / sampleRate
	return func(n int) int16 { return int16(10000 * math.Sin(step*float64(n))) }
}

// ReadWAV reads a WAV file of one channel, 8000 Hz, 16 bits linear, µ-law or A-law.
func ReadWAV(path string) ([]int16, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := parseWAV(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func parseWAV(b []byte) ([]int16, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, errors.New("not a WAV file")
	}
	format := uint16(0)
	for b = b[12:]; len(b) >= 8; {
		size := int(binary.LittleEndian.Uint32(b[4:]))
		kind, chunk := string(b[:4]), b[8:min(len(b), 8+size)]
		b = b[min(len(b), 8+size+size%2):]
		switch {
		case kind == "fmt " && len(chunk) >= 16:
			format = binary.LittleEndian.Uint16(chunk)
			channels, rate := binary.LittleEndian.Uint16(chunk[2:]), binary.LittleEndian.Uint32(chunk[4:])
			if bits := binary.LittleEndian.Uint16(chunk[14:]); channels != 1 || rate != sampleRate || format == 1 && bits != 16 {
				return nil, fmt.Errorf("%d channels, %d Hz, %d bits; wanted 1, 8000, 16 or G.711", channels, rate, bits)
			}
		case kind == "data":
			return decodeWAV(format, chunk)
		}
	}
	return nil, errors.New("no samples in the WAV file")
}

func decodeWAV(format uint16, data []byte) (out []int16, err error) {
	switch format {
	case 1:
		for i := 0; i+1 < len(data); i += 2 {
			out = append(out, int16(binary.LittleEndian.Uint16(data[i:])))
		}
	case 6, 7:
		decode := decodeALaw
		if format == 7 {
			decode = decodeMuLaw
		}
		for _, v := range data {
			out = append(out, decode(v))
		}
	default:
		return nil, fmt.Errorf("WAV format %d", format)
	}
	return out, nil
}

// encodeMuLaw is ITU-T G.711 µ-law: sign, chord, step, all inverted.
func encodeMuLaw(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, 32635) + 132
	chord := byte(0)
	for v>>(chord+8) != 0 {
		chord++
	}
	return ^(sign | chord<<4 | byte(v>>(chord+3))&15)
}

func decodeMuLaw(b byte) int16 {
	b = ^b
	v := (int(b&15)<<3 + 132) << (b >> 4 & 7)
	if b&0x80 != 0 {
		return int16(132 - v)
	}
	return int16(v - 132)
}

// encodeALaw is ITU-T G.711 A-law: even bits inverted.
func encodeALaw(s int16) byte {
	v, sign := int(s)>>3, byte(0x80) // 13 bits
	if v < 0 {
		v, sign = -v-1, 0
	}
	chord := byte(0)
	for v>>(chord+5) != 0 {
		chord++
	}
	step := byte(v>>1) & 15
	if chord > 0 {
		step = byte(v>>chord) & 15
	}
	return (sign | chord<<4 | step) ^ 0x55
}

func decodeALaw(b byte) int16 {
	b ^= 0x55
	v, chord := int(b&15)<<4+8, b>>4&7
	if chord > 0 {
		v = (v + 256) << (chord - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

// power is the part of the energy of s that lies at hz, 0 to 1 (Goertzel's algorithm).
func power(s []int16, hz float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/sampleRate)
	var a, b, energy float64
	for _, v := range s {
		x := float64(v)
		a, b = x+k*a-b, a
		energy += x * x
	}
	if energy < float64(len(s))*100 { // quieter than -70 dB: silence
		return 0
	}
	return (a*a + b*b - k*a*b) / (energy * float64(len(s)) / 2)
}

// peak is the frequency of the strongest tone, to 5 Hz, and its part of the energy.
func peak(s []int16) (hz, part float64) {
	for f := 200.0; f <= 3400; f += 5 {
		if p := power(s, f); p > part {
			hz, part = f, p
		}
	}
	return hz, part
}

// Correlation is how well part is found somewhere in whole, 0 to 1: 1 is the same but for loudness.
func Correlation(whole, part []int16) float64 {
	var pe float64
	for _, v := range part {
		pe += float64(v) * float64(v)
	}
	best := 0.0
	for at := 0; at+len(part) <= len(whole); at++ {
		var sum, we float64
		for i, v := range part {
			w := float64(whole[at+i])
			sum += w * float64(v)
			we += w * w
		}
		if we > 0 && pe > 0 {
			best = max(best, sum/math.Sqrt(we*pe))
		}
	}
	return best
}
