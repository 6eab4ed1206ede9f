package codec

import "testing"

// decision values of G.711: the upper ends of the positive segments and the steps in them, in units of the law.
var (
	muSegments = []struct{ from, step int }{{0, 2}, {31, 4}, {95, 8}, {223, 16}, {479, 32}, {991, 64}, {2015, 128}, {4063, 256}}
	aSegments  = []struct{ from, step int }{{0, 2}, {32, 2}, {64, 4}, {128, 8}, {256, 16}, {512, 32}, {1024, 64}, {2048, 128}}
)

// TestG711MuTable compares every code with table 2 of G.711: values at the quantizer's output, and for every sample the interval that it lies in.
func TestG711MuTable(t *testing.T) {
	// y0 is 0; interval n of segment s lies between its decision values, its value in the middle. The first one of all is half as wide.
	var value [128]int
	var upper [128]int
	for s, seg := range muSegments {
		for k := range 16 {
			lo := seg.from + k*seg.step
			if s == 0 {
				lo = max(0, 2*k-1)
			}
			hi := seg.from + (k+1)*seg.step
			if s == 0 {
				hi = 2*k + 1
			}
			value[16*s+k], upper[16*s+k] = (lo+hi)/2, hi
			if s == 0 {
				value[k] = 2 * k
			}
		}
	}
	if upper[127] != 8159 || value[127] != 8031 {
		t.Fatalf("the table of the test ends at %d with %d, and G.711 at 8159 with 8031", upper[127], value[127])
	}
	for n := range 128 {
		plus, minus := byte(0xff-n), byte(0x7f-n)
		if got := int(DecodeMu(plus)); got != value[n]*4 {
			t.Errorf("code %#x is %d, want %d", plus, got, value[n]*4)
		}
		if got := int(DecodeMu(minus)); got != -value[n]*4 {
			t.Errorf("code %#x is %d, want %d", minus, got, -value[n]*4)
		}
	}
	for s := -32768; s < 32768; s++ {
		m, n := s, 0
		if m < 0 {
			m = -m
		}
		for n < 127 && m >= upper[n]*4 {
			n++
		}
		want := byte(0xff - n)
		if s < 0 {
			want = byte(0x7f - n)
		}
		if got := EncodeMu(int16(s)); got != want {
			t.Fatalf("sample %d has code %#x, want %#x", s, got, want)
		}
	}
}

// TestG711ATable does so with table 1.
func TestG711ATable(t *testing.T) {
	var value, upper [128]int // in half units, as the values of the first segments are odd
	for s, seg := range aSegments {
		for k := range 16 {
			lo := seg.from + k*seg.step
			value[16*s+k], upper[16*s+k] = 2*lo+seg.step, lo+seg.step
		}
	}
	if upper[127] != 4096 || value[127] != 2*4032 {
		t.Fatalf("the table of the test ends at %d with %d/2, and G.711 at 4096 with 4032", upper[127], value[127])
	}
	for n := range 128 {
		plus, minus := byte(n|0x80)^0x55, byte(n)^0x55
		if got := int(DecodeA(plus)); got != value[n]*4 {
			t.Errorf("code %#x is %d, want %d", plus, got, value[n]*4)
		}
		if got := int(DecodeA(minus)); got != -value[n]*4 {
			t.Errorf("code %#x is %d, want %d", minus, got, -value[n]*4)
		}
	}
	for s := -32768; s < 32768; s++ {
		m, n := s, 0
		if m < 0 {
			m = -m - 1
		}
		for n < 127 && m >= upper[n]*8 {
			n++
		}
		want := byte(n|0x80) ^ 0x55
		if s < 0 {
			want = byte(n) ^ 0x55
		}
		if got := EncodeA(int16(s)); got != want {
			t.Fatalf("sample %d has code %#x, want %#x", s, got, want)
		}
	}
}
