package cli

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestQuietHeapIsCollectedTwice shows when a quiet server collects, with garbage that the runtime would keep.
func TestQuietHeapIsCollectedTwice(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nobody else collects
	var h heap
	runtime.GC()
	look := func(want bool, why string) {
		t.Helper()
		if got := h.wasteful(); got != want {
			t.Fatalf("%s: wasteful is %v", why, got)
		}
		if want {
			runtime.GC()
		}
	}
	look(false, "a collection has just been")
	look(false, "nothing to collect")
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	sink = nil
	look(true, "64 MiB of garbage")
	look(true, "once more, to let the memory go")
	look(false, "all is done")
	runtime.GC()
	look(false, "the runtime collects by itself")
}

var sink []byte
