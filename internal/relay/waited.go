package relay

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waited is how long the last datagram that was read from a socket had lain in the system by now. The kernel notes the time of what comes to a socket from the first
// question on (socket(7), SIOCGSTAMP), so that nobody pays for it whose packets are in time; until then it is 0.
func waited(fd int32) time.Duration {
	var at unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGSTAMPNS, uintptr(unsafe.Pointer(&at))); errno != 0 {
		return 0
	}
	return time.Since(time.Unix(at.Unix()))
}
