package quality

import (
	"bytes"
	"math"
	"testing"
)

// TestLevels: a square wave at half of full scale is 6 dB under it; the codes of silence are no sound; noise of a line is none of both.
func TestLevels(t *testing.T) {
	var l Levels
	l.Take(bytes.Repeat([]byte{0x8f, 0x0f}, 80), 0) // ±16764
	l.Take(nil, 0)
	if s, ok := l.Signal(); !ok || math.Abs(s+5.9) > 0.2 {
		t.Errorf("%v %v", s, ok)
	}
	if _, ok := l.Noise(); ok {
		t.Error("noise of speech")
	}
	l.Take(bytes.Repeat([]byte{0xff}, 160), 0)
	l.Take(bytes.Repeat([]byte{0xd5}, 160), 8)
	if l.Packets != 3 || l.Silent != 2 {
		t.Errorf("%+v", l)
	}
	l = Levels{}
	l.Take(bytes.Repeat([]byte{0xd0, 0x50}, 80), 8) // ±88, -51 dBov
	if n, ok := l.Noise(); !ok || l.Silent != 0 || math.Abs(n+51.4) > 0.5 {
		t.Errorf("%v %+v", n, l)
	}
}
