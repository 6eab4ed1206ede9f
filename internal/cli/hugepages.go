package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hugePage = 2 << 20 // octets
	// hugeMost is the heap of some two thousand calls a second: what their transactions keep, and gcMost.
	hugeMost = 512 << 20
)

// hugeHeap has the system take large pages for the heap that is to come. A server under load goes through hundreds of megabytes of heap from collection to
// collection and never meets a page again that the processor still knows the place of: with pages of 4 KiB that was a twentieth of the price of a call. The runtime
// cannot be asked for it, so the heap grows to its later size once, the system is told of those addresses, which it keeps in mind, and all is given back untouched.
func hugeHeap(machine uint64) {
	most := min(hugeMost, machine/8) &^ (hugePage - 1)
	if most < 2*hugePage || !roomy() {
		return
	}
	b := make([]byte, most)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (hugePage - 1)
	unix.Madvise(b[skip:], unix.MADV_HUGEPAGE) // EINVAL where the kernel has none
	runtime.KeepAlive(b)
	b = nil
	debug.FreeOSMemory()
}

// roomy tells whether addresses cost nothing as long as nothing is at them.
func roomy() bool {
	var space unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &space) != nil || space.Cur != unix.RLIM_INFINITY {
		return false
	}
	strict, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	return err == nil && strings.TrimSpace(string(strict)) != "2"
}
