//go:build linux

package transport

import (
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledged is how long the kernel repeats data that a peer does not acknowledge, before it gives the
// connection up. The default is a quarter of an hour, in which calls would be sent into a hole.
const unacknowledged = 20 * time.Second

// socketOptions sets what each socket gets before it is bound. None of it is needed to work, so refusals are ignored.
func socketOptions(dscp uint8, dialled bool) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			if dscp != 0 && strings.HasSuffix(network, "6") {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(dscp)<<2)
			} else if dscp != 0 {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, int(dscp)<<2)
			}
			if strings.HasPrefix(network, "tcp") {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
			}
			if dialled { // the port is chosen when the peer is known, so that one port serves many peers
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			}
		})
	}
}
