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

// segment is the longest piece of a stream, both ways, as each side tells the other what it takes (RFC 9293 §3.7.1): what fits into the packets that IPv6 carries everywhere (RFC 8200
// §5). A tunnel on the way carries less than the cards at its ends, and where a firewall swallows what ICMP says of that, longer pieces are lost for ever: the connection is there, and a
// certificate or an INVITE never arrives. A message is two of them, as it was.
const segment = 1280 - 40 - 20

// socketOptions sets what each socket gets before it is bound. None of it is needed to work, so refusals are ignored.
func socketOptions(dscp uint8, dialled bool) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			if dscp != 0 && strings.HasSuffix(network, "6") {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(dscp)<<2)
			} else if dscp != 0 {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, int(dscp)<<2)
			}
			if network == "udp4" { // routers may cut what is too long for a link: nobody else knows of it who would send it again in pieces
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
			}
			if strings.HasPrefix(network, "tcp") {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, segment)
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
			}
			if dialled { // the port is chosen when the peer is known, so that one port serves many peers
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			}
		})
	}
}
