package media

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestPortsOfARange(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, last uint16
		want        []uint16
	}{
		{"even to odd", 50000, 50005, []uint16{50000, 50002, 50004}},
		{"odd start loses its port", 50001, 50005, []uint16{50002, 50004}},
		{"even end has no RTCP port", 50000, 50004, []uint16{50000, 50002}},
		{"one pair", 50000, 50001, []uint16{50000}},
		{"less than a pair", 50001, 50002, nil},
		{"reversed", 50010, 50000, nil},
		{"port 0 is nobody's", 0, 5, []uint16{2, 4}},
		{"top of the range", 65532, 65535, []uint16{65532, 65534}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewPorts(c.first, c.last, time.Second)
			if p.Free() != len(c.want) {
				t.Fatalf("Free() = %d, want %d", p.Free(), len(c.want))
			}
			for i, want := range c.want {
				if got, ok := p.Take(epoch); !ok || got != want {
					t.Fatalf("take %d: %d %v, want %d", i, got, ok, want)
				}
			}
			if got, ok := p.Take(epoch); ok {
				t.Fatalf("took %d from an empty range", got)
			}
		})
	}
}

func TestPortsBeginAnywhere(t *testing.T) {
	for _, c := range []struct {
		begin uint16
		want  []uint16
	}{
		{40, []uint16{50, 52, 54, 56}}, {50, []uint16{50, 52, 54, 56}}, {51, []uint16{52, 54, 56, 50}}, {56, []uint16{56, 50, 52, 54}}, {60, []uint16{50, 52, 54, 56}},
	} {
		p := NewPorts(50, 57, time.Second)
		p.Begin(c.begin)
		var got []uint16
		for range c.want {
			rtp, _ := p.Take(epoch)
			got = append(got, rtp)
		}
		if _, more := p.Take(epoch); more || !slices.Equal(got, c.want) {
			t.Errorf("from %d on: %v, want %v", c.begin, got, c.want)
		}
		for _, rtp := range got {
			if !p.Release(epoch, rtp) {
				t.Errorf("%d does not come back", rtp)
			}
		}
		next := NewPorts(54, 59, time.Second)
		next.Succeed(p)
		if n := next.Free(); n != 3 {
			t.Errorf("of the next range %d pairs are free, want 3", n)
		}
	}
}

func TestPortsRestInQuarantine(t *testing.T) {
	p := NewPorts(50000, 50003, 2*time.Second)
	a, _ := p.Take(epoch)
	b, _ := p.Take(epoch)
	p.Release(epoch.Add(time.Second), b)
	p.Release(epoch.Add(2*time.Second), a)
	if got, ok := p.Take(epoch.Add(3*time.Second - 1)); ok {
		t.Fatalf("%d came back a nanosecond early", got)
	}
	if got, ok := p.Take(epoch.Add(3 * time.Second)); !ok || got != b {
		t.Fatalf("got %d %v, want %d, which rested longest", got, ok, b)
	}
	if got, ok := p.Take(epoch.Add(3 * time.Second)); ok {
		t.Fatalf("%d came back a second early", got)
	}
}

func TestPortsIgnoreForeignReleases(t *testing.T) {
	p := NewPorts(50000, 50003, 0)
	a, _ := p.Take(epoch)
	for _, port := range []uint16{a + 1, 50002, 49998, 0, 65534, 50100} {
		if p.Release(epoch, port) {
			t.Errorf("took back %d, which was not out", port)
		}
	}
	if !p.Release(epoch, a) || p.Release(epoch, a) {
		t.Error("a port comes back exactly once")
	}
	if p.Free() != 2 || p.InUse() != 0 {
		t.Errorf("free %d, in use %d", p.Free(), p.InUse())
	}
}

// TestPortsCirculate: few pairs are in use, however wide the range, because those that rested go out before those that
// were never used.
func TestPortsCirculate(t *testing.T) {
	const hold, quarantine = 3, 2 * time.Second // calls of 3 s, one a second
	p := NewPorts(40000, 49999, quarantine)
	var out []uint16
	seen := map[uint16]bool{}
	for second := range time.Duration(1000) {
		now := epoch.Add(second * time.Second)
		if len(out) == hold {
			p.Release(now, out[0])
			out = out[1:]
		}
		port, ok := p.Take(now)
		if !ok {
			t.Fatalf("none after %d s", second)
		}
		out, seen[port] = append(out, port), true
	}
	if len(seen) != 5 {
		t.Errorf("%d pairs in circulation, want rate × (hold + quarantine) = 5", len(seen))
	}
}

// TestPortsRefused: pairs that another program holds stand in the way of no later one, however few calls there are.
func TestPortsRefused(t *testing.T) {
	p := NewPorts(50000, 50011, time.Second)
	held := map[uint16]bool{50000: true, 50002: true, 50006: true, 50010: true}
	var order []uint16
	for second := range time.Duration(8) {
		now := epoch.Add(3 * second * time.Second)
		for {
			port, ok := p.Take(now)
			if !ok {
				t.Fatal("none is left")
			}
			if order = append(order, port); !held[port] {
				p.Release(now, port)
				break
			}
			p.Refuse(port)
		}
	}
	if want := []uint16{50000, 50002, 50004, 50004}; !slices.Equal(order[:4], want) || len(order) != 10 {
		t.Errorf("%v were taken, want %v and 50004 again", order, want)
	}
	order = nil
	for p.Free() > 0 {
		port, _ := p.Take(epoch.Add(time.Hour))
		order = append(order, port)
	}
	if want := []uint16{50004, 50006, 50008, 50010, 50000, 50002}; !slices.Equal(order, want) {
		t.Errorf("%v go out, want %v", order, want)
	}
	if p.InUse() != 6 {
		t.Errorf("%d in use", p.InUse())
	}
}

// TestPortsProperty: whatever is done in whatever order, no pair is out twice, none comes back before its quarantine,
// none is lost, the one that came back first goes first, and no new one while that one is ready.
func TestPortsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const quarantine = 10
		pairs := rapid.IntRange(1, 12).Draw(t, "pairs")
		p := NewPorts(40000, uint16(40000+2*pairs-1), quarantine)
		owner := map[uint16]bool{}
		released := map[uint16]time.Time{}
		now := epoch
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "pass")))
			if rapid.Bool().Draw(t, "take") {
				port, ok := p.Take(now)
				if !ok {
					continue
				}
				if owner[port] {
					t.Fatalf("%d is out twice", port)
				}
				at, used := released[port]
				if used && now.Sub(at) < quarantine {
					t.Fatalf("%d came back after %d", port, now.Sub(at))
				}
				for other, back := range released {
					if other == port || owner[other] {
						continue
					}
					if !used && now.Sub(back) >= quarantine || used && back.Before(at) {
						t.Fatalf("%d went out while %d rests since %v", port, other, back)
					}
				}
				owner[port] = true
			} else if len(owner) > 0 {
				port := rapid.SampledFrom(sorted(owner)).Draw(t, "port")
				if !p.Release(now, port) {
					t.Fatalf("release of %d", port)
				}
				released[port] = now
				delete(owner, port)
			}
			free, out := p.Free(), p.InUse()
			if free+out != pairs || out != len(owner) {
				t.Fatalf("free %d and out %d of %d, %d known to be out", free, out, pairs, len(owner))
			}
		}
	})
}

func sorted(owner map[uint16]bool) (ports []uint16) {
	for p := uint16(40000); p < 40100; p += 2 {
		if owner[p] {
			ports = append(ports, p)
		}
	}
	return ports
}

func BenchmarkPorts(b *testing.B) {
	b.ReportAllocs()
	p := NewPorts(49152, 57500, 2*time.Second)
	now := epoch
	for b.Loop() {
		port, ok := p.Take(now)
		if !ok {
			b.Fatal("empty")
		}
		p.Release(now, port)
		now = now.Add(time.Millisecond)
	}
}

// TestPortsSucceed: what running calls have is given to nobody, and comes back to whoever has the range now.
func TestPortsSucceed(t *testing.T) {
	now := time.Now()
	of := func(first, last uint16) *Ports { return NewPorts(first, last, time.Second) }
	a := of(40000, 40009)
	kept, _ := a.Take(now)
	back, _ := a.Take(now)
	a.Release(now, back)
	b := of(50000, 50009)
	b.Succeed(a)
	other, _ := b.Take(now)
	c := of(40000, 40019)
	c.Succeed(b)
	if kept != 40000 || back != 40002 || c.Free() != 9 || c.InUse() != 1 {
		t.Fatalf("%d and %d, then %d pairs free and %d in use", kept, back, c.Free(), c.InUse())
	}
	for range c.Free() {
		if rtp, _ := c.Take(now.Add(time.Minute)); rtp == kept {
			t.Errorf("%d goes out", rtp)
		}
	}
	if !c.Release(now, other) || c.Release(now, other) || c.Free() != 0 {
		t.Error("a pair of the range before does not come back once, or to this one")
	}
	if !c.Release(now, kept) || c.Release(now, kept) || c.Free() != 1 {
		t.Error("the pair of a running call does not come back once")
	}
	d := of(40000, 40009)
	d.Succeed(c)
	if rtp, ok := d.Take(now); ok {
		t.Errorf("%d goes out before its quarantine is over", rtp)
	}
	if rtp, _ := d.Take(now.Add(time.Second)); rtp != kept {
		t.Errorf("%d goes out after the quarantine", rtp)
	}
}

// TestPortsKept: what is kept goes to urgent calls alone, which take a pair in quarantine rather than none.
func TestPortsKept(t *testing.T) {
	p, now := NewPorts(10000, 10007, time.Minute), time.Unix(0, 0)
	p.Keep(2)
	var out []uint16
	for range 2 {
		rtp, ok := p.Take(now)
		if !ok {
			t.Fatal("no pair")
		}
		out = append(out, rtp)
	}
	if rtp, ok := p.Take(now); ok {
		t.Fatalf("%d is kept", rtp)
	}
	for range 2 {
		if _, ok := p.TakeUrgent(now); !ok {
			t.Fatal("no pair for an urgent call")
		}
	}
	if rtp, ok := p.TakeUrgent(now); ok || p.InUse() != 4 || p.Free() != 0 {
		t.Fatalf("%d of %d in use", rtp, p.InUse())
	}
	p.Release(now, out[1])
	if rtp, ok := p.TakeUrgent(now); !ok || rtp != out[1] || p.InUse() != 4 || p.Free() != 0 {
		t.Errorf("%d %v, %d in use", rtp, ok, p.InUse())
	}
	if !p.Release(now, out[1]) || p.Release(now, out[1]) {
		t.Error("a pair of quarantine does not come back once")
	}
}

// TestReleaseOnce: what is not out is not taken back, and a pair that was given back twice goes out once.
func TestReleaseOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	p := NewPorts(20000, 20003, time.Second)
	rtp, _ := p.Take(now)
	if p.Release(now, rtp+1) || p.Release(now, rtp+2000) || p.Release(now, rtp-2000) {
		t.Error("a port that is none of its pairs is taken back")
	}
	if !p.Release(now, rtp) || p.Release(now, rtp) || p.InUse() != 0 || p.Free() != 2 {
		t.Errorf("%d are in use, %d free", p.InUse(), p.Free())
	}
	now = now.Add(time.Second)
	first, _ := p.Take(now)
	second, _ := p.Take(now)
	if third, ok := p.Take(now); ok || first == second {
		t.Errorf("%d, %d and %d of two pairs", first, second, third)
	}
}

// TestPayloadTypes: a set has what was added, and nothing else.
func TestPayloadTypes(t *testing.T) {
	var set PayloadTypes
	for _, pt := range []uint8{0, 8, 63, 64, 101, 127} {
		set.Add(pt)
	}
	for pt := range uint8(128) {
		if want := slices.Contains([]uint8{0, 8, 63, 64, 101, 127}, pt); set.Has(pt) != want {
			t.Errorf("%d: %v", pt, !want)
		}
	}
}
