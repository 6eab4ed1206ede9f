package cli

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// gcPercent lets the heap grow to five times what is in use before it is collected: a quarter of the garbage collector's price under load,
	// for memory that a quiet server gives back. GOGC overrides it, and all that follows from it here.
	gcPercent = 400
	// gcPeriod is how far apart collections shall be: on one processor the calls of some fifty milliseconds feel one, and that shall be fewer
	// than one call in a hundred.
	gcPeriod = 10 * time.Second
	// gcMost is the garbage that gcPeriod may cost, on a machine that has the memory.
	gcMost = 256 << 20
	// quietTime without a collection means that there is little to do.
	quietTime = 15 * time.Second
	// slack is the garbage that a quiet server may keep.
	slack = 4 << 20
)

// limitMemory has the collector work harder rather than let garbage take the last quarter of the memory that it may have: while a document of many megabytes is read, much more is
// in use than before and after, and gcPercent of that would be more than a small machine has. GOMEMLIMIT overrides it.
func limitMemory(machine uint64) {
	if machine > 0 && machine < math.MaxInt64 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(machine / 4 * 3))
	}
}

// tendMemory keeps collections apart while there is much to do, and collects in quiet times what the runtime would keep until the next load.
func tendMemory(ctx context.Context) {
	machine := machineMemory()
	limitMemory(machine)
	p := pace{percent: gcPercent, most: min(gcMost, machine/32)}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		collected := make(chan struct{}, 1)
		watchCollections(ctx, collected)
		p.collected = collected
	}
	var h heap
	tick := time.NewTicker(quietTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.collected:
			if p.adapt(time.Now(), readHeap()) {
				debug.SetGCPercent(p.percent)
			}
		case <-tick.C:
			if h.look(readHeap()) {
				collect()
			}
		}
	}
}

// collect has the runtime give back what it does not need: it knows that only by a second collection, and returns the rest in the background.
func collect() {
	for range collections {
		runtime.GC()
	}
}

// collections are those of collect.
const collections = 2

// machineMemory is the memory that the machine has, or the groups that this process is in may take, in octets; 0 if the system does not say.
func machineMemory() uint64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return min(uint64(s.Totalram)*uint64(s.Unit), groupMemory(os.DirFS("/")))
}

// watchCollections reports each collection: a small object dies in every one.
func watchCollections(ctx context.Context, collected chan<- struct{}) {
	if ctx.Err() != nil {
		return
	}
	runtime.AddCleanup(new([64]byte), func(collected chan<- struct{}) {
		select {
		case collected <- struct{}{}:
		default:
		}
		watchCollections(ctx, collected)
	}, collected)
}

// usage is what the runtime says of the heap.
type usage struct {
	cycles    uint64
	live      uint64 // octets in use at the last collection
	objects   uint64 // octets in use and garbage
	allocated uint64 // octets since the start
}

func readHeap() usage {
	s := [...]metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s[:])
	return usage{s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()}
}

// pace is the garbage that may lie about until the next collection.
type pace struct {
	collected <-chan struct{}
	percent   int    // of what is in use, never below gcPercent
	most      uint64 // octets that may be garbage for the sake of gcPeriod

	at        time.Time // of the last collection
	allocated uint64    // until then
}

// adapt is told of a collection. It reports whether percent has changed by so much that it is worth stopping the world for a moment.
func (p *pace) adapt(now time.Time, u usage) bool {
	took, garbage := now.Sub(p.at), u.allocated-p.allocated
	first := p.at.IsZero()
	p.at, p.allocated = now, u.allocated
	if first || took <= 0 || u.live == 0 {
		return false
	}
	wanted := min(uint64(float64(garbage)/took.Seconds()*gcPeriod.Seconds()), p.most)
	percent := max(gcPercent, int(wanted*100/u.live))
	if d := percent - p.percent; d*10 < p.percent && d*10 > -p.percent {
		return false
	}
	p.percent = percent
	return true
}

// heap is what was seen of the heap so far.
type heap struct {
	cycles uint64 // collections, those that look led to included
	quiet  int    // looks without another collection
	full   bool   // there was garbage, or may be

	allocated uint64 // octets until the last one that look led to
}

// look tells whether it is time to collect: at the first quiet look after a load, and again at the
// fourth, when the transactions of its last calls have run out (64*T1, 32 s).
func (h *heap) look(u usage) bool {
	if u.cycles != h.cycles {
		// What was in use then may be garbage by now, and nothing counts that. Of a server at rest nothing is.
		*h = heap{cycles: u.cycles, full: u.allocated-h.allocated > slack, allocated: h.allocated}
		return false
	}
	h.quiet++
	if u.objects > u.live+u.live/4+slack { // of too little load for a collection, or since the last one of ours
		h.quiet, h.full = 1, true
	}
	if !h.full || h.quiet != 1 && h.quiet != 4 {
		return false
	}
	h.cycles += collections
	h.allocated = u.allocated
	return true
}
