package sound

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// Longest is how long an announcement may be.
const Longest = 5 * time.Minute

// LongestFile is more than a file of Longest has, in octets: 48 kHz of two channels and 32 bits, and room for what else such files carry.
const LongestFile = int64(Longest/time.Second)*48000*2*4 + 1<<20

// FileError says what is wrong with a file and what to do.
type FileError struct{ Why, Fix string }

// Error is both.
func (e *FileError) Error() string { return e.Why + ". " + e.Fix }

const convert = "Convert it to WAV of PCM, as with: sox FILE -c 1 -r 16000 -b 16 OUT.wav"

func bad(why string, args ...any) error { return &FileError{fmt.Sprintf(why, args...), convert} }

// Encodings of WAV files (RFC 2361).
const (
	wavPCM        = 0x0001
	wavALaw       = 0x0006
	wavMuLaw      = 0x0007
	wavExtensible = 0xfffe
)

// rates that are read, in Hz.
var rates = []uint32{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}

// wav is what the fmt chunk of a file says.
type wav struct {
	encoding, channels, block, bits uint16
	rate                            uint32
}

// ReadWAV reads a WAV file: PCM of 8, 16, 24 or 32 bits, A-law or µ-law, mono or stereo, 8 to 48 kHz. The error is a *FileError.
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
	f.rate, f.block, f.bits = binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint16(b[12:]), binary.LittleEndian.Uint16(b[14:])
	if f.encoding == wavExtensible && len(b) >= 26 {
		f.encoding = binary.LittleEndian.Uint16(b[24:]) // the GUID of the encoding begins with its number
	}
	law := f.encoding == wavALaw || f.encoding == wavMuLaw
	switch {
	case f.encoding != wavPCM && !law:
		return bad("it has encoding %d, which is not PCM, A-law or µ-law", f.encoding)
	case f.channels != 1 && f.channels != 2:
		return bad("it has %d channels, and mono and stereo are read", f.channels)
	case !slices.Contains(rates, f.rate):
		return bad("it has %d samples a second, and 8, 11.025, 12, 16, 22.05, 24, 32, 44.1 and 48 kHz are read", f.rate)
	case law && f.bits != 8, f.bits != 8 && f.bits != 16 && f.bits != 24 && f.bits != 32:
		return bad("its samples have %d bits", f.bits)
	case f.block != f.channels*f.bits/8:
		return bad("%d channels of %d bits take %d octets", f.channels, f.bits, f.block)
	}
	return nil
}

func (f *wav) clip(name string, b []byte) (*Clip, error) {
	n := len(b) / int(f.block)
	if n < int(f.rate)/packetsASecond {
		return nil, bad("it has less than 20 ms of sound")
	}
	if d := time.Duration(n) * time.Second / time.Duration(f.rate); d > Longest {
		return nil, bad("it takes %s, and %s is the longest that is played", d.Round(time.Second), Longest)
	}
	samples := make([]int16, n)
	for i := range samples {
		at := b[i*int(f.block):]
		samples[i] = f.sample(at)
		if f.channels == 2 {
			samples[i] = int16((int(samples[i]) + int(f.sample(at[f.bits/8:]))) >> 1)
		}
	}
	if f.rate == Narrow {
		return NewClip(name, samples), nil
	}
	return newWideClip(name, resample(samples, int(f.rate), Wide)), nil
}

// sample is the one at the beginning of b, by its upper 16 bits.
func (f *wav) sample(b []byte) int16 {
	switch {
	case f.encoding == wavALaw:
		return codec.DecodeA(b[0])
	case f.encoding == wavMuLaw:
		return codec.DecodeMu(b[0])
	case f.bits == 8:
		return (int16(b[0]) - 128) << 8 // the only ones without sign
	}
	return int16(binary.LittleEndian.Uint16(b[f.bits/8-2:]))
}
