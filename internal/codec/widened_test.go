package codec

import (
	"math"
	"testing"
)

// TestWidened: what a telephone says comes at 16 kHz as it is, with nothing above 4 kHz that is heard, however it is cut into packets, and takes no memory.
func TestWidened(t *testing.T) {
	for _, hz := range []float64{300, 1000, 2000, 3000, 3400} {
		w := NewWidened(ALaw)
		var pcm []int16
		for i := range 50 {
			var in [160]int16
			for k := range in {
				in[k] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i*160+k)/8000))
			}
			var room [320]int16
			payload := ALaw.Encode(nil, in[:])
			if n := w.Decode(room[:], payload); n != 320 {
				t.Fatalf("%d samples", n)
			}
			pcm = append(pcm, room[:]...)
		}
		level := func(hz float64) float64 {
			var re, im float64
			for i, s := range pcm {
				x := 2 * math.Pi * hz * float64(i) / 16000
				re, im = re+float64(s)*math.Cos(x), im+float64(s)*math.Sin(x)
			}
			return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(pcm))/8000)
		}
		if pass := level(hz); math.Abs(pass) > 0.2 {
			t.Errorf("%.0f Hz comes with %.2f dB", hz, pass)
		}
		if image := level(8000 - hz); image > -40 {
			t.Errorf("%.0f Hz has an image of %.1f dB", hz, image)
		}
	}
	w, payload := NewWidened(MuLaw), make([]byte, 160)
	var room [100]int16
	if n := w.Decode(room[:], payload); n != 100 {
		t.Errorf("%d samples in a place for 100", n)
	}
	if n := testing.AllocsPerRun(100, func() { w.Decode(room[:], payload) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
