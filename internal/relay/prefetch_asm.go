//go:build amd64 || arm64

package relay

import "unsafe"

// prefetch asks the processor for the memory at an address, and does not wait for it. It is a hint: nothing is read, whatever is there.
//
//go:noescape
func prefetch(at unsafe.Pointer, size uintptr)
