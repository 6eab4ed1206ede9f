package relay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	isComplaints = -4   // marks the ICMP sockets in the ready list; the descriptor is the family
	icmpHeader   = 8    // RFC 792, RFC 4443
	complaint    = 1280 // octets that are read of one; they are far less
)

// Types and codes of RFC 792 and RFC 4443.
const (
	unreachable, timeExceeded   = 3, 11
	unreachable6, timeExceeded6 = 1, 3
)

// The kernel's errors for the codes of unreachable; for others, and for what has travelled too far, it is EHOSTUNREACH.
var (
	refusals = map[byte]unix.Errno{0: unix.ENETUNREACH, 2: unix.ENOPROTOOPT, 3: unix.ECONNREFUSED, 5: unix.EOPNOTSUPP, 6: unix.ENETUNREACH, 7: unix.EHOSTDOWN,
		8: unix.ENONET, 9: unix.ENETUNREACH, 11: unix.ENETUNREACH}
	refusals6 = map[byte]unix.Errno{0: unix.ENETUNREACH, 1: unix.EACCES, 4: unix.ECONNREFUSED, 5: unix.EACCES, 6: unix.EACCES}
)

// openComplaints opens a socket for what ICMP says of the packets that have left by raw sockets: with a socket per port the kernel finds the
// socket, and here the port is found by what ICMP cites.
func openComplaints(f int) (int32, error) {
	domain, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if f == inet6 {
		domain, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, fmt.Errorf("ICMP socket: %w", err)
	}
	if f == inet { // bits of types that are not wanted
		const icmpFilter = 1
		err = unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, ^(1<<unreachable | 1<<timeExceeded))
	} else {
		filter := unix.ICMPv6Filter{}
		for i := range filter.Data {
			filter.Data[i] = ^uint32(0)
		}
		filter.Data[0] = ^uint32(1<<unreachable6 | 1<<timeExceeded6)
		err = unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("ICMP filter: %w", err)
	}
	return int32(fd), nil
}

// complaints takes what waits of one family, a bounded number: the ready list has the socket again when there are more.
func (w *worker) complaints(f int, now int64) {
	var b [complaint]byte
	for range mostErrors {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(w.icmp[f]), uintptr(unsafe.Pointer(&b)), complaint, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return
		}
		local, errno := cited(f, b[:n])
		if errno == 0 {
			continue
		}
		p, place := w.steered.find(local.Addr(), local.Port())
		if p == nil || p.stream == nil || p.isRTCP { // many peers have no port for RTCP
			continue
		}
		mu := &p.stream.session.mu
		mu.Lock()
		if p.socket.fd == place {
			p.stream.side[p.side].refuse(errno, now)
		}
		mu.Unlock()
	}
}

// cited is the source of the UDP datagram that an ICMP message complains of, and the error that stands for it; 0: it is none.
func cited(f int, b []byte) (local netip.AddrPort, errno unix.Errno) {
	if f == inet {
		if b = behindIPv4(b, unix.IPPROTO_ICMP); len(b) < icmpHeader+ipv4Header {
			return local, 0
		}
		inner := b[icmpHeader:]
		u := behindIPv4(inner, unix.IPPROTO_UDP)
		if len(u) < udpHeader {
			return local, 0
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(inner[12:16])), binary.BigEndian.Uint16(u)), refusalOf(b, unreachable, timeExceeded, refusals)
	}
	if len(b) < icmpHeader+ipv6Header+udpHeader {
		return local, 0
	}
	inner := b[icmpHeader:]
	if inner[0]>>4 != 6 || inner[6] != unix.IPPROTO_UDP { // what we send has no extension headers
		return local, 0
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(inner[8:24])), binary.BigEndian.Uint16(inner[ipv6Header:])),
		refusalOf(b, unreachable6, timeExceeded6, refusals6)
}

// behindIPv4 is what an IPv4 packet of a protocol carries; nil: it is none, or a later fragment.
func behindIPv4(b []byte, protocol byte) []byte {
	if len(b) < ipv4Header || b[0]>>4 != 4 || b[9] != protocol || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return nil
	}
	head := 4 * int(b[0]&0x0f)
	if head < ipv4Header || head > len(b) {
		return nil
	}
	return b[head:]
}

func refusalOf(b []byte, unreachable, exceeded byte, codes map[byte]unix.Errno) unix.Errno {
	const tooLong = 4 // of IPv4: it would have to be cut, which the kernel learns by itself
	switch b[0] {
	case unreachable:
		if unreachable == 3 && b[1] == tooLong {
			return 0
		}
		if errno, ok := codes[b[1]]; ok {
			return errno
		}
		return unix.EHOSTUNREACH
	case exceeded:
		return unix.EHOSTUNREACH
	}
	return 0
}
