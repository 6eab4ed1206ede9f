package opus

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"

	"github.com/directsip/directsip/internal/lack"
)

func library(tb testing.TB) *Library {
	tb.Helper()
	l, err := Load()
	if err != nil {
		lack.Of(tb, "apt-get install libopus0: ", err)
	}
	return l
}

// voiced is something like speech: a buzz of 120 Hz whose level and timbre change by syllables.
func voiced(n, rate int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		x := float64(i) / float64(rate)
		level, timbre := 0.5+0.5*math.Sin(2*math.Pi*3*x), 0.5+0.4*math.Sin(2*math.Pi*1.3*x)
		v, weight := 0.0, 1.0
		for k := 1.0; k < 12; k++ {
			v += weight * math.Sin(2*math.Pi*120*k*x+k)
			weight *= timbre
		}
		pcm[i] = int16(6000 * level * v)
	}
	return pcm
}

func power(pcm []int16) (sum float64) {
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return sum / float64(len(pcm))
}

// likeness is the best correlation of two signals at a delay of up to most samples.
func likeness(a, b []int16, most int) (best float64) {
	for delay := range most {
		var ab, aa, bb float64
		for i := 0; i+delay < len(b) && i < len(a); i++ {
			x, y := float64(a[i]), float64(b[i+delay])
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		best = max(best, ab/math.Sqrt(aa*bb+1))
	}
	return best
}

// TestSpeechComesBack codes and decodes at each rate, and 20 ms of mono are one packet whatever the rate of who decodes (RFC 7587 §4.1).
func TestSpeechComesBack(t *testing.T) {
	l := library(t)
	for _, rate := range []int{8000, 16000, 48000} {
		e, d, other := l.NewEncoder(rate, 0, false), l.NewDecoder(rate), l.NewDecoder(48000)
		said := voiced(2*rate, rate)
		var heard []int16
		n, octets := rate/50, 0
		for at := 0; at < len(said); at += n {
			packet := e.Encode(nil, said[at:at+n])
			octets += len(packet)
			pcm := make([]int16, 5760)
			got := d.Decode(pcm, packet)
			if got != n || other.Decode(make([]int16, 5760), packet) != 960 {
				t.Fatalf("%d Hz: %d samples of a packet", rate, got)
			}
			heard = append(heard, pcm[:got]...)
		}
		if r := likeness(said[rate/10:rate], heard[rate/10:], rate/25); r < 0.98 {
			t.Errorf("%d Hz: correlation %.3f", rate, r)
		}
		if bits, want := octets*8/2, int(settingsAt(rate, 0).bitrate); bits < want/2 || bits > want*3/2 {
			t.Errorf("%d Hz: %d bit/s", rate, bits)
		}
	}
}

// TestLittleRateIsVoice: the encoder codes by MDCT where it may take what it is good with, and as voice where a peer wants less (RFC 7587 §6.1); the first octet of
// a packet says so (RFC 6716 §3.1).
func TestLittleRateIsVoice(t *testing.T) {
	l := library(t)
	for _, c := range []struct {
		rate, most int
		voice      bool
	}{
		{8000, 0, false}, {8000, 64000, false}, {8000, 28000, false}, {8000, 20000, true}, {8000, 6000, true}, {8000, 1, true},
		{16000, 0, false}, {16000, 32000, false}, {16000, 24000, true}, {16000, 12000, true},
	} {
		for _, constant := range []bool{false, true} {
			e, said, octets := l.NewEncoder(c.rate, c.most, constant), voiced(2*c.rate, c.rate), 0
			for at := 0; at < len(said); at += c.rate / 50 {
				packet := e.Encode(nil, said[at:at+c.rate/50])
				if octets += len(packet); packet[0]>>3 < 12 != c.voice {
					t.Fatalf("%+v: configuration %d", c, packet[0]>>3)
				}
			}
			if most := max(c.most, leastBitrate); c.most > 0 && octets*8/2 > most*11/10 {
				t.Errorf("%+v: %d bit/s", c, octets*8/2)
			}
		}
	}
}

// TestLossIsConcealed: a lost packet sounds like what was around it, with and without the packet behind it.
func TestLossIsConcealed(t *testing.T) {
	l := library(t)
	e, a, b := l.NewEncoder(8000, 0, false), l.NewDecoder(8000), l.NewDecoder(8000)
	said := voiced(8000, 8000)
	var packets [][]byte
	for at := 0; at < len(said); at += 160 {
		packets = append(packets, e.Encode(nil, said[at:at+160]))
	}
	pcm, other := make([]int16, 160), make([]int16, 160)
	for i, p := range packets[:24] {
		if a.Decode(pcm, p) != 160 || b.Decode(other, p) != 160 {
			t.Fatalf("packet %d", i)
		}
	}
	before := power(pcm)
	a.Conceal(pcm, nil)
	b.Conceal(other, packets[25])
	for name, got := range map[string][]int16{"alone": pcm, "with the next": other} {
		if p := power(got); p < before/20 || p > before*20 {
			t.Errorf("%s: the power of what is made up is %.0f after %.0f", name, p, before)
		}
	}
}

// TestMissingLibrary: without the library there is an error that names it, whatever threads the runtime moves the question to, and nothing else happens.
func TestMissingLibrary(t *testing.T) {
	for range 10_000 {
		l, err := open("libopus-that-is-not-there.so.0")
		if l != nil || err == nil || !strings.Contains(err.Error(), "libopus-that-is-not-there.so.0") {
			t.Fatalf("%v, %v", l, err)
		}
	}
}

// TestHostilePackets: what is no packet gives no samples, and does no harm.
func TestHostilePackets(t *testing.T) {
	l := library(t)
	d := l.NewDecoder(8000)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		packet := make([]byte, random.IntN(200))
		for i := range packet {
			packet[i] = byte(random.Uint32())
		}
		pcm := make([]int16, 960)
		if n := d.Decode(pcm, packet); n < 0 || n > len(pcm) {
			t.Fatalf("%d samples", n)
		}
		d.Conceal(pcm[:160], packet)
	}
	if n := l.NewEncoder(8000, 0, false).Encode(nil, make([]int16, 7)); len(n) != 0 {
		t.Errorf("%d octets of 7 samples", len(n))
	}
	if l.NewEncoder(44100, 0, false) != nil || l.NewDecoder(11025) != nil {
		t.Error("a rate that Opus does not have is taken")
	}
}

// FuzzDecode is for what a peer may send.
func FuzzDecode(f *testing.F) {
	l := library(f)
	f.Add([]byte{0x08, 1, 2, 3})
	f.Fuzz(func(t *testing.T, packet []byte) {
		pcm := make([]int16, 960)
		if n := l.NewDecoder(8000).Decode(pcm, packet); n < 0 || n > len(pcm) {
			t.Fatalf("%d samples", n)
		}
	})
}

// TestNothingIsAllocated per packet.
func TestNothingIsAllocated(t *testing.T) {
	l := library(t)
	e, d := l.NewEncoder(8000, 0, false), l.NewDecoder(8000)
	pcm, room := voiced(960, 8000), make([]byte, 0, maxPacket)
	if n := testing.AllocsPerRun(200, func() { d.Decode(pcm, e.Encode(room, pcm[:160])) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func benchmark(b *testing.B, rate int, decode bool) {
	l := library(b)
	e, d := l.NewEncoder(rate, 0, false), l.NewDecoder(rate)
	said, n, room, pcm := voiced(rate, rate), rate/50, make([]byte, 0, maxPacket), make([]int16, 960)
	var packets [][]byte
	for at := 0; at < len(said); at += n {
		packets = append(packets, e.Encode(nil, said[at:at+n]))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if decode {
			d.Decode(pcm, packets[i%50])
		} else {
			e.Encode(room, said[i%50*n:][:n])
		}
	}
}

// The benchmarks take 20 ms.
func BenchmarkEncode8(b *testing.B)  { benchmark(b, 8000, false) }
func BenchmarkEncode16(b *testing.B) { benchmark(b, 16000, false) }
func BenchmarkDecode8(b *testing.B)  { benchmark(b, 8000, true) }
func BenchmarkDecode16(b *testing.B) { benchmark(b, 16000, true) }

// TestSignalsWhileTheLibraryRuns has the collector and the profiler stop threads that are in the library: nothing of what it makes may change.
func TestSignalsWhileTheLibraryRuns(t *testing.T) {
	l := library(t)
	pcm := voiced(200*160, 8000)
	code := func() (list []byte) {
		e, d := l.NewEncoder(8000, 0, false), l.NewDecoder(8000)
		heard := make([]int16, 160)
		for at := 0; at+160 <= len(pcm); at += 160 {
			packet := e.Encode(nil, pcm[at:at+160])
			d.Decode(heard, packet)
			list = append(list, packet...)
			list = append(list, byte(heard[80]), byte(heard[80]>>8))
		}
		return list
	}
	want := code()
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	done := make(chan struct{})
	var collector, coders sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	})
	for range 4 {
		coders.Go(func() {
			for range 10 {
				if !bytes.Equal(code(), want) {
					t.Error("coded otherwise under signals")
				}
			}
		})
	}
	coders.Wait()
	close(done)
	collector.Wait()
}

// TestBitrate: no more is sent than is asked for, and always as much where that is.
func TestBitrate(t *testing.T) {
	l := library(t)
	pcm := voiced(100*160, 8000)
	sizes := func(bitrate int, constant bool) (sum, least, most int) {
		e := l.NewEncoder(8000, bitrate, constant)
		least = maxPacket
		for at := 0; at+160 <= len(pcm); at += 160 {
			n := len(e.Encode(nil, pcm[at:at+160]))
			sum, least, most = sum+n, min(least, n), max(most, n)
		}
		return sum * 8 / 2, least, most // 100 packets are two seconds
	}
	ours, _, _ := sizes(0, false)
	if more, _, _ := sizes(64000, false); more != ours {
		t.Errorf("%d bit/s where 64000 may be sent, %d of our own", more, ours)
	}
	if less, _, _ := sizes(12000, false); less > 12600 || less >= ours {
		t.Errorf("%d bit/s where 12000 may be sent", less)
	}
	if low, _, _ := sizes(1, false); low == 0 {
		t.Error("nothing is sent where the bitrate is too low to be one")
	}
	if _, least, most := sizes(12000, true); least != 30 || most != 30 {
		t.Errorf("packets of %d to %d octets, want 30", least, most)
	}
}
