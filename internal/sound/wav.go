package sound

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// Longest is how long an announcement may be.
const Longest = 5 * time.Minute

// LongestFile is more than a file of Longest has, in octets: 16 kHz of 16 bits, and room for what else such files carry.
const LongestFile = int64(Longest/time.Second)*16000*2 + 1<<20

// FileError says what is wrong with a file and what to do.
type FileError struct{ Why, Fix string }

// Error is both.
func (e *FileError) Error() string { return e.Why + ". " + e.Fix }

const convert = "Convert it to WAV, mono, 16 bit PCM or G.711, 8 or 16 kHz, as with: sox FILE -c 1 -r 8000 -b 16 OUT.wav"

func bad(why string, args ...any) error { return &FileError{fmt.Sprintf(why, args...), convert} }

// Encodings of WAV files (RFC 2361).
const (
	wavPCM        = 0x0001
	wavALaw       = 0x0006
	wavMuLaw      = 0x0007
	wavExtensible = 0xfffe
)

// wav is what the fmt chunk of a file says.
type wav struct {
	encoding, channels, bits uint16
	rate                     uint32
}

// ReadWAV reads a WAV file: mono, of 16 bit PCM or G.711, 8 or 16 kHz. The error is a *FileError.
func ReadWAV(name string, b []byte) (*Clip, error) {
	switch {
	case int64(len(b)) > LongestFile:
		return nil, bad("it has more than %d octets, and %s is the longest that is played", LongestFile, Longest)
	case len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE":
		return nil, bad("it is not a WAV file")
	}
	var f wav
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		body := b[:min(size, int64(len(b)))]
		switch id {
		case "fmt ":
			if err := f.read(body); err != nil {
				return nil, err
			}
		case "data":
			if f.channels == 0 {
				return nil, bad("its samples come before the words that describe them")
			}
			return f.clip(name, body)
		}
		b = b[min(size+size&1, int64(len(b))):] // chunks begin at even places
	}
	return nil, bad("it has no samples")
}

func (f *wav) read(b []byte) error {
	if len(b) < 16 {
		return bad("its fmt chunk is cut off")
	}
	f.encoding, f.channels = binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	f.rate, f.bits = binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint16(b[14:])
	if f.encoding == wavExtensible && len(b) >= 26 {
		f.encoding = binary.LittleEndian.Uint16(b[24:]) // the GUID of the encoding begins with its number
	}
	switch {
	case f.channels != 1:
		return bad("it has %d channels, and telephones have one", f.channels)
	case f.rate != 8000 && f.rate != 16000:
		return bad("it has %d samples a second, and 8000 or 16000 are read", f.rate)
	case f.encoding == wavPCM && f.bits != 16, (f.encoding == wavALaw || f.encoding == wavMuLaw) && f.bits != 8:
		return bad("its samples have %d bits", f.bits)
	case f.encoding != wavPCM && f.encoding != wavALaw && f.encoding != wavMuLaw:
		return bad("it has encoding %d, which is not PCM, A-law or µ-law", f.encoding)
	}
	return nil
}

func (f *wav) clip(name string, b []byte) (*Clip, error) {
	size := int(f.bits) / 8
	n := len(b) / size
	if n < int(f.rate)/50 {
		return nil, bad("it has less than 20 ms of sound")
	}
	if d := time.Duration(n) * time.Second / time.Duration(f.rate); d > Longest {
		return nil, bad("it takes %s, and %s is the longest that is played", d.Round(time.Second), Longest)
	}
	samples := make([]int16, n)
	for i := range samples {
		switch f.encoding {
		case wavALaw:
			samples[i] = codec.DecodeA(b[i])
		case wavMuLaw:
			samples[i] = codec.DecodeMu(b[i])
		default:
			samples[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
		}
	}
	if f.rate == 2*Rate {
		samples = halve(samples)
	}
	return NewClip(name, samples), nil
}

// taps of the low-pass filter before every second sample is left out: a windowed sinc (Blackman) that passes what telephones pass, up to 3.4
// kHz, and has little left at 4.6 kHz, which would fold back to there.
const taps = 63

func halve(in []int16) []int16 {
	var h [taps]float64
	sum := 0.0
	for i := range h {
		x := float64(i - taps/2)
		h[i] = 0.5
		if x != 0 {
			h[i] = math.Sin(math.Pi*x/2) / (math.Pi * x)
		}
		w := 2 * math.Pi * float64(i) / (taps - 1)
		h[i] *= 0.42 - 0.5*math.Cos(w) + 0.08*math.Cos(2*w)
		sum += h[i]
	}
	out := make([]int16, len(in)/2)
	for i := range out {
		v := 0.0
		for k := range h {
			if at := 2*i + k - taps/2; at >= 0 && at < len(in) {
				v += h[k] * float64(in[at])
			}
		}
		out[i] = int16(math.Round(min(max(v/sum, math.MinInt16), math.MaxInt16)))
	}
	return out
}
