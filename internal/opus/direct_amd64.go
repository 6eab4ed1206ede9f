package opus

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A call by the runtime's way for C tells the scheduler, which lends the processor to another thread after 20 µs: what codes speech would lose it
// in most packets, and wait for it. So the functions are called here as if they were Go, which holds up the collector and whoever else wants the
// processor for as long as one packet takes, on a stack that is large enough. What the runtime finds in a signal there is no Go, and it leaves it alone.

const (
	stackSize = 1 << 20 // octets; the encoder needs less than a tenth
	guardSize = 1 << 16 // below, so that what needs more ends the process instead of spoiling it
	slack     = 64      // octets of nothing above, for who walks the stack
)

func onStack(fn uintptr, args *[6]uintptr, top uintptr) uintptr

// stacks are those that nobody is on, by their tops. There are as many as have been called on at once.
var stacks struct {
	sync.Mutex
	free []uintptr
}

func takeStack() uintptr {
	stacks.Lock()
	defer stacks.Unlock()
	if n := len(stacks.free); n > 0 {
		top := stacks.free[n-1]
		stacks.free = stacks.free[:n-1]
		return top
	}
	b, err := unix.Mmap(-1, 0, guardSize+stackSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0
	}
	if unix.Mprotect(b[:guardSize], unix.PROT_NONE) != nil {
		_ = unix.Munmap(b)
		return 0
	}
	return uintptr(unsafe.Pointer(&b[len(b)-slack]))
}

func leaveStack(top uintptr) {
	stacks.Lock()
	stacks.free = append(stacks.free, top)
	stacks.Unlock()
}

// direct calls fn. false: it was not called, as there is no memory for a stack.
func direct(fn uintptr, args *[6]uintptr) (r uintptr, ok bool) {
	top := takeStack()
	if top == 0 {
		return 0, false
	}
	r = onStack(fn, args, top)
	leaveStack(top)
	return r, true
}
