//go:build !amd64

package opus

// direct is for processors whose calls are written.
func direct(uintptr, *[6]uintptr) (uintptr, bool) { return 0, false }
