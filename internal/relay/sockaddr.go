package relay

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sockaddr is a socket address as the kernel reads and writes it: struct sockaddr_in or sockaddr_in6. Octets past
// size are zero, so that == compares addresses. The IPv6 scope is part of it, which makes link-local sources work.
type sockaddr struct {
	raw  [unix.SizeofSockaddrInet6]byte
	size uint32 // 0: no address
}

// sockaddrOf converts a; the zero sockaddr stands for an address to which nothing can be sent.
func sockaddrOf(a netip.AddrPort) (s sockaddr) {
	ip := a.Addr().Unmap()
	if !ip.IsValid() || ip.IsUnspecified() || a.Port() == 0 {
		return s
	}
	return rawSockaddr(ip, a.Port())
}

// hostOf is the sockaddr of a host, for sameHost.
func hostOf(ip netip.Addr) (s sockaddr) {
	if ip = ip.Unmap(); !ip.IsValid() || ip.IsUnspecified() {
		return s
	}
	return rawSockaddr(ip, 0)
}

func rawSockaddr(ip netip.Addr, port uint16) (s sockaddr) {
	binary.BigEndian.PutUint16(s.raw[2:], port)
	if ip.Is4() {
		b := ip.As4()
		binary.NativeEndian.PutUint16(s.raw[0:], unix.AF_INET)
		copy(s.raw[4:], b[:])
		s.size = unix.SizeofSockaddrInet4
		return s
	}
	b := ip.As16()
	binary.NativeEndian.PutUint16(s.raw[0:], unix.AF_INET6)
	copy(s.raw[8:], b[:])
	s.size = unix.SizeofSockaddrInet6
	return s
}

// tidy makes what the kernel wrote comparable: an IPv4 address leaves octets of an earlier IPv6 one behind it.
func (s *sockaddr) tidy() {
	if s.size == unix.SizeofSockaddrInet4 {
		clear(s.raw[unix.SizeofSockaddrInet4:])
	} else {
		clear(s.raw[4:8]) // flow label
	}
}

func (s *sockaddr) v4() bool { return s.size == unix.SizeofSockaddrInet4 }

// place is one of n for each address, spread evenly (FNV-1a).
func (s *sockaddr) place(n int) int {
	h := uint32(2166136261)
	for _, b := range s.raw[:s.size] {
		h = (h ^ uint32(b)) * 16777619
	}
	return int(h>>16) % n
}

func (s *sockaddr) port() uint16 { return binary.BigEndian.Uint16(s.raw[2:]) }

// sameHost compares the IP addresses.
func (s *sockaddr) sameHost(o *sockaddr) bool {
	if s.size != o.size || s.size == 0 {
		return false
	}
	if s.v4() {
		return [4]byte(s.raw[4:8]) == [4]byte(o.raw[4:8])
	}
	return [20]byte(s.raw[8:28]) == [20]byte(o.raw[8:28])
}

// addrPort converts for people and counters. The scope of a link-local address is left out.
func (s *sockaddr) addrPort() netip.AddrPort {
	switch {
	case s.size == 0:
		return netip.AddrPort{}
	case s.v4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s.raw[4:8])), s.port())
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s.raw[8:24])), s.port())
}
