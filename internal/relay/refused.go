package relay

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostErrors is how many ICMP errors are taken from a socket at a time; the ready list has the socket again when there are more.
const mostErrors = 16

// askErrors makes the kernel keep what ICMP says of the packets that a socket has sent (ip(7), IP_RECVERR): without it a socket that has many peers is told
// nothing, and a closed port looks like a silent peer.
func (s socket) askErrors(v6 bool) error {
	if v6 {
		return unix.SetsockoptInt(int(s.fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	}
	return unix.SetsockoptInt(int(s.fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
}

// refusal reads one error that waits; 0: none does. A socket whose errors are not read stays in the ready list.
func (s socket) refusal() unix.Errno {
	var control [128]byte
	h := unix.Msghdr{Control: &control[0]}
	h.SetControllen(len(control))
	_, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&h)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0
	}
	const header = unix.SizeofCmsghdr // struct sock_extended_err is behind it, with the errno first
	if h.Controllen < header+4 {
		return unix.EIO
	}
	return unix.Errno(binary.NativeEndian.Uint32(control[header:]))
}

// refused takes what ICMP says of what was sent from a socket of a port. The session is locked.
func (p *port) refused(from socket, now int64) {
	sd := &p.stream.side[p.side]
	for range mostErrors {
		errno := from.refusal()
		if errno == 0 {
			return
		}
		if !p.isRTCP { // many peers have no port for RTCP
			sd.refuse(errno, now)
		}
	}
}

// forgetErrors throws away what waits: it is of a session that is closed.
func (s socket) forgetErrors() {
	for range mostErrors {
		if s.refusal() == 0 {
			return
		}
	}
}
