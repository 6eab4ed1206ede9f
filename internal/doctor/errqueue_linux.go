//go:build linux

package doctor

import (
	"strings"
	"syscall"
)

// reportErrors has the kernel tell a socket of ICMP errors although it is not connected, so that a closed port is known from silence
// (ip(7), IP_RECVERR). Without it silence is reported, so a refusal is ignored.
func reportErrors(network, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		if strings.HasSuffix(network, "6") {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR, 1)
		} else {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_RECVERR, 1)
		}
	})
}
