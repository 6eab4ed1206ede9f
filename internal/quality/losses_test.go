package quality

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// play feeds a pattern, "." for a packet that comes and "x" for one that does not.
func play(l *Losses, s string) {
	missing := 0
	for i, c := range s {
		switch {
		case i == 0:
			l.Start()
		case c == 'x':
			missing++
		default:
			l.Next(missing + 1)
			missing = 0
		}
	}
}

const calm = "................" // Gmin packets

func TestBurstsAndGaps(t *testing.T) {
	for _, c := range []struct {
		name, packets string
		want          Pattern
	}{
		{"nothing", "", Pattern{}},
		{"all there", calm, Pattern{Packets: 16}},
		{"one lost is no burst", calm + "x" + calm, Pattern{Packets: 33, Lost: 1, Runs: 1}},
		{"two in a row are one", calm + "xx" + calm, Pattern{34, 2, 1, 1, 2, 2}},
		{"fewer than Gmin between", ".x...............x.", Pattern{19, 2, 2, 1, 17, 2}},
		{"Gmin between", ".x" + calm + "x.", Pattern{20, 2, 2, 0, 0, 0}},
		{"two bursts", calm + "x.x" + calm + "xxx" + calm, Pattern{54, 5, 3, 2, 6, 5}},
	} {
		var l Losses
		play(&l, c.packets)
		if got := l.Sum(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if got := l.Sum(); got != c.want {
			t.Errorf("%s, asked again: %+v", c.name, got)
		}
	}
}

// A packet that others overtake is not lost while a receiver may still want it.
func TestOvertaken(t *testing.T) {
	var l Losses
	play(&l, calm+"x"+calm)
	l.Late(16)
	if got := l.Sum(); got != (Pattern{Packets: 33}) {
		t.Errorf("%+v", got)
	}
	l.Next(1000)
	l.Late(999) // far too late
	l.Late(0)   // twice
	if got := l.Sum(); got != (Pattern{1033, 999, 1, 1, 999, 999}) {
		t.Errorf("%+v", got)
	}
	l.Start() // another source
	l.Next(1)
	if got := l.Sum(); got.Packets != 1035 || got.Lost != 999 {
		t.Errorf("%+v", got)
	}
}

func TestDensityAndRatio(t *testing.T) {
	p := Pattern{Packets: 1000, Lost: 60, Runs: 10, Bursts: 5, BurstPackets: 100, BurstLost: 51}
	burst, gap := p.Density()
	if burst != 0.51 || gap != 0.01 {
		t.Errorf("%v %v", burst, gap)
	}
	if got := p.Ratio(); math.Abs(got-5.64) > 1e-9 { // 6 in a row, and 1/(1-0.06) if they fell at random
		t.Errorf("BurstR %v", got)
	}
	if p = (Pattern{}); p.Ratio() != 1 {
		t.Error("no packets")
	}
}

// TestLossesProperty compares with the definition, over everything that there was.
func TestLossesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		came := rapid.SliceOfN(rapid.Bool(), 1, 400).Draw(t, "came")
		came[0], came[len(came)-1] = true, true
		late := make([]bool, len(came)) // comes right after the next one
		var l Losses
		last := 0
		for i, here := range came {
			if !here {
				continue
			}
			if i == 0 {
				l.Start()
				continue
			}
			l.Next(i - last)
			last = i
			if !came[i-1] && !late[i-1] && rapid.IntRange(0, 3).Draw(t, "late") == 0 {
				l.Late(1)
				late[i-1] = true
			}
		}
		if got, want := l.Sum(), define(came, late); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

// define is RFC 3611 §4.7.2 word by word.
func define(came, late []bool) (p Pattern) {
	arrived := func(i int) bool { return came[i] || late[i] }
	from, to, lost := -1, -1, 0
	end := func() {
		if lost > 1 {
			p.Bursts++
			p.BurstPackets += uint64(to - from + 1)
			p.BurstLost += uint64(lost)
		}
		lost = 0
	}
	for i := range came {
		p.Packets++
		if arrived(i) {
			continue
		}
		p.Lost++
		if i == 0 || arrived(i-1) {
			p.Runs++
		}
		if lost > 0 && i-to > gmin {
			end()
		}
		if lost == 0 {
			from = i
		}
		to = i
		lost++
	}
	end()
	return p
}

func TestLateness(t *testing.T) {
	var l Lateness
	const ms = 8 // of a clock of 8 kHz
	for i := range int64(100) {
		l.Take(5000+i%10*ms, 8000)
	}
	if l.Count != 0 {
		t.Fatalf("%d late within 10 ms", l.Count)
	}
	l.Take(5000+60*ms, 8000)
	l.Take(5000+61*ms, 8000)
	if l.Count != 1 {
		t.Fatalf("%d late, want the one beyond 60 ms", l.Count)
	}
	for i := range int64(100_000) { // the clocks drift apart by 2 seconds in half an hour
		l.Take(5000+i*2000*ms/100_000, 8000)
	}
	if l.Count != 1 {
		t.Errorf("drift makes %d late", l.Count)
	}
	for range 100 { // a longer path: a receiver waits longer from then on
		l.Take(5000+3000*ms, 8000)
	}
	if l.Count != 11 {
		t.Errorf("a longer path makes %d late", l.Count)
	}
	l.Count = 1
	l.Break()
	l.Take(1e12, 8000)
	if l.Count != 1 {
		t.Error("a clock that was set anew is late")
	}
}

func BenchmarkLosses(b *testing.B) {
	var l Losses
	l.Start()
	b.ReportAllocs()
	for b.Loop() {
		l.Next(1)
	}
}

func BenchmarkLateness(b *testing.B) {
	var l Lateness
	b.ReportAllocs()
	for b.Loop() {
		l.Take(0, 8000)
	}
}

func BenchmarkLevelOfOnePacket(b *testing.B) {
	var l Levels
	payload := make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		l.Take(payload, 8)
	}
}
