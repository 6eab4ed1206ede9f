package opus

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/directsip/directsip/internal/lack"
)

// reads has espeak-ng read some sentences in a voice, as samples at a rate.
func reads(tb testing.TB, voice string, rate int) []int16 {
	tb.Helper()
	var b []byte
	for _, argv := range [][]string{
		{"espeak-ng", "--stdout", "-v", voice, "The boy was there when the sun rose. A rod is used to catch pink salmon. Kick the ball straight and follow through."},
		{"ffmpeg", "-v", "error", "-i", "-", "-ac", "1", "-ar", strconv.Itoa(rate), "-f", "s16le", "-"},
	} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			lack.Of(tb, err, "; apt-get install ", argv[0])
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin = bytes.NewReader(b)
		var err error
		if b, err = cmd.Output(); err != nil {
			tb.Fatalf("%s: %v", argv[0], err)
		}
	}
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm[:len(pcm)/(rate/50)*(rate/50)]
}

// delayOf is by how many samples b is behind a.
func delayOf(a, b []int16, most int) (delay int) {
	best := math.Inf(-1)
	for d := range most {
		sum := 0.0
		for i := range min(len(a), len(b)-most) {
			sum += float64(a[i]) * float64(b[i+d])
		}
		if sum > best {
			best, delay = sum, d
		}
	}
	return delay
}

// segmentalSNR is the mean of the signal-to-noise ratios in dB of pieces of n samples in which somebody speaks.
func segmentalSNR(a, b []int16, n int) float64 {
	loudest, sum, pieces := 0.0, 0.0, 0.0
	for at := 0; at+n <= len(a); at += n {
		loudest = max(loudest, power(a[at:at+n]))
	}
	difference := make([]int16, n)
	for at := 0; at+n <= min(len(a), len(b)); at += n {
		p := power(a[at : at+n])
		if p < loudest/3000 {
			continue
		}
		for i := range difference {
			difference[i] = int16(max(-32768, min(32767, int(b[at+i])-int(a[at+i]))))
		}
		sum += min(max(10*math.Log10(p/(power(difference)+1)), -10), 35)
		pieces++
	}
	return sum / pieces
}

// bands are the powers in the bands of the ear (Bark) of a piece of a power of two of samples.
func bands(pcm []int16, rate int) (list [24]float64) {
	spectrum := make([]complex128, len(pcm))
	for i, s := range pcm {
		spectrum[i] = complex(float64(s)*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))), 0)
	}
	for k, v := range transform(spectrum)[:len(pcm)/2] {
		f := float64(k*rate) / float64(len(pcm))
		list[int(13*math.Atan(0.00076*f)+3.5*math.Atan(f/7500*f/7500))] += real(v)*real(v) + imag(v)*imag(v)
	}
	return list
}

// transform is the discrete Fourier transform.
func transform(x []complex128) []complex128 {
	if len(x) == 1 {
		return x
	}
	half := [2][]complex128{}
	for i, v := range x {
		half[i%2] = append(half[i%2], v)
	}
	even, odd, out := transform(half[0]), transform(half[1]), make([]complex128, len(x))
	for k := range even {
		v := odd[k] * cmplx.Exp(complex(0, -2*math.Pi*float64(k)/float64(len(x))))
		out[k], out[k+len(even)] = even[k]+v, even[k]-v
	}
	return out
}

// distance is the mean, over the time in which somebody speaks, of the root of the mean square difference of levels in dB, in the bands within 60 dB
// of the loudest.
func distance(a, b []int16, rate int) float64 {
	n := 256 * rate / 8000
	var said, heard [][24]float64
	loudest := 0.0
	for at := 0; at+n <= min(len(a), len(b)); at += n / 2 {
		said, heard = append(said, bands(a[at:at+n], rate)), append(heard, bands(b[at:at+n], rate))
		for _, v := range said[len(said)-1] {
			loudest = max(loudest, v)
		}
	}
	sum, pieces := 0.0, 0.0
	for i := range said {
		if slices.Max(said[i][:]) < loudest*1e-4 {
			continue
		}
		square, n := 0.0, 0.0
		for z, v := range said[i] {
			if v > loudest*1e-6 {
				level := 10 * math.Log10((v+loudest*1e-7)/(heard[i][z]+loudest*1e-7))
				square, n = square+level*level, n+1
			}
		}
		sum, pieces = sum+math.Sqrt(square/n), pieces+1
	}
	return sum / pieces
}

// BenchmarkSettings is what 20 ms of speech take to code, and how near what comes back is to what was said, by the settings of the encoder: the table of settingsAt.
func BenchmarkSettings(b *testing.B) {
	l := library(b)
	for _, rate := range []int{8000, 16000} {
		run := func(name string, s settings) {
			b.Run(fmt.Sprintf("%d Hz, %s, %d, %d kbit/s", rate, name, s.complexity, s.bitrate/1000), func(b *testing.B) { benchmarkSettings(b, l, rate, s) })
		}
		run("VoIP", settings{application: applicationVoIP, complexity: 5, bitrate: 24000})
		for _, c := range []uintptr{0, 1, 5, 10} {
			run("voice", settings{application: applicationAudio, signal: signalVoice, complexity: c, bitrate: 24000})
		}
		run("voice", settings{application: applicationAudio, signal: signalVoice, bitrate: 32000})
		for _, c := range []uintptr{0, 1, 5} {
			run("unsaid", settings{application: applicationAudio, complexity: c, bitrate: 32000})
		}
		for _, bits := range []uintptr{24000, 28000, 40000} {
			run("unsaid", settings{application: applicationAudio, bitrate: bits})
		}
	}
}

func benchmarkSettings(b *testing.B, l *Library, rate int, s settings) {
	voices := []string{"en+m3", "en-us+f2", "en-gb+m1", "en-us+f4", "de+m2", "fr+f3"}
	n, bits, seconds, snr, far, lossy := rate/50, 0.0, 0.0, 0.0, 0.0, 0.0
	var all []int16
	for _, voice := range voices {
		said := reads(b, voice, rate)
		all = append(all, said...)
		var packets [][]byte
		e := l.newEncoder(rate, s)
		for at := 0; at < len(said); at += n {
			packets = append(packets, e.Encode(nil, said[at:at+n]))
			bits += 8 * float64(len(packets[len(packets)-1]))
		}
		heard := back(l, rate, packets, 0)
		heard = heard[delayOf(said, heard, rate/40):]
		snr, far, seconds = snr+segmentalSNR(said, heard, n), far+distance(said, heard, rate), seconds+float64(len(said))/float64(rate)
		heard = back(l, rate, packets, 0.05)
		lossy += distance(said, heard[delayOf(said, heard, rate/40):], rate)
	}
	e, room := l.newEncoder(rate, s), make([]byte, 0, maxPacket)
	for at := 0; b.Loop(); at = (at + n) % len(all) {
		e.Encode(room, all[at:at+n])
	}
	count := float64(len(voices))
	b.ReportMetric(bits/seconds, "bit/s")
	b.ReportMetric(snr/count, "dB-SNR")
	b.ReportMetric(far/count, "dB-distance")
	b.ReportMetric(lossy/count, "dB-distance-of-lossy")
}

// back is what is heard of packets of 20 ms, some of which are lost.
func back(l *Library, rate int, packets [][]byte, loss float64) []int16 {
	n, d, chance := rate/50, l.NewDecoder(rate), rand.New(rand.NewPCG(7, 9))
	heard := make([]int16, n*len(packets))
	for i, packet := range packets {
		if piece := heard[i*n:][:n]; chance.Float64() < loss {
			d.Conceal(piece, nil)
		} else {
			d.Decode(piece, packet)
		}
	}
	return heard
}
