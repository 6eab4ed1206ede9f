package relay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/quality"
)

const (
	isInlet = -3 // marks a worker's steered socket in the ready list; the descriptor is its family

	inletBatch = 64 // datagrams a system call
	inletCalls = 4  // system calls a turn: then the others in the ready list have theirs
	// inletStagger is between places for datagrams, in octets: beginnings a page apart would all compete for the same few lines of the processor's nearest memory.
	inletStagger = 5 * 64
	inletBuffer  = 8 << 20 // octets; what a socket per port has for one stream, this one has for all of a worker

	// inletMost is more datagrams than wait in one, read ones included: the kernel doubles the buffer (socket(7)), and each takes at least 576
	// octets of it.
	inletMost = 2*inletBuffer/576 + inletBatch
)

// inlet is the socket that the kernel steers a worker's datagrams of one family to, and room to take many with one call. It is the worker's
// own but for the three counters.
type inlet struct {
	fd      int32
	v6      bool
	steps   atomic.Uint64 // three for a reading: it begins, it is dealt with, it is over
	emptied atomic.Uint64 // what that is at the end of the last reading that has left nothing

	msgs    [inletBatch]mmsghdr
	iovs    [inletBatch]unix.Iovec
	from    [inletBatch]sockaddr
	control [inletBatch]dated
	data    [inletBatch][maxDatagram + inletStagger]byte
	found   [inletBatch]found

	asked bool // somebody wants to know how long datagrams have waited
	dates bool // the kernel says it with each
}

// found is whose a datagram is.
type found struct {
	port  *port // nil: nobody's, or nobody's any more
	place int32 // where it was looked for
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// origin is the control message that tells where a datagram was sent to: IP_ORIGDSTADDR or IPV6_ORIGDSTADDR with a socket address.
type origin struct {
	hdr unix.Cmsghdr
	to  [unix.SizeofSockaddrInet6 + 4]byte // to a multiple of 8
}

// dated is that behind the one that tells when the datagram came (SO_TIMESTAMPNS), which is there only where that is asked for.
type dated struct {
	hdr unix.Cmsghdr
	at  unix.Timespec
	origin
}

// newInlet opens the socket. It must be bound for the kernel to take it; to which address does not matter, as long as nobody else can reach it.
func newInlet(ip netip.Addr) (in *inlet, err error) {
	s, err := openUDP(ip)
	if err != nil {
		return nil, err
	}
	in = &inlet{fd: s.fd, v6: ip.Is6()}
	level, ask := unix.IPPROTO_IP, unix.IP_RECVORIGDSTADDR
	if in.v6 {
		level, ask = unix.IPPROTO_IPV6, unix.IPV6_RECVORIGDSTADDR
		err = unix.SetsockoptInt(int(s.fd), level, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.SetsockoptInt(int(s.fd), level, ask, 1)
	}
	if err == nil { // the loopback device of a container may be down
		err = unix.SetsockoptInt(int(s.fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
	}
	if err == nil {
		err = unix.SetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, inletBuffer)
	}
	if err == nil {
		if errno := s.bindTo(ip, 0); errno != 0 {
			err = errno
		}
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("socket to steer to: %w", err)
	}
	for i := range in.msgs {
		in.iovs[i].Base = &in.data[i][0]
		in.iovs[i].SetLen(maxDatagram)
		h := &in.msgs[i].hdr
		h.Iov = &in.iovs[i]
		h.SetIovlen(1)
		h.Name = &in.from[i].raw[0]
		h.Control = (*byte)(unsafe.Pointer(&in.control[i].origin))
	}
	in.reset(inletBatch)
	return in, nil
}

func (in *inlet) close() {
	if in != nil {
		socket{fd: in.fd}.close()
	}
}

// dropped is how many datagrams the kernel has dropped because the queue was full, as the socket knows it (SO_MEMINFO); 0: the kernel does not say.
func (in *inlet) dropped() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	if in == nil {
		return 0
	}
	if _, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(in.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0); errno != 0 || size != uint32(unsafe.Sizeof(info)) {
		return 0
	}
	return uint64(info[drops])
}

// reset makes the first n places ready for the next call.
func (in *inlet) reset(n int) {
	if in.asked && !in.dates && unix.SetsockoptInt(int(in.fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) == nil {
		in.dates, n = true, inletBatch
		for i := range in.msgs {
			in.msgs[i].hdr.Control = (*byte)(unsafe.Pointer(&in.control[i]))
		}
	}
	size := unsafe.Sizeof(origin{})
	if in.dates {
		size = unsafe.Sizeof(dated{})
	}
	for i := range n {
		in.msgs[i].hdr.Namelen = uint32(len(in.from[i].raw))
		in.msgs[i].hdr.SetControllen(int(size))
	}
}

// waited is how long datagram i had lain in the system by now. Nobody pays for it whose packets are in time: from the first question on the kernel notes
// when datagrams come; until then it is 0.
func (in *inlet) waited(i int) time.Duration {
	c := &in.control[i]
	if !in.dates || c.hdr.Level != unix.SOL_SOCKET || c.hdr.Type != unix.SO_TIMESTAMPNS {
		in.asked = true
		return 0
	}
	return time.Since(time.Unix(c.at.Unix()))
}

// receive takes what is there, without waiting. The lengths are the true ones, which may exceed maxDatagram: then it was cut.
func (in *inlet) receive() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(in.fd), uintptr(unsafe.Pointer(&in.msgs)), inletBatch,
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// destination is where datagram i was sent to.
func (in *inlet) destination(i int) (ip netip.Addr, port uint16, ok bool) {
	c := &in.control[i].origin
	size := int(c.hdr.Len) - unix.SizeofCmsghdr
	switch {
	case in.msgs[i].hdr.Controllen < unix.SizeofCmsghdr:
		return ip, 0, false
	case !in.v6 && c.hdr.Level == unix.IPPROTO_IP && c.hdr.Type == unix.IP_ORIGDSTADDR && size >= 8:
		ip = netip.AddrFrom4([4]byte(c.to[4:8]))
	case in.v6 && c.hdr.Level == unix.IPPROTO_IPV6 && c.hdr.Type == unix.IPV6_ORIGDSTADDR && size >= 24:
		ip = netip.AddrFrom16([16]byte(c.to[8:24]))
	default:
		return ip, 0, false
	}
	return ip, binary.BigEndian.Uint16(c.to[2:]), true
}

// backlog says when all is dealt with that waited at a time: when a reading is over at this step that has left nothing, or so many readings that those must be among
// what they took, for under too much load the queue is never empty. Zero: nothing waited.
type backlog uint64

// backlogMost is in how many steps all that can wait is taken by readings that leave something, as they have all that they can take.
const backlogMost = 3 * (inletMost/inletBatch + 1)

// Steps of a reading, modulo 3.
const (
	over = iota
	reading
	dealing
)

// backlogTries is how often somebody asks what waits. A reading takes a moment, unless its thread has to give way to another just then.
const backlogTries = 8

// backlog is that of now. It must not say that something waits where nothing does: the next datagram, whenever it comes, would be taken for it.
func (in *inlet) backlog() backlog { return in.ask(backlogTries) }

func (in *inlet) ask(tries int) backlog {
	for range tries {
		step := in.steps.Load()
		waiting := in.waiting()
		end := backlog(step/3*3 + 3) // of the reading that is under way or comes next
		switch {
		case in.steps.Load() != step, waiting && step%3 == reading: // which takes what waits, or has looked before
			runtime.Gosched()
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			continue
		case waiting && step%3 == dealing:
			return end + 3
		case waiting || step%3 != over:
			return end
		}
		return 0
	}
	return backlog(in.steps.Load()/3*3 + 6)
}

// waiting tells whether datagrams wait. A signal, of Go's own as a rule, ends the call only where nothing does (EINTR in poll(2)).
func (in *inlet) waiting() bool {
	fds := [1]unix.PollFd{{Fd: in.fd, Events: unix.POLLIN}}
	var now unix.Timespec
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return errno != unix.EINTR && (errno != 0 || n != 0)
}

func (in *inlet) past(b backlog) bool {
	return backlog(in.emptied.Load()) >= b || backlog(in.steps.Load()) >= b+backlogMost
}

// take deals with what has come to the worker's steered ports of one family.
func (w *worker) take(in *inlet, at time.Time, now int64) {
	for range inletCalls {
		step := in.steps.Add(1)
		n := in.receive()
		in.steps.Store(step + 1)
		for i := range n {
			if i%mailbagTurn == 0 {
				w.foresee(in, i, min(i+mailbagTurn, n))
			}
			w.deliver(in, i, now)
			if len(w.notices.list) > 0 {
				w.notices.deliver(w.relay.config.Events, at)
			}
		}
		in.reset(n)
		if n < inletBatch {
			in.emptied.Store(step + 2)
		}
		if in.steps.Store(step + 2); n < inletBatch {
			return
		}
	}
}

// foresee finds out whose datagrams from i up to end are, and asks for what they need.
func (w *worker) foresee(in *inlet, i, end int) {
	for ; i < end; i++ {
		f := &in.found[i]
		if ip, number, ok := in.destination(i); ok {
			f.port, f.place = w.steered.find(ip, number)
		}
		w.expected.add(f.port)
	}
	w.expected.call()
}

// deliver gives one datagram to its port, if it still has one.
func (w *worker) deliver(in *inlet, i int, now int64) {
	p, place := in.found[i].port, in.found[i].place
	in.found[i].port = nil
	if p == nil || p.stream == nil {
		w.steered.late.Add(1)
		return
	}
	mu := &p.stream.session.mu
	mu.Lock()
	defer mu.Unlock()
	if p.socket.fd != place {
		return
	}
	if p.socket.worker != w || !in.past(p.older) { // it came to the session before
		w.steered.late.Add(1)
		return
	}
	n := int(in.msgs[i].n)
	copy(w.buffer[:], in.data[i][:min(n, maxDatagram)])
	w.from = in.from[i]
	w.from.size = in.msgs[i].hdr.Namelen
	w.from.tidy()
	if w.passLate(p, n, now) && in.waited(i) > quality.Buffer {
		p.stream.side[p.side].count.waited++
	}
}
