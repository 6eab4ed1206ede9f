//go:build linux

package transport

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/sip"
)

const (
	// mostErrors is how much of what ICMP said is taken in a row; the next system call tells when there is more.
	mostErrors = 64
	// mostQuoted is what of a datagram is looked at.
	mostQuoted = 1280
)

// foretold are the errors that the kernel gives to the next system call of a socket, whatever that sends or reads and wherever to, after ICMP has told of a datagram before.
var foretold = [...]syscall.Errno{unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.EACCES, unix.EPROTO, unix.EOPNOTSUPP,
	unix.EMSGSIZE, unix.ENONET}

// mostForetold is how often a message is tried again because of them: that often it is an error of its own.
const mostForetold = 4

// askErrors has the kernel keep what ICMP says of what the socket has sent (ip(7), IP_RECVERR): a socket without a peer of its own learns nothing else. A refusal is
// no harm: timers tell the same, later.
func askErrors(fd int, is4 bool) {
	if is4 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	}
}

// hearErrors reports what ICMP said, and tells whether there was anything. The reader and who sends may both call it at once.
func (s *udpSocket) hearErrors(fd uintptr) bool {
	var (
		data    [mostQuoted]byte
		control [512]byte
		name    unix.RawSockaddrInet6
	)
	for i := range mostErrors {
		iov := unix.Iovec{Base: &data[0]}
		iov.SetLen(len(data))
		h := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&name)), Namelen: unix.SizeofSockaddrInet6, Iov: &iov, Control: &control[0]}
		h.SetIovlen(1)
		h.SetControllen(len(control))
		n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&h)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errno != 0 {
			return i > 0
		}
		err, ok := icmpError(control[:h.Controllen])
		remote, known := source(&name)
		if !ok || !known {
			continue
		}
		s.counters.unreachable.Add(1)
		if callID, branch, ok := cited(data[:n]); ok {
			s.t.fails.add(Send{CallID: callID, Branch: branch, Hop: sip.Hop{Transport: sip.UDP, Local: s.local, Remote: remote}}, err)
		}
	}
	return true
}

// icmpError reads struct sock_extended_err. False: it is not of the kind that RFC 3261 §18.4 counts as a failure. That a packet was too long or on its way for too
// long is none: the next may arrive.
func icmpError(control []byte) (*ICMPError, bool) {
	const extended = 16 // octets of struct sock_extended_err; the address of who complains is behind it
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, false
	}
	for _, m := range list {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(m.Data) < extended {
			continue
		}
		e := &ICMPError{Errno: syscall.Errno(binary.NativeEndian.Uint32(m.Data))}
		switch origin, kind, code := m.Data[4], m.Data[5], m.Data[6]; {
		case origin == unix.SO_EE_ORIGIN_ICMP && (kind == 3 && code != 4 || kind == 12): // destination unreachable but for fragmentation needed, parameter problem (RFC 792)
		case origin == unix.SO_EE_ORIGIN_ICMP6 && (kind == 1 || kind == 4): // the same of RFC 4443 §3
		default:
			return nil, false
		}
		if by := m.Data[extended:]; v4 && len(by) >= unix.SizeofSockaddrInet4 {
			e.From = netip.AddrFrom4([4]byte(by[4:8]))
		} else if v6 && len(by) >= unix.SizeofSockaddrInet6 {
			e.From = netip.AddrFrom16([16]byte(by[8:24]))
		}
		return e, true
	}
	return nil, false
}

// cited finds who sent what ICMP quotes: 576 octets with its own head for IPv4, if the host is no miser (RFC 1812 §4.3.2.3), 1280 for IPv6 (RFC 4443 §2.4). Only requests
// count: a response that did not arrive is asked for again by who waits for it. It looks at our own hand only, Via and Call-ID at the head of the message; an enemy who
// does not see our messages cannot know a branch.
func cited(datagram []byte) (callID, branch string, ok bool) {
	if bytes.HasPrefix(datagram, []byte("SIP/")) {
		return "", "", false
	}
	via, ok := field(datagram, "\r\nVia: ")
	if !ok {
		return "", "", false
	}
	_, b, ok := bytes.Cut(via, []byte(";branch="))
	id, whole := field(datagram, "\r\nCall-ID: ")
	if !ok || !whole {
		return "", "", false
	}
	if i := bytes.IndexAny(b, ";, \t"); i >= 0 {
		b = b[:i]
	}
	return string(id), string(b), len(b) > 0 && len(id) > 0
}

// field is the first header that begins so, if its end is there.
func field(datagram []byte, name string) ([]byte, bool) {
	_, rest, ok := bytes.Cut(datagram, []byte(name))
	if !ok {
		return nil, false
	}
	value, _, ok := bytes.Cut(rest, []byte("\r\n"))
	return value, ok
}
