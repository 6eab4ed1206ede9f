package codec

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/directsip/directsip/internal/lack"

	"pgregory.net/rapid"
)

// ffmpeg filters octets through a command line of it.
func ffmpeg(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		lack.Of(t, "ffmpeg is missing (apt-get install ffmpeg)")
	}
	cmd := exec.Command(path, append([]string{"-v", "error"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v", args, err)
	}
	return out
}

func octets(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// sine is a tone of an amplitude.
func sine(n, rate int, hz, amplitude float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return pcm
}

// trial is what drives every part of a codec: silence, a sweep over the whole band, noise of rising level, and squares at the limits.
func trial(rate int) []int16 {
	random := rand.New(rand.NewPCG(7, 22))
	pcm := make([]int16, rate/10)
	for i := range rate {
		x := float64(i) / float64(rate)
		pcm = append(pcm, int16(20000*math.Sin(math.Pi*x*x*float64(rate)/2)))
	}
	for i := range rate {
		most := 1 + i*32767/rate
		pcm = append(pcm, int16(random.IntN(2*most)-most))
	}
	for i := range rate / 2 {
		v := int16(32767)
		if i/(1+i/100)%2 == 0 {
			v = -32768
		}
		pcm = append(pcm, v)
	}
	return append(pcm, make([]int16, rate/10)...)
}

// TestG722IsExact compares octets and samples with those of another implementation: the recommendation leaves no freedom.
func TestG722IsExact(t *testing.T) {
	pcm := trial(16000)
	code := NewG722Encoder(true).Encode(nil, pcm)
	if other := ffmpeg(t, octets(pcm), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", "-f", "g722", "-"); !bytes.Equal(code, other[:len(code)]) {
		t.Error("the codes are others than ffmpeg's")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 { // and what no encoder would send
		code = append(code, byte(random.Uint32()))
	}
	got := make([]int16, 2*len(code))
	if n := NewG722Decoder(true).Decode(got, code); n != len(got) {
		t.Fatalf("%d samples of %d octets", n, len(code))
	}
	if other := ffmpeg(t, code, "-f", "g722", "-i", "-", "-f", "s16le", "-"); !bytes.Equal(octets(got), other[:2*len(got)]) {
		t.Error("the samples are others than ffmpeg's")
	}
}

// snr is the ratio of a signal to what another differs from it, in dB, at the best of some delays.
func snr(want, got []int16, most int) float64 {
	best := math.Inf(-1)
	for delay := range most + 1 {
		var signal, noise float64
		for i := range min(len(want), len(got)-delay) {
			d := float64(got[i+delay]) - float64(want[i])
			signal += float64(want[i]) * float64(want[i])
			noise += d * d
		}
		best = max(best, 10*math.Log10(signal/max(noise, 1)))
	}
	return best
}

// power is the mean square.
func power(pcm []int16) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return sum / float64(len(pcm))
}

// level is the power of one frequency.
func level(pcm []int16, hz float64, rate int) float64 {
	var re, im float64
	for i, s := range pcm {
		w := 2 * math.Pi * hz * float64(i) / float64(rate)
		re += float64(s) * math.Cos(w)
		im += float64(s) * math.Sin(w)
	}
	n := float64(len(pcm))
	return 2 * (re*re + im*im) / n / n
}

// TestG722AtEight: what is coded at 8 kHz comes back at 8 kHz, and at 16 kHz from who decodes all of it.
func TestG722AtEight(t *testing.T) {
	pcm := sine(8000, 8000, 1000, 8000)
	code := NewG722Encoder(false).Encode(nil, pcm)
	if len(code) != 8000 {
		t.Fatalf("%d octets a second, want 8000 (RFC 3551 §4.5.2)", len(code))
	}
	narrow, wide := make([]int16, 8000), make([]int16, 16000)
	if n := NewG722Decoder(false).Decode(narrow, code); n != 8000 {
		t.Fatalf("%d samples", n)
	}
	if r := snr(pcm[400:], narrow[400:], 4); r < 30 {
		t.Errorf("at 8 kHz the signal is %.1f dB above the noise", r)
	}
	NewG722Decoder(true).Decode(wide, code)
	if tone, all := level(wide[800:], 1000, 16000), power(wide[800:]); tone < 0.99*all || tone < 0.9*8000*8000/2 {
		t.Errorf("at 16 kHz %.3g of %.3g are the tone", tone, all)
	}
	// And the other way: of a wide signal the lower half is heard, and of the upper one what the filter of the standard leaves.
	for _, c := range []struct{ hz, least, most float64 }{{300, -1, 1}, {1000, -1, 1}, {3000, -1, 1}, {5000, -99, -20}, {5500, -99, -40}, {7000, -99, -40}} {
		code := NewG722Encoder(true).Encode(nil, sine(16000, 16000, c.hz, 8000))
		NewG722Decoder(false).Decode(narrow, code)
		if dB := 10 * math.Log10(power(narrow[800:])/(8000*8000/2)); dB < c.least || dB > c.most {
			t.Errorf("%g Hz has %.1f dB, want %g to %g", c.hz, dB, c.least, c.most)
		}
	}
}

// TestG722TakesAll: no sequence of octets or samples leads anywhere but to as many of the others.
func TestG722TakesAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wide := rapid.Bool().Draw(t, "wide")
		code := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "code")
		per := 1
		if wide {
			per = 2
		}
		pcm := make([]int16, rapid.IntRange(0, 3000).Draw(t, "room"))
		n := NewG722Decoder(wide).Decode(pcm, code)
		if want := min(per*len(code), len(pcm)/per*per); n != want {
			t.Fatalf("%d samples of %d octets into %d", n, len(code), len(pcm))
		}
		if got := NewG722Encoder(wide).Encode(nil, pcm); len(got) != len(pcm)/per {
			t.Fatalf("%d octets of %d samples", len(got), len(pcm))
		}
	})
}

// TestG711Cross: the octets of the other law are those of the same samples.
func TestG711Cross(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, c := range []struct{ from, to G711 }{{MuLaw, ALaw}, {ALaw, MuLaw}} {
		pcm, crossed := make([]int16, 256), bytes.Clone(all)
		c.from.Decode(pcm, all)
		NewCrossing(c.from, c.to, 0).Apply(crossed)
		if want := c.to.Encode(nil, pcm); !bytes.Equal(crossed, want) {
			t.Errorf("%x, want %x", crossed, want)
		}
	}
}

func benchmarkEncoder(b *testing.B, e Encoder, rate int) {
	pcm, room := trial(rate)[rate/2:], make([]byte, 0, 4000)
	n := rate / 50
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % (len(pcm)/n - 1) * n
		e.Encode(room, pcm[at:at+n])
	}
}

func benchmarkDecoder(b *testing.B, d Decoder, code []byte) {
	pcm := make([]int16, 960)
	n := len(code) / 50
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % 49 * n
		d.Decode(pcm, code[at:at+n])
	}
}

// The benchmarks take 20 ms.
func BenchmarkG722Encode8(b *testing.B)  { benchmarkEncoder(b, NewG722Encoder(false), 8000) }
func BenchmarkG722Encode16(b *testing.B) { benchmarkEncoder(b, NewG722Encoder(true), 16000) }
func BenchmarkG722Decode8(b *testing.B) {
	benchmarkDecoder(b, NewG722Decoder(false), NewG722Encoder(false).Encode(nil, trial(8000)[4000:12000]))
}
func BenchmarkG722Decode16(b *testing.B) {
	benchmarkDecoder(b, NewG722Decoder(true), NewG722Encoder(true).Encode(nil, trial(16000)[8000:24000]))
}
func BenchmarkG711Cross(b *testing.B) {
	code, c := make([]byte, 160), NewCrossing(MuLaw, ALaw, 0)
	for b.Loop() {
		c.Apply(code)
	}
}
