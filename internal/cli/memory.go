package cli

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcPercent lets the heap grow to five times what is in use before it is collected: a quarter of the garbage collector's price under load,
	// for memory that a quiet server gives back. GOGC overrides it.
	gcPercent = 400
	// quietTime without a collection means that there is little to do.
	quietTime = 15 * time.Second
	// slack is the garbage that a quiet server may keep.
	slack = 4 << 20
)

// tendMemory collects in quiet times what the runtime would keep until the next load.
func tendMemory(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	var h heap
	tick := time.NewTicker(quietTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if h.look() {
				runtime.GC()
			}
		}
	}
}

// heap is what was seen of the heap so far.
type heap struct {
	cycles uint64 // collections, those that look led to included
	quiet  int    // looks without another collection
	full   bool   // there was garbage at the first of them
}

// look tells whether it is time to collect: at the first and second quiet look after a load that left garbage, and again at the
// fourth and fifth, when the transactions of its last calls have run out (64*T1, 32 s). Each time twice: only the second collection
// shows the runtime how little memory it needs, and it returns the rest in the background.
func (h *heap) look() bool {
	s := [...]metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s[:])
	cycles, live, objects := s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64()
	if cycles != h.cycles {
		*h = heap{cycles: cycles}
		return false
	}
	switch h.quiet++; h.quiet {
	case 1:
		h.full = objects > live+live/4+slack
	case 2, 4, 5:
	default:
		return false
	}
	if h.full {
		h.cycles++
	}
	return h.full
}
