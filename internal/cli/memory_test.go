package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestQuietHeapIsCollected shows when a quiet server collects, with garbage that the runtime would keep.
func TestQuietHeapIsCollected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nobody else collects
	runtime.GC()
	h := heap{allocated: readHeap().allocated}
	looks := func(want string) {
		t.Helper()
		got := ""
		for range want {
			if h.look(readHeap()) {
				collect()
				got += "x"
			} else {
				got += "-"
			}
		}
		if got != want {
			t.Fatalf("collected at %s, want %s", got, want)
		}
	}
	looks("-------") // collected by the runtime, as it does every two minutes, of what is at rest: nothing to gain
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	runtime.GC() // before what it saw in use has come to its end
	sink = nil
	looks("-x--x---")
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	sink = nil
	runtime.GC() // the load's own collection, after which as much garbage comes
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	sink = nil
	looks("-x--x---")
	for range 64 { // too little for the runtime
		sink = make([]byte, 1<<20)
	}
	sink = nil
	looks("x--x---")
}

var sink []byte

// TestCollectionsKeepApart shows what may be garbage for how much is allocated.
func TestCollectionsKeepApart(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name       string
		live, rate uint64 // octets, octets a second
		want       int    // percent
	}{
		{"nothing to do", 4 * mb, 10_000, 400},
		{"fifty calls a second", 8 * mb, 14 * mb / 10, 400},
		{"five hundred", 14 * mb, 14 * mb, 1000},
		{"a thousand", 24 * mb, 28 * mb, 1066},
		{"more than may be garbage", 24 * mb, 280 * mb, 1066},
		{"many held calls", 256 * mb, 28 * mb, 400},
	} {
		p := pace{percent: gcPercent, most: gcMost}
		now := time.Unix(0, 0)
		var u usage
		u.live = c.live
		p.adapt(now, u)
		for range 3 {
			now, u.allocated = now.Add(2*time.Second), u.allocated+2*c.rate
			p.adapt(now, u)
		}
		if p.percent != c.want {
			t.Errorf("%s: %d %%, want %d", c.name, p.percent, c.want)
		}
		if p.adapt(now.Add(2*time.Second), usage{live: c.live * 21 / 20, allocated: u.allocated + 2*c.rate}) {
			t.Errorf("%s: adapted to a little more", c.name)
		}
	}
}

// TestGarbageHasABound: what the machine has bounds what may be garbage, where it is known and nobody else has said so.
func TestGarbageHasABound(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, c := range []struct {
		machine uint64
		env     string
		want    int64
	}{{0, "", before}, {math.MaxUint64, "", before}, {2 << 30, "", 3 << 29}, {2 << 30, "off", before}} {
		debug.SetMemoryLimit(before)
		t.Setenv("GOMEMLIMIT", c.env)
		if limitMemory(c.machine); debug.SetMemoryLimit(-1) != c.want {
			t.Errorf("%d octets, %q: %d, want %d", c.machine, c.env, debug.SetMemoryLimit(-1), c.want)
		}
	}
	if m := machineMemory(); m < 64<<20 {
		t.Errorf("the machine has %d octets", m)
	}
}

// TestCollectionsAreNoticed has each collection reported while somebody listens.
func TestCollectionsAreNoticed(t *testing.T) {
	collected := make(chan struct{}, 1)
	watchCollections(t.Context(), collected)
	for range 3 {
		runtime.GC()
		<-collected
	}
}
