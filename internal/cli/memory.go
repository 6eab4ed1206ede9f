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
	// gcPercent lets the heap grow to four times what is in use before it is collected: half of the garbage collector's price under load,
	// for memory that a quiet server gives back. GOGC overrides it.
	gcPercent = 300
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
			if h.wasteful() {
				runtime.GC()
			}
		}
	}
}

// heap is what was seen of the heap at the last look.
type heap struct {
	cycles uint64 // collections, those that wasteful led to included
	again  bool
}

// wasteful tells whether nothing was collected since the last look although it would be worth it. After one collection comes a
// second: only then does the runtime know how little of the memory it needs, and returns the rest in the background.
func (h *heap) wasteful() bool {
	s := [...]metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s[:])
	cycles, live, objects := s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64()
	quiet := cycles == h.cycles
	h.cycles = cycles
	switch {
	case !quiet:
		h.again = false
		return false
	case h.again:
		h.again = false
	case objects > live+live/4+slack:
		h.again = true
	default:
		return false
	}
	h.cycles++
	return true
}
