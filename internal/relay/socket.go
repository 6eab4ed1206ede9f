package relay

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// socket is a UDP socket of our own: no net.UDPConn, hence no goroutine and no poller entry per port.
// The generation tells a descriptor from a later one with the same number.
type socket struct {
	fd         int32 // a steered port has none, but a place (see placeOf)
	generation int32
	worker     *worker // in whose ready list it is; nil: in none yet
}

var noSocket = socket{fd: -1}

func (s socket) open() bool { return s.fd >= 0 }

// close does not wait for anything, as no linger is set; see transport's rxBatch.recv for why the runtime is not told.
func (s socket) close() {
	if s.fd >= 0 {
		unix.RawSyscall(unix.SYS_CLOSE, uintptr(s.fd), 0, 0)
	}
}

// leave takes a socket out of its ready list, so that closing it sets its port free at once: whoever looks at that list just then holds the file for a moment.
func (s socket) leave() { _ = unix.EpollCtl(s.worker.epoll, unix.EPOLL_CTL_DEL, int(s.fd), nil) }

// carrier moves the datagrams of a stream between its ports and the network. It is chosen per stream when the stream
// gets its ports, and never sees a policy: what may pass, and where to, is decided by port.receive alone. Another tier
// is another carrier that finds the port of a datagram its own way and then calls worker.pass.
type carrier interface {
	tier() media.Tier
	// bind takes a local address. A socket that has a worker already may have packets waiting. The error is a *PortError.
	bind(local netip.AddrPort, generation int32) (socket, error)
	// attach makes w hear the port's socket. The session is locked.
	attach(w *worker, p *port) error
	// detach ends that; the socket is given back when the session is unlocked. The session is locked.
	detach(s socket)
	// free gives a socket back that was attached and detached. now is of the relay's clock.
	free(local netip.AddrPort, s socket, now int64)
	// drop gives one back that was never attached.
	drop(s socket)
	// send sends one datagram from a port without waiting.
	send(from *port, b []byte, to *sockaddr) unix.Errno
}

// sockets is the carrier that needs no rights: a UDP socket per port (tier 3). Its settings are the same for every
// port of a relay.
type sockets struct {
	dscp    int // negative: not set
	receive int // octets; 0: not set
	table   table
	warm    warm
}

func newSockets(c Config) *sockets {
	o := &sockets{dscp: c.DSCP, receive: c.ReceiveBuffer}
	o.warm.keep, o.warm.most, o.warm.table = int64(max(0, c.Warm)), c.WarmSockets, &o.table
	o.warm.byLocal = make(map[netip.AddrPort]rested)
	return o
}

func (*sockets) tier() media.Tier { return media.TierSockets }

// attach puts the socket into the worker's epoll set. One that was warm is in a set already and stays there, be it
// another worker's: the session's mutex is what keeps two packets apart.
func (o *sockets) attach(w *worker, p *port) error {
	if !o.table.set(p.socket.fd, p) {
		return fmt.Errorf("descriptor %d is beyond the table", p.socket.fd)
	}
	if p.socket.worker != nil {
		return nil
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: p.socket.fd, Pad: p.socket.generation}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, int(p.socket.fd), &ev); err != nil {
		o.table.set(p.socket.fd, nil)
		return fmt.Errorf("epoll: %w", err)
	}
	p.socket.worker = w
	return nil
}

// detach makes the worker overlook the descriptor.
func (o *sockets) detach(s socket) { o.table.set(s.fd, nil) }

// free lets the socket rest, or closes it, which takes it out of the epoll set.
func (o *sockets) free(local netip.AddrPort, s socket, now int64) { o.warm.put(local, s, now) }

func (*sockets) drop(s socket) { s.close() }

func (*sockets) send(from *port, b []byte, to *sockaddr) unix.Errno {
	if w := from.socket.worker; w != nil && w.mailbag.send(from, b, to) {
		return 0
	}
	return from.send(b, to)
}

// bind takes over the warm socket of local or opens one.
func (o *sockets) bind(local netip.AddrPort, generation int32) (socket, error) {
	if s := o.warm.take(local); s.open() {
		return s, nil
	}
	s, err := bindUDP(local)
	if err != nil && o.warm.yield(local, err) {
		s, err = bindUDP(local)
	}
	if err == nil {
		err = o.tune(s, local.Addr().Unmap())
	}
	if err != nil {
		s.close()
		return noSocket, &PortError{local, err}
	}
	s.generation = generation
	return s, nil
}

// tune sets what differs from the system's defaults.
func (o *sockets) tune(s socket, ip netip.Addr) error {
	if o.dscp >= 0 {
		if err := s.class(ip.Is6(), o.dscp); err != nil {
			return fmt.Errorf("DSCP: %w", err)
		}
	}
	if err := s.askErrors(ip.Is6()); err != nil {
		return fmt.Errorf("IP_RECVERR: %w", err)
	}
	if o.receive > 0 {
		if err := unix.SetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_RCVBUF, o.receive); err != nil {
			return fmt.Errorf("SO_RCVBUF: %w", err)
		}
	}
	return nil
}

// class gives what a socket sends a DSCP, and the priority by which queues and 802.1p treat it: with IPv4 the kernel makes that of the octet.
func (s socket) class(v6 bool, dscp int) error {
	octet := dscp << 2
	if !v6 {
		return unix.SetsockoptInt(int(s.fd), unix.IPPROTO_IP, unix.IP_TOS, octet)
	}
	byOctet := [...]int{0, 2, 6, 4} // ip_tos2prio
	if err := unix.SetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_PRIORITY, byOctet[octet>>3&3]); err != nil {
		return err
	}
	return unix.SetsockoptInt(int(s.fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, octet)
}

// bindUDP opens a nonblocking socket on local.
func bindUDP(local netip.AddrPort) (socket, error) {
	ip := local.Addr().Unmap()
	s, err := openUDP(ip)
	if err != nil {
		return noSocket, err
	}
	if ip.Is6() && ip.IsUnspecified() { // a single address never takes IPv4
		if err := unix.SetsockoptInt(int(s.fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			s.close()
			return noSocket, fmt.Errorf("IPV6_V6ONLY: %w", err)
		}
	}
	if errno := s.bindTo(ip, local.Port()); errno != 0 {
		s.close()
		return noSocket, errno
	}
	return s, nil
}

func openUDP(ip netip.Addr) (socket, error) {
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return noSocket, explain(err)
	}
	return socket{fd: int32(fd)}, nil
}

func (s socket) bindTo(ip netip.Addr, port uint16) unix.Errno {
	sa := rawSockaddr(ip, port)
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(s.fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.size))
	return errno
}

// receive reads one datagram without waiting. n is its true length, which may exceed len(b): then it was cut.
func (s socket) receive(b []byte, from *sockaddr) (n int, errno unix.Errno) {
	from.size = uint32(len(from.raw))
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, uintptr(unsafe.Pointer(&from.raw)), uintptr(unsafe.Pointer(&from.size)))
	if errno == 0 {
		from.tidy()
	}
	return int(r), errno
}

// send sends one datagram without waiting. An ICMP error of an earlier one, be it to another address, is told once in place of sending: which it is hangs on what the
// other host, a router or a firewall says. What is of this host comes again.
func (s socket) send(b []byte, to *sockaddr) unix.Errno {
	errno := s.sendOnce(b, to)
	if ofAnother(errno) {
		errno = s.sendOnce(b, to)
	}
	return errno
}

// ofAnother tells whether an error may be of an earlier packet.
func ofAnother(errno unix.Errno) bool {
	return errno != 0 && errno != unix.EAGAIN && errno != unix.ENOBUFS
}

func (s socket) sendOnce(b []byte, to *sockaddr) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.raw)), uintptr(to.size))
	return errno
}

// table finds the port of a descriptor or place. It grows in chunks so that readers need no lock.
type table struct {
	chunks [tableChunks]atomic.Pointer[[tableChunk]atomic.Pointer[port]]
}

const (
	tableChunk  = 1024
	tableChunks = 1024 // a million descriptors, the kernel's default limit (fs.nr_open)
)

func (t *table) get(fd int32) *port {
	if fd < 0 || fd >= tableChunk*tableChunks {
		return nil
	}
	c := t.chunks[fd/tableChunk].Load()
	if c == nil {
		return nil
	}
	return c[fd%tableChunk].Load()
}

// claim takes a place that nobody has.
func (t *table) claim(place int32, p *port) bool {
	return t.has(place) && t.chunks[place/tableChunk].Load()[place%tableChunk].CompareAndSwap(nil, p)
}

// set reports false when the descriptor is beyond the table.
func (t *table) set(fd int32, p *port) bool {
	if !t.has(fd) {
		return false
	}
	t.chunks[fd/tableChunk].Load()[fd%tableChunk].Store(p)
	return true
}

// has makes room for a place; false: it is beyond the table.
func (t *table) has(fd int32) bool {
	if fd < 0 || fd >= tableChunk*tableChunks {
		return false
	}
	if c := &t.chunks[fd/tableChunk]; c.Load() == nil {
		c.CompareAndSwap(nil, new([tableChunk]atomic.Pointer[port]))
	}
	return true
}
