package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// power is the level of a frequency in samples, in dBm0 (Goertzel).
func power(samples []int16, hz float64, rate int) float64 {
	w := 2 * math.Pi * hz / float64(rate)
	c := 2 * math.Cos(w)
	var a, b float64
	for _, s := range samples {
		a, b = float64(s)+c*a-b, a
	}
	amplitude := 2 * math.Sqrt(a*a+b*b-c*a*b) / float64(len(samples))
	return 20*math.Log10(amplitude/32767) + 3.14
}

// samples are all of a clip at a rate.
func samples(c *Clip, rate int) (list []int16) {
	for i := range c.Packets() {
		list = append(list, c.Packet(i, rate)...)
	}
	return list
}

// TestTones listens to every tone of every country: each beat has its frequencies at their level and no other, and the pauses are silent.
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
			rest := samples(c, Narrow)
			for i, b := range p.beats {
				n := b.ms * Narrow / 1000
				part := rest[:n]
				rest = rest[n:]
				for _, hz := range b.hz {
					if got := power(part, hz, Narrow); math.Abs(got-p.level) > 0.3 {
						t.Errorf("%s %s, beat %d: %.0f Hz has %.1f dBm0, want %.1f", country, name, i+1, hz, got, p.level)
					}
				}
				if got := power(part, 700, Narrow); got > p.level-15 {
					t.Errorf("%s %s, beat %d: 700 Hz has %.1f dBm0", country, name, i+1, got)
				}
				if len(b.hz) > 0 {
					continue
				}
				for _, s := range part {
					if s != 0 {
						t.Fatalf("%s %s: the pause has a sample of %d", country, name, s)
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
	if ring.Duration() != 5*time.Second || power(samples(ring, Narrow)[:Narrow], 425, Narrow) < -10.3 {
		t.Errorf("ringing takes %s", ring.Duration())
	}
	special := samples(Tone(Unobtainable, DefaultCountry), Narrow)
	for i, hz := range []float64{950, 1400, 1800} {
		if got := power(special[i*2640:(i+1)*2640], hz, Narrow); math.Abs(got+14) > 1 {
			t.Errorf("%.0f Hz has %.1f dBm0", hz, got)
		}
	}
}

// wave is a WAV file of a sine; of two channels the second is silent.
func wave(encoding, channels, bits, rate int, hz float64, ms int) []byte {
	n := rate * ms / 1000
	data := make([]byte, 0, n*channels*bits/8)
	add := func(s int16) {
		switch {
		case encoding == wavALaw:
			data = append(data, codec.EncodeA(s))
		case encoding == wavMuLaw:
			data = append(data, codec.EncodeMu(s))
		case bits == 8:
			data = append(data, byte(s>>8)+128)
		default:
			data = append(data, make([]byte, bits/8-2)...)
			data = binary.LittleEndian.AppendUint16(data, uint16(s))
		}
	}
	for i := range n {
		add(int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
		for range channels - 1 {
			add(0)
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

// TestReadWAV: every rate, encoding and number of channels is read, at its level and in its time, and as wide as it is.
func TestReadWAV(t *testing.T) {
	type format struct{ encoding, bits int }
	for _, f := range []format{{wavPCM, 8}, {wavPCM, 16}, {wavPCM, 24}, {wavPCM, 32}, {wavALaw, 8}, {wavMuLaw, 8}} {
		for channels := 1; channels <= 2; channels++ {
			for _, rate := range rates {
				clip, err := ReadWAV("x", wave(f.encoding, channels, f.bits, int(rate), 1000, 500))
				if err != nil {
					t.Errorf("%v, %d channels, %d Hz: %v", f, channels, rate, err)
					continue
				}
				want := 20*math.Log10(8000.0/32767/float64(channels)) + 3.14
				if clip.Duration() != 500*time.Millisecond || clip.Rate() == Wide != (rate > Narrow) {
					t.Errorf("%v, %d channels, %d Hz: %s at %d Hz", f, channels, rate, clip.Duration(), clip.Rate())
				}
				for _, at := range []int{Narrow, clip.Rate()} {
					if got := power(samples(clip, at), 1000, at); math.Abs(got-want) > 0.2 {
						t.Errorf("%v, %d channels, %d Hz: at %d Hz the tone has %.2f dBm0, want %.2f", f, channels, rate, at, got, want)
					}
				}
			}
		}
	}
}

// TestResample sweeps through all that a rate can have: what the other rate can have too passes as it is, of what it cannot have nothing folds back, and nothing else
// comes into being.
func TestResample(t *testing.T) {
	const amplitude = 16000.0
	for _, c := range []struct{ from, to int }{
		{11025, Wide}, {12000, Wide}, {22050, Wide}, {24000, Wide}, {32000, Wide}, {44100, Wide}, {48000, Wide}, {Wide, Narrow},
	} {
		half := float64(min(c.from, c.to)) / 2
		for hz := 50.0; hz < float64(c.from)/2; hz += 89 {
			in := make([]int16, c.from/5)
			for i := range in {
				in[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(c.from))))
			}
			out := resample(in, c.from, c.to)
			out = out[len(out)/4 : len(out)/4*3]
			// What the sine of this frequency explains, by least squares, and what is left.
			var ss, cc, sc, ys, yc, all float64
			w := 2 * math.Pi * hz / float64(c.to)
			for i, y := range out {
				s, k, v := math.Sin(w*float64(i)), math.Cos(w*float64(i)), float64(y)
				ss, cc, sc, ys, yc, all = ss+s*s, cc+k*k, sc+s*k, ys+v*s, yc+v*k, all+v*v
			}
			all = 10 * math.Log10(2*all/float64(len(out))/amplitude/amplitude+1e-12)
			if hz >= half {
				if all > -60 {
					t.Errorf("%d to %d Hz: of %.0f Hz there is %.1f dB left", c.from, c.to, hz, all)
				}
				continue
			}
			if hz > half*7/8 {
				continue // the slope
			}
			det := ss*cc - sc*sc
			a, b := (ys*cc-yc*sc)/det, (yc*ss-ys*sc)/det
			if gain := 20 * math.Log10(math.Hypot(a, b)/amplitude); math.Abs(gain) > 0.05 {
				t.Errorf("%d to %d Hz: %.0f Hz comes with %.2f dB", c.from, c.to, hz, gain)
			}
			var rest float64
			for i, y := range out {
				d := float64(y) - a*math.Sin(w*float64(i)) - b*math.Cos(w*float64(i))
				rest += d * d
			}
			if noise := 10 * math.Log10(2*rest/float64(len(out))/amplitude/amplitude); noise > -60 {
				t.Errorf("%d to %d Hz: beside %.0f Hz there is %.1f dB", c.from, c.to, hz, noise)
			}
		}
	}
}

// TestWhole: a clip is whole packets, and where it is played again nothing clicks: the samples at the cut, and at the seam, go on as smoothly as elsewhere.
func TestWhole(t *testing.T) {
	const hz, n = 200.0, 8000 + 120 // 203 whole cycles
	in := make([]int16, n)
	for i := range in {
		in[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/Narrow))
	}
	c := NewClip("x", in)
	if c.Packets() != 50 || len(samples(c, Narrow)) != 8000 {
		t.Fatalf("%d packets", c.Packets())
	}
	steepest := 10000 * 2 * math.Pi * hz / Narrow
	list := samples(c, Narrow)
	for i, s := range list {
		if step := math.Abs(float64(list[(i+1)%len(list)]) - float64(s)); step > 1.5*steepest {
			t.Errorf("a step of %.0f at sample %d, where a sine has %.0f", step, i, steepest)
		}
	}
}

// BenchmarkReadWAV is what a minute of the widest usual file costs when a document is loaded.
func BenchmarkReadWAV(b *testing.B) {
	file := wave(wavPCM, 2, 16, 44100, 1000, 60000)
	for b.Loop() {
		if _, err := ReadWAV("x", file); err != nil {
			b.Fatal(err)
		}
	}
}

// blocks is a WAV file that says of itself that a sample of so many bits lies in so many octets.
func blocks(octets, bits byte) []byte {
	b := wave(wavPCM, 1, 16, 8000, 400, 100)
	at := bytes.Index(b, []byte("fmt ")) + 8
	b[at+12], b[at+14] = octets, bits
	return b
}

func TestReadWAVRefuses(t *testing.T) {
	whole := wave(wavPCM, 1, 16, 8000, 400, 100)
	for name, c := range map[string]struct {
		file []byte
		why  string
	}{
		"empty":    {nil, "not a WAV"},
		"mp3":      {[]byte("ID3\x03 and what follows here"), "not a WAV"},
		"three":    {wave(wavPCM, 3, 16, 8000, 400, 100), "3 channels"},
		"96 kHz":   {wave(wavPCM, 1, 16, 96000, 400, 100), "96000 samples a second"},
		"12 bits":  {blocks(2, 12), "12 bits"},
		"16 bit A": {wave(wavALaw, 1, 16, 8000, 400, 100), "16 bits"},
		"gaps":     {blocks(4, 16), "take 4 octets"},
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
	f.Add(wave(wavPCM, 2, 24, 11025, 400, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ReadWAV("x", b); err == nil && (c.Duration() > Longest || c.Packets() == 0 || len(c.Packet(c.Packets()-1, c.Rate())) == 0) {
			t.Fatalf("%s, %d packets", c.Duration(), c.Packets())
		}
	})
}
