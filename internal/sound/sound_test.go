package sound

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// power is the level of a frequency in decoded samples, in dBm0 (Goertzel).
func power(samples []int16, hz float64) float64 {
	w := 2 * math.Pi * hz / Rate
	c := 2 * math.Cos(w)
	var a, b float64
	for _, s := range samples {
		a, b = float64(s)+c*a-b, a
	}
	amplitude := 2 * math.Sqrt(a*a+b*b-c*a*b) / float64(len(samples))
	return 20*math.Log10(amplitude/32767) + 3.14
}

func decode(c *Clip, l Law) []int16 {
	f := codec.DecodeMu
	if l == ALaw {
		f = codec.DecodeA
	}
	list := make([]int16, len(c.Payload(l)))
	for i, b := range c.Payload(l) {
		list[i] = f(b)
	}
	return list
}

// TestTones decodes every tone of every country in both laws: each beat has its frequencies at their level and no other, and the pauses are silent.
func TestTones(t *testing.T) {
	for _, country := range Countries() {
		for _, name := range ToneNames() {
			c := Tone(name, country)
			if c == nil {
				t.Fatalf("%s has no %s", country, name)
			}
			p := plans[country][name]
			period := time.Duration(0)
			for _, b := range p.beats {
				period += time.Duration(b.ms) * time.Millisecond
			}
			if c.Duration() != period {
				t.Errorf("%s %s takes %s, want %s", country, name, c.Duration(), period)
			}
			for _, law := range []Law{MuLaw, ALaw} {
				rest := decode(c, law)
				for i, b := range p.beats {
					n := b.ms * Rate / 1000
					part := rest[:n]
					rest = rest[n:]
					for _, hz := range b.hz {
						if got := power(part, hz); math.Abs(got-p.level) > 1 {
							t.Errorf("%s %s in %s, beat %d: %.0f Hz has %.1f dBm0, want %.1f", country, name, law, i+1, hz, got, p.level)
						}
					}
					if got := power(part, 700); got > p.level-15 {
						t.Errorf("%s %s in %s, beat %d: 700 Hz has %.1f dBm0", country, name, law, i+1, got)
					}
					if len(b.hz) > 0 {
						continue
					}
					for _, s := range part {
						if s < -8 || s > 8 {
							t.Fatalf("%s %s in %s: the pause has a sample of %d", country, name, law, s)
						}
					}
				}
			}
		}
	}
	if Tone("ringback", "xx") != nil || Tone("x", "us") != nil {
		t.Error("an unknown tone is made")
	}
}

// TestE180 names what E.180 recommends: ringing 425 Hz, a second in five; the special information tone of three frequencies.
func TestE180(t *testing.T) {
	ring := Tone(Ringback, DefaultCountry)
	if ring.Duration() != 5*time.Second || power(decode(ring, ALaw)[:Rate], 425) < -11 {
		t.Errorf("ringing takes %s", ring.Duration())
	}
	special := decode(Tone(Unobtainable, DefaultCountry), MuLaw)
	for i, hz := range []float64{950, 1400, 1800} {
		if got := power(special[i*2640:(i+1)*2640], hz); math.Abs(got+14) > 1 {
			t.Errorf("%.0f Hz has %.1f dBm0", hz, got)
		}
	}
}

// wave is a WAV file of a sine.
func wave(encoding, channels, bits, rate int, hz float64, ms int) []byte {
	n := rate * ms / 1000
	data := make([]byte, 0, n*bits/8)
	for i := range n {
		s := int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
		switch {
		case encoding == wavALaw:
			data = append(data, codec.EncodeA(s))
		case encoding == wavMuLaw:
			data = append(data, codec.EncodeMu(s))
		default:
			data = binary.LittleEndian.AppendUint16(data, uint16(s))
		}
	}
	b := []byte("RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(encoding))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func TestReadWAV(t *testing.T) {
	for _, c := range []struct{ encoding, bits, rate int }{{wavPCM, 16, 8000}, {wavPCM, 16, 16000}, {wavALaw, 8, 8000}, {wavMuLaw, 8, 16000}} {
		clip, err := ReadWAV("x", wave(c.encoding, 1, c.bits, c.rate, 1000, 500))
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		want := 20*math.Log10(8000.0/32767) + 3.14
		if got := power(decode(clip, ALaw), 1000); clip.Duration() != 500*time.Millisecond || math.Abs(got-want) > 0.5 {
			t.Errorf("%v: %s, 1000 Hz has %.1f dBm0, want %.1f", c, clip.Duration(), got, want)
		}
	}
	// What 16 kHz has above 4 kHz must not come back below.
	clip, err := ReadWAV("x", wave(wavPCM, 1, 16, 16000, 5000, 500))
	if err != nil || power(decode(clip, ALaw), 3000) > -45 {
		t.Errorf("5 kHz becomes 3 kHz of %.1f dBm0, %v", power(decode(clip, ALaw), 3000), err)
	}
}

func TestReadWAVRefuses(t *testing.T) {
	whole := wave(wavPCM, 1, 16, 8000, 400, 100)
	for name, c := range map[string]struct {
		file []byte
		why  string
	}{
		"empty":    {nil, "not a WAV"},
		"mp3":      {[]byte("ID3\x03 and what follows here"), "not a WAV"},
		"stereo":   {wave(wavPCM, 2, 16, 8000, 400, 100), "2 channels"},
		"44100":    {wave(wavPCM, 1, 16, 44100, 400, 100), "44100 samples a second"},
		"24 bits":  {wave(wavPCM, 1, 24, 8000, 400, 100), "24 bits"},
		"GSM":      {wave(49, 1, 16, 8000, 400, 100), "encoding 49"},
		"short":    {wave(wavPCM, 1, 16, 8000, 400, 10), "less than 20 ms"},
		"long":     {wave(wavMuLaw, 1, 8, 8000, 400, 301000), "5m1s"},
		"no data":  {whole[:48], "no samples"},
		"cut":      {whole[:40], "cut off"},
		"no fmt":   {append([]byte("RIFF\x00\x00\x00\x00WAVE"), "data\x04\x00\x00\x00abcd"...), "come before"},
		"too much": {make([]byte, LongestFile+1), "more than"},
	} {
		_, err := ReadWAV("x", c.file)
		var f *FileError
		if !errors.As(err, &f) || !strings.Contains(f.Why, c.why) || f.Fix == "" {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
}

// FuzzReadWAV: whatever a file has in it, it is read or refused.
func FuzzReadWAV(f *testing.F) {
	f.Add(wave(wavPCM, 1, 16, 16000, 400, 40))
	f.Add(wave(wavALaw, 1, 8, 8000, 400, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ReadWAV("x", b); err == nil && c.Duration() > Longest {
			t.Fatalf("%s", c.Duration())
		}
	})
}
