package relay

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestPrefetchReadsNothing: it may be told of memory that is not there, up to the end of what is.
func TestPrefetchReadsNothing(t *testing.T) {
	page := unix.Getpagesize()
	b, err := unix.Mmap(-1, 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	if err := unix.Mprotect(b[page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	for _, size := range []uintptr{0, 1, 63, 64, 65, 4096} {
		prefetch(nil, size)
		for at := page - 65; at <= page; at++ {
			prefetch(unsafe.Pointer(&b[at]), size)
		}
	}
}

// TestExpectedAreForgotten: a port is not kept by having been expected, and places that nobody has are none.
func TestExpectedAreForgotten(t *testing.T) {
	var e expected
	st := newStream(&session{}, 0, nil)
	for range 3 {
		for range mailbagTurn - 1 {
			e.add(&st.side[1].rtcp)
			e.add(nil)
		}
		e.add(&port{}) // of a place that is taken and has no port yet
		if e.call(); e != (expected{}) {
			t.Fatal("something is still expected")
		}
	}
}

// BenchmarkExpected is what asking for a port's packet costs where all is near.
func BenchmarkExpected(b *testing.B) {
	var e expected
	st := newStream(&session{}, 0, nil)
	b.ReportAllocs()
	for b.Loop() {
		e.add(&st.side[0].rtp)
		e.call()
	}
}
