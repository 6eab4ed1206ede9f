//go:build linux

package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	rxBatchSize = 32
	txBatchSize = sendChunk
)

// rxBatch is what one recvmmsg fills. Everything is allocated once, so that a datagram costs no allocation; pages of
// buf that no long datagram has touched cost no memory either.
type rxBatch struct {
	msgs  [rxBatchSize]unix.Mmsghdr
	iovs  [rxBatchSize]unix.Iovec
	names [rxBatchSize]unix.RawSockaddrInet6 // room for both families
	buf   []byte
	n     int
	errno syscall.Errno
	call  func(fd uintptr) bool // recvmmsg as RawConn.Read wants it, made once
	woken bool                  // nothing was there, and the poller was asked to wait
}

// txBatch is what sendmmsg gets: messages first to n.
type txBatch struct {
	msgs     [txBatchSize]unix.Mmsghdr
	iovs     [txBatchSize]unix.Iovec
	names    [txBatchSize]unix.RawSockaddrInet6
	sends    [txBatchSize]Send // keeps the data alive and names the message that fails
	first, n int
	done     int // messages that the last system call took
	foretold int // errors in a row that may have been those of other messages
	errno    syscall.Errno
	try      func(fd uintptr)      // for RawConn.Control
	wait     func(fd uintptr) bool // for RawConn.Write: false waits until there is room
	// sendmmsg is the system call, replaced by tests to refuse.
	sendmmsg func(fd uintptr, msgs []unix.Mmsghdr) (int, syscall.Errno)
}

func (s *udpSocket) prepare(buffer int) error {
	r, x := &s.rx, &s.tx
	r.buf = make([]byte, rxBatchSize*maxDatagram)
	for i := range r.msgs {
		r.iovs[i].Base = &r.buf[i*maxDatagram]
		r.iovs[i].SetLen(maxDatagram)
		h := &r.msgs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Namelen = unix.SizeofSockaddrInet6
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
	}
	for i := range x.msgs {
		h := &x.msgs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&x.names[i]))
		h.Iov = &x.iovs[i]
		h.SetIovlen(1)
	}
	r.call = s.recv
	x.sendmmsg = sendmmsg
	x.try = func(fd uintptr) { x.send(fd) }
	x.wait = func(fd uintptr) bool {
		x.send(fd)
		return x.errno != unix.EAGAIN
	}
	return s.raw.Control(func(fd uintptr) {
		setBuffer(int(fd), unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, buffer)
		setBuffer(int(fd), unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, buffer)
		askErrors(int(fd), s.local.Addr().Is4())
	})
}

// setBuffer asks for a buffer beyond the system's limit, which needs CAP_NET_ADMIN, or else up to that.
func setBuffer(fd, force, plain, size int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size) // the kernel cuts it to what is allowed
	}
}

// readBatch waits for datagrams and returns how many are in rx; none when there was only news of ICMP.
func (s *udpSocket) readBatch() (int, error) {
	s.rx.woken = false
	switch err := s.raw.Read(s.rx.call); {
	case errors.Is(err, net.ErrClosed):
		return 0, net.ErrClosed
	case err != nil: // the poller has nothing but an error to tell, while the send buffer is full, and wants to be asked again
		_ = s.raw.Control(func(fd uintptr) { s.hearErrors(fd) })
		return 0, err
	case s.rx.errno == 0:
		return s.rx.n, nil
	}
	return 0, s.rx.errno
}

// recv does not wait, and so needs no scheduler round it: a call of which the runtime knows wakes its monitor thread each time that
// the process was idle, 2000 times a second for nothing. The same holds for sendmmsg.
func (s *udpSocket) recv(fd uintptr) bool {
	r := &s.rx
	for i := range r.n { // where the last ones have written how long theirs are
		r.msgs[i].Hdr.Namelen = unix.SizeofSockaddrInet6
	}
	r.n = 0
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0])), rxBatchSize,
			unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == 0:
			r.n = int(n)
		case errno != unix.EAGAIN || r.woken: // woken for nothing: who sends has met the error first
			if s.hearErrors(fd) {
				errno = 0
			}
		default:
			r.woken = true
		}
		r.errno = errno
		return errno != unix.EAGAIN
	}
}

// data is datagram i; whole is false when it was cut.
func (r *rxBatch) data(i int) (data []byte, whole bool) {
	m := &r.msgs[i]
	return r.buf[i*maxDatagram:][:m.Len:m.Len], m.Hdr.Flags&unix.MSG_TRUNC == 0
}

// emptied tells whether the socket had no more than the datagrams in r.
func (r *rxBatch) emptied() bool { return r.n < rxBatchSize }

// from is the source of datagram i.
func (r *rxBatch) from(i int) (netip.AddrPort, bool) { return source(&r.names[i]) }

// source reads what the kernel has written; false: it has no port.
func source(a *unix.RawSockaddrInet6) (netip.AddrPort, bool) {
	port := networkOrder(a.Port)
	switch a.Family {
	case unix.AF_INET:
		a4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(a4.Addr), port), port != 0
	case unix.AF_INET6:
		ip := netip.AddrFrom16(a.Addr)
		if a.Scope_id != 0 && ip.IsLinkLocalUnicast() {
			ip = ip.WithZone(strconv.FormatUint(uint64(a.Scope_id), 10))
		}
		return netip.AddrPortFrom(ip, port), port != 0
	}
	return netip.AddrPort{}, false
}

// networkOrder turns a port into or out of network byte order.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

func (x *txBatch) len() int   { return x.n - x.first }
func (x *txBatch) full() bool { return x.n == txBatchSize }

// add appends m for a socket of the family.
func (x *txBatch) add(m *Send, is4 bool) error {
	to := m.Hop.Remote.Addr().Unmap()
	i := x.n
	switch {
	case !to.IsValid() || to.Is4() != is4 || len(m.Data) == 0:
		return ErrFamily
	case is4:
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&x.names[i])) = unix.RawSockaddrInet4{
			Family: unix.AF_INET, Port: networkOrder(m.Hop.Remote.Port()), Addr: to.As4(),
		}
		x.msgs[i].Hdr.Namelen = unix.SizeofSockaddrInet4
	default:
		x.names[i] = unix.RawSockaddrInet6{
			Family: unix.AF_INET6, Port: networkOrder(m.Hop.Remote.Port()), Addr: to.As16(), Scope_id: scope(to),
		}
		x.msgs[i].Hdr.Namelen = unix.SizeofSockaddrInet6
	}
	x.iovs[i].Base = &m.Data[0]
	x.iovs[i].SetLen(len(m.Data))
	x.sends[i] = *m
	x.n++
	return nil
}

// scope is the interface index of a link-local address with a zone, else 0.
func scope(a netip.Addr) uint32 {
	zone := a.Zone()
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if ifc, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifc.Index)
	}
	return 0
}

// drop takes the first message out.
func (x *txBatch) drop() Send {
	m := x.sends[x.first]
	x.first++
	return m
}

// reset empties the batch and lets go of the data.
func (x *txBatch) reset() {
	for i := range x.n {
		x.iovs[i].Base = nil
		x.sends[i] = Send{}
	}
	x.first, x.n = 0, 0
}

// writeBatch makes one system call; with wait it first waits for room.
func (s *udpSocket) writeBatch(wait bool) (n, bytes int, err error) {
	x := &s.tx
	x.done = 0
	if wait {
		err = s.raw.Write(x.wait)
	} else {
		err = s.raw.Control(x.try)
	}
	if err != nil {
		return 0, 0, net.ErrClosed
	}
	for range x.done {
		bytes += len(x.sends[x.first].Data)
		x.first++
	}
	if x.done > 0 {
		x.foretold = 0
		if x.errno == 0 && x.first < x.n { // sendmmsg keeps to itself why it stopped
			_ = s.raw.Control(func(fd uintptr) { s.hearErrors(fd) })
		}
	}
	if x.errno != 0 {
		return x.done, bytes, x.errno
	}
	return x.done, bytes, nil
}

// overheard tells whether the error of writeBatch may be what ICMP said of an earlier message: then the first that waits is none the worse for it.
func (s *udpSocket) overheard(err error) bool {
	x := &s.tx
	if errno, ok := err.(syscall.Errno); !ok || !slices.Contains(foretold[:], errno) || x.foretold >= mostForetold {
		x.foretold = 0
		return false
	}
	x.foretold++
	_ = s.raw.Control(func(fd uintptr) { s.hearErrors(fd) })
	return true
}

func (x *txBatch) send(fd uintptr) {
	for {
		x.done, x.errno = x.sendmmsg(fd, x.msgs[x.first:x.n])
		if x.errno != unix.EINTR {
			return
		}
	}
}

func sendmmsg(fd uintptr, msgs []unix.Mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&msgs[0])), uintptr(len(msgs)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// kernelDrops asks the kernel how many datagrams found the receive buffer full.
func (s *udpSocket) kernelDrops() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	var errno syscall.Errno
	err := s.raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || errno != 0 {
		return 0
	}
	return uint64(info[drops])
}
