package transport

import (
	"net/netip"
	"syscall"
)

// ICMPError is given to Handler.Failed for a datagram of which ICMP says that nobody got it (RFC 3261 §18.4). Unlike other errors it may be of a host that is back in a
// moment, and of one copy among several: whoever has nothing better to do goes on repeating the request.
type ICMPError struct {
	Errno syscall.Errno // as the kernel translates the message (icmp(7))
	From  netip.Addr    // who says so: the host itself or a router
}

func (e *ICMPError) Error() string {
	if e.Errno == syscall.ECONNREFUSED {
		return "nobody listens there (ICMP port unreachable from " + e.From.String() + ")"
	}
	return e.Errno.Error() + " (ICMP from " + e.From.String() + ")"
}
