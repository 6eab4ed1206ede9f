package cli

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestQuietHeapIsCollected shows when a quiet server collects, with garbage that the runtime would keep.
func TestQuietHeapIsCollected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nobody else collects
	var h heap
	runtime.GC()
	looks := func(want string) {
		t.Helper()
		got := ""
		for range want {
			if h.look() {
				runtime.GC()
				got += "x"
			} else {
				got += "-"
			}
		}
		if got != want {
			t.Fatalf("collected at %s, want %s", got, want)
		}
	}
	looks("-------") // just collected: nothing to gain
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	sink = nil
	runtime.GC() // the load's own collection, after which as much garbage comes
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	sink = nil
	looks("-xx-xx---")
}

var sink []byte
