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
	fd         int32
	generation int32
}

var noSocket = socket{fd: -1}

func (s socket) open() bool { return s.fd >= 0 }

func (s socket) close() {
	if s.fd >= 0 {
		_ = unix.Close(int(s.fd))
	}
}

// carrier moves the datagrams of a stream between its ports and the network. It is chosen per stream when the stream
// gets its ports, and never sees a policy: what may pass, and where to, is decided by port.receive alone. Another tier
// is another carrier that finds the port of a datagram its own way and then calls worker.pass.
type carrier interface {
	tier() media.Tier
	// bind takes a local address. The error is a *PortError.
	bind(local netip.AddrPort, generation int32) (socket, error)
	// attach makes w hear the port's socket. The session is locked.
	attach(w *worker, p *port) error
	// detach ends that; the socket is closed when the session is unlocked. The session is locked.
	detach(w *worker, s socket)
	// send sends one datagram from a port without waiting.
	send(from *port, b []byte, to *sockaddr) unix.Errno
}

// sockets is the carrier that needs no rights: a UDP socket per port (tier 3). Its settings are the same for every
// port of a relay.
type sockets struct {
	dscp    int // negative: not set
	receive int // octets
}

func (*sockets) tier() media.Tier { return media.TierSockets }

// attach puts the socket into the worker's epoll set.
func (*sockets) attach(w *worker, p *port) error {
	table := &w.relay.table
	if !table.set(p.socket.fd, p) {
		return fmt.Errorf("descriptor %d is beyond the table", p.socket.fd)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: p.socket.fd, Pad: p.socket.generation}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, int(p.socket.fd), &ev); err != nil {
		table.set(p.socket.fd, nil)
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// detach makes the worker overlook the descriptor. Closing it takes it out of the epoll set.
func (*sockets) detach(w *worker, s socket) { w.relay.table.set(s.fd, nil) }

func (*sockets) send(from *port, b []byte, to *sockaddr) unix.Errno { return from.socket.send(b, to) }

// bind opens a nonblocking socket on local.
func (o *sockets) bind(local netip.AddrPort, generation int32) (socket, error) {
	ip := local.Addr().Unmap()
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return noSocket, &PortError{local, fmt.Errorf("socket: %w", err)}
	}
	if err := o.prepare(fd, ip, local.Port()); err != nil {
		_ = unix.Close(fd)
		return noSocket, &PortError{local, err}
	}
	return socket{int32(fd), generation}, nil
}

func (o *sockets) prepare(fd int, ip netip.Addr, port uint16) error {
	if ip.Is6() {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fmt.Errorf("IPV6_V6ONLY: %w", err)
		}
	}
	if o.dscp >= 0 {
		level, option := unix.IPPROTO_IP, unix.IP_TOS
		if ip.Is6() {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
		}
		if err := unix.SetsockoptInt(fd, level, option, o.dscp<<2); err != nil {
			return fmt.Errorf("DSCP: %w", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, o.receive); err != nil {
		return fmt.Errorf("SO_RCVBUF: %w", err)
	}
	sa := rawSockaddr(ip, port)
	if _, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.size)); errno != 0 {
		return errno
	}
	return nil
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

// send sends one datagram without waiting.
func (s socket) send(b []byte, to *sockaddr) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.raw)), uintptr(to.size))
	return errno
}

// table finds the port of a descriptor. It grows in chunks so that readers need no lock.
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

// set reports false when the descriptor is beyond the table.
func (t *table) set(fd int32, p *port) bool {
	if fd < 0 || fd >= tableChunk*tableChunks {
		return false
	}
	c := &t.chunks[fd/tableChunk]
	if c.Load() == nil {
		c.CompareAndSwap(nil, new([tableChunk]atomic.Pointer[port]))
	}
	c.Load()[fd%tableChunk].Store(p)
	return true
}
