package quality

import (
	"math"
	"testing"
	"time"
)

// TestDefaultRating: with the defaults of every parameter R is 93.2 and MOS 4.41 (G.107 §7.7, annex B).
func TestDefaultRating(t *testing.T) {
	got := CodecNamed("PCMU").Rate(Path{})
	if math.Abs(got.R-93.2) > 0.05 || math.Abs(got.MOS-4.41) > 0.005 || got.Wide {
		t.Errorf("%+v", got)
	}
}

// TestScores has the table of G.107 annex B.
func TestScores(t *testing.T) {
	for r, want := range map[float64]float64{100: 4.5, 90: 4.34, 80: 4.03, 70: 3.60, 60: 3.10, 50: 2.58, 0: 1, -5: 1} {
		if got := score(r); math.Abs(got-want) > 0.007 {
			t.Errorf("R %v: MOS %.3f, want %.2f", r, got, want)
		}
	}
	last := 0.0
	for r := 0.0; r <= 110; r += 0.1 {
		if s := score(r); s < last || s < 1 || s > 4.5 {
			t.Fatalf("R %.1f: MOS %v after %v", r, s, last)
		} else {
			last = s
		}
	}
}

// TestCodecs: Ie and Bpl of G.113 appendix I, by the formula of G.107 §7.5.
func TestCodecs(t *testing.T) {
	for _, c := range []struct {
		codec string
		path  Path
		want  float64 // R
	}{
		{"g729", Path{}, 93.2 - 11},
		{"PCMA", Path{Loss: 0.05}, 93.2 - 95*5/(5+25.1)},
		{"G729", Path{Loss: 0.02}, 93.2 - 11 - 84*2/(2+19.0)},
		{"PCMU", Path{Loss: 0.02, Ratio: 2}, 93.2 - 95*2/(1+25.1)},
		{"G722", Path{}, 116},
		{"PCMU", Path{Loss: 1}, 93.2 - 95*100/125.1},
	} {
		got := CodecNamed(c.codec).Rate(c.path)
		if math.Abs(got.R-c.want) > 0.6 { // the codec's own delay has a small part
			t.Errorf("%s %+v: R %.2f, want %.2f", c.codec, c.path, got.R, c.want)
		}
	}
	if CodecNamed("EVS") != nil {
		t.Error("a codec that has no value gets one")
	}
}

// TestDelay: without an echo to speak of, R falls as Cole and Rosenbluth fitted it for G.107: 0.024 a millisecond, and 0.11 more beyond 177 ms.
func TestDelay(t *testing.T) {
	for _, ms := range []float64{25, 50, 100, 150, 200, 250, 300, 400} {
		want := 0.024*ms + 0.11*max(0, ms-177.3)
		got := 93.2 - CodecNamed("PCMU").Rate(Path{Delay: time.Duration(ms) * time.Millisecond}).R
		if math.Abs(got-want) > 3.5 {
			t.Errorf("%v ms cost %.1f, want about %.1f", ms, got, want)
		}
	}
	if r := CodecNamed("PCMU").Rate(Path{Loss: 1, Delay: time.Minute}); r.R != 0 || r.MOS != 1 {
		t.Errorf("%+v", r)
	}
}
