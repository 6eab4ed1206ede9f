package relay

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/steer"
)

const (
	outletBatch  = 64      // packets a system call
	outletBuffer = 8 << 20 // octets; the usual 208 KiB are some 270 packets for all streams of a worker
	outletWait   = 1       // ms for a full buffer, once a batch

	ipv4Header, ipv6Header, udpHeader = 20, 40, 8

	outletHops = 64 // as in the kernel tier
	// headroom is what may be in front of a UDP header in a slot.
	headroom = steer.OrderSize + ipv6Header
)

// outlet is a raw socket by which a worker sends what leaves through its steered ports of one family, and one for what leaves by the exit. During a turn
// of the worker packets are collected; who sends out of turn sends at once.
type outlet struct {
	fd     int32
	family int
	tos    uint8
	exit   *exit // nil: there is none
	out    int32 // its socket

	mu     sync.Mutex
	open   bool // a turn is under way
	n      int
	failed []failure

	msgs    [outletBatch]mmsghdr
	iovs    [outletBatch]unix.Iovec
	to      [outletBatch]sockaddr
	source  [outletBatch]source
	slots   [outletBatch][headroom + udpHeader + maxDatagram + maxOverhead]byte
	leaves  [outletBatch]bool // by the exit
	pending [outletBatch]failure
}

// failure is a packet that was counted as sent and could not be, after all.
type failure struct {
	port  *port
	as    counted
	size  int // as it was counted
	errno unix.Errno
}

// counted says which counters a packet is in.
type counted uint8

const (
	uncounted counted = iota // or sent out of turn
	relayedRTP
	relayedRTCP
	coded // anew: what it was made of has been counted
	played
)

func relayed(k kind) counted {
	if k == rtcp {
		return relayedRTCP
	}
	return relayedRTP
}

// source is the control message that chooses our address, IP_PKTINFO or IPV6_PKTINFO, as routes may depend on it.
type source struct {
	hdr  unix.Cmsghdr
	info [24]byte
}

// newOutlet opens the socket: the kernel makes the IP header, fragments where it must, and leaves the UDP header to us. The socket would get a copy
// of every UDP datagram of this host, so it is bound to an address that nobody should have (RFC 5737, RFC 3849), and takes nothing.
func newOutlet(f, dscp int) (*outlet, error) {
	domain, level, freebind, hops := unix.AF_INET, unix.IPPROTO_IP, unix.IP_FREEBIND, unix.IP_TTL
	nobody := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	if f == inet6 {
		domain, level, freebind, hops = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, unix.IPV6_UNICAST_HOPS
		nobody = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1})
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	o := &outlet{fd: int32(fd), family: f, out: -1, tos: uint8(max(0, dscp) << 2)}
	if err = unix.SetsockoptInt(fd, level, freebind, 1); err == nil {
		if errno := (socket{fd: o.fd}).bindTo(nobody, 0); errno != 0 {
			err = errno
		}
	}
	if err == nil {
		nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, outletBuffer)
	}
	if err == nil && dscp > 0 {
		err = socket{fd: o.fd}.class(f == inet6, dscp)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, level, hops, outletHops)
	}
	if err == nil && f == inet6 { // as in the kernel tier
		err = unix.SetsockoptInt(fd, level, unix.IPV6_AUTOFLOWLABEL, 0)
	}
	if err != nil {
		o.close()
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	for i := range o.msgs {
		h := &o.msgs[i].hdr
		h.Iov = &o.iovs[i]
		h.SetIovlen(1)
		c := &o.source[i].hdr
		if f == inet {
			c.Level, c.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
			c.SetLen(unix.SizeofCmsghdr + unix.SizeofInet4Pktinfo)
		} else {
			c.Level, c.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
			c.SetLen(unix.SizeofCmsghdr + unix.SizeofInet6Pktinfo)
		}
	}
	return o, nil
}

func (o *outlet) close() {
	if o != nil {
		socket{fd: o.fd}.close()
		socket{fd: o.out}.close()
	}
}

// send takes a packet, or sends it. What is only taken is taken back by failed, if it comes to that.
func (o *outlet) send(from *port, b []byte, to *sockaddr) unix.Errno {
	if len(b) > len(o.slots[0])-headroom-udpHeader {
		return unix.EMSGSIZE
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n == outletBatch {
		o.transmit()
	}
	i := o.n
	o.fill(i, from.local(), b, to)
	if way := o.wayOf(from, len(b), to); way != nil {
		o.byExit(i, way)
	} else {
		o.byRaw(i)
	}
	o.pending[i] = failure{port: from}
	o.n++
	if o.open {
		return 0
	}
	failed := len(o.failed)
	errno := o.transmit()
	clear(o.failed[failed:])
	o.failed = o.failed[:failed] // the caller knows
	return errno
}

// fill writes packet i: UDP header (RFC 768), payload.
func (o *outlet) fill(i int, local netip.AddrPort, payload []byte, to *sockaddr) {
	o.to[i] = *to
	clear(o.to[i].raw[2:4]) // the port is in the packet; here it would be a protocol, raw(7)
	u := o.slots[i][headroom:][:udpHeader+len(payload)]
	binary.BigEndian.PutUint16(u, local.Port())
	copy(u[2:4], to.raw[2:4])
	binary.BigEndian.PutUint32(u[4:], uint32(len(u))<<16)
	copy(u[udpHeader:], payload)
	var ends [32]byte
	info, n := o.source[i].info[:], 8
	if o.family == inet {
		src := local.Addr().Unmap().As4()
		copy(info[4:], src[:]) // ipi_spec_dst
		copy(ends[:], src[:])
		copy(ends[4:], to.raw[4:8])
	} else {
		src := local.Addr().As16()
		copy(info, src[:])
		copy(ends[:], src[:])
		copy(ends[16:], to.raw[8:24])
		n = 32
	}
	binary.BigEndian.PutUint16(u[6:], udpChecksum(ends[:n], u))
}

// udpLength of packet i, which is in it.
func (o *outlet) udpLength(i int) int { return int(binary.BigEndian.Uint16(o.slots[i][headroom+4:])) }

// byRaw makes packet i leave by the raw socket.
func (o *outlet) byRaw(i int) {
	o.leaves[i] = false
	o.iovs[i].Base = &o.slots[i][headroom]
	o.iovs[i].SetLen(o.udpLength(i))
	h, c := &o.msgs[i].hdr, &o.source[i]
	h.Name, h.Namelen = &o.to[i].raw[0], o.to[i].size
	h.Control = (*byte)(unsafe.Pointer(c))
	h.SetControllen((int(c.hdr.Len) + 7) &^ 7)
}

// udpChecksum is that of RFC 768 and RFC 8200 §8.1 over a datagram with a checksum of zero, between two addresses.
func udpChecksum(addresses, datagram []byte) uint16 {
	var pseudo [8]byte
	binary.BigEndian.PutUint32(pseudo[:], uint32(len(datagram)))
	pseudo[7] = unix.IPPROTO_UDP
	sum := folded(onesSum(onesSum(onesSum(0, addresses), pseudo[:]), datagram))
	if sum != 0xffff {
		sum = ^sum
	}
	return sum
}

// folded is a sum in ones' complement of 16 bits.
func folded(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// onesSum adds the words of b, padded with zeros, to a sum in ones' complement (RFC 1071).
func onesSum(sum uint64, b []byte) uint64 {
	var carry uint64
	for ; len(b) >= 8; b = b[8:] {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), 0)
		sum += carry
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(last[:]), 0)
		sum += carry
	}
	return sum
}

// transmit sends what is collected, and returns the last error. What was not sent is in failed.
func (o *outlet) transmit() (errno unix.Errno) {
	waited := false
	for i := 0; i < o.n; {
		fd, run := o.next(i)
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&o.msgs[i])), uintptr(run),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case e == 0:
			i += int(n)
			continue
		case e == unix.EINTR:
			continue
		case e == unix.EAGAIN && !waited:
			waited = true
			wait(fd)
			continue
		case e != unix.EAGAIN && o.leaves[i]: // the loopback device is down, for example
			o.byRaw(i)
			continue
		}
		errno = e
		o.pending[i].errno = e
		o.failed = append(o.failed, o.pending[i])
		i++
	}
	clear(o.pending[:o.n]) // or calls that are over would stay in memory until others have taken their place
	o.n = 0
	return errno
}

// next is the socket by which packet i leaves, and how many from there on do.
func (o *outlet) next(i int) (fd int32, run int) {
	for run = 1; i+run < o.n && o.leaves[i+run] == o.leaves[i]; run++ {
	}
	if o.leaves[i] {
		return o.out, run
	}
	return o.fd, run
}

// wait gives a full buffer a moment to drain.
func wait(fd int32) {
	fds := [1]unix.PollFd{{Fd: fd, Events: unix.POLLOUT}}
	limit := unix.NsecToTimespec(outletWait * 1e6)
	unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
}

// collect begins a turn, in which packets are collected.
func (w *worker) collect() {
	w.mailbag.begin()
	for _, o := range w.outlets {
		if o != nil {
			o.mu.Lock()
			o.open = true
			o.mu.Unlock()
		}
	}
}

// dispatch sends what was collected, and makes the counters true for what could not be sent.
func (w *worker) dispatch() {
	w.post()
	for _, o := range w.outlets {
		if o == nil {
			continue
		}
		o.mu.Lock()
		if o.n > 0 {
			o.transmit()
		}
		o.open = false
		w.failures = append(w.failures, o.failed...)
		clear(o.failed)
		o.failed = o.failed[:0]
		o.mu.Unlock()
	}
	for _, f := range w.failures {
		w.takeBack(f)
	}
	clear(w.failures)
	w.failures = w.failures[:0]
}

// noted says how a packet is counted that was just sent through a port.
func (w *worker) noted(out *port, as counted, size int) {
	switch {
	case out.socket.worker == nil:
		return
	case out.stream.carrier != carrier(w.steered):
		out.socket.worker.mailbag.noted(out, as, size)
		return
	}
	o := out.socket.worker.outlets[family(out.local().Addr())]
	o.mu.Lock()
	if o.n > 0 && o.pending[o.n-1].port == out {
		o.pending[o.n-1].as, o.pending[o.n-1].size = as, size
	}
	o.mu.Unlock()
}

// takeBack counts a packet as not sent.
func (w *worker) takeBack(f failure) {
	st := f.port.stream
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	w.batch.sendErrors++
	c := &st.side[1-f.port.side].count
	switch f.as {
	case played:
		st.session.player.played[f.port.side]--
		w.batch.played--
		return
	case uncounted:
		return
	case coded:
	case relayedRTCP:
		c.rtcp--
		w.batch.rtcp--
	case relayedRTP:
		c.packets--
		c.bytes -= uint64(f.size)
		w.batch.packets--
		w.batch.bytes -= uint64(f.size)
	}
	c.sendErrors++
	c.sendError = f.errno
}
