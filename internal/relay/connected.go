package relay

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// connected is a second socket of a port, connected to the peer that has settled there (connect(2)): the kernel keeps the route to it and finds it before the
// socket that hears anybody, which saves 8 % of what a packet costs. It is a shorter way and nothing else: what comes by it is looked at as if it had come by the
// other, where everybody else is still heard, and a peer that moves is followed there until it has settled again.
type connected struct {
	socket socket // without a worker: it never rests
	peer   sockaddr
}

// settled is how many datagrams come to a port between two looks whether its peer has settled: two and a half seconds of speech.
const settled = 128

// is tells whether the ready list means this socket.
func (c *connected) is(fd, generation int32) bool {
	return c != nil && c.socket.fd == fd && c.socket.generation == generation
}

// receive reads one datagram like socket.receive; the kernel has seen to it that it is from the peer.
func (c *connected) receive(b []byte, from *sockaddr) (n int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.socket.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	*from = c.peer
	return int(r), errno
}

func (c *connected) send(b []byte) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.socket.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return errno
}

// send sends by the socket that is connected to the address, if there is one. See socket.send for why it may do so twice.
func (p *port) send(b []byte, to *sockaddr) unix.Errno {
	c := p.connected
	if c == nil || c.peer != *to {
		return p.socket.send(b, to)
	}
	errno := c.send(b)
	if ofAnother(errno) {
		errno = c.send(b)
	}
	return errno
}

// settle looks now and then whether who has just been heard is who the port sends to, and connects a socket to it. Where that fails, all goes on as it is.
// The session is locked.
func (w *worker) settle(p *port, now int64) {
	if p.heard++; p.heard < settled {
		return
	}
	p.heard = 0
	r := w.relay
	if to := p.gate.destination(p.stream.side[p.side].trust.latch); p.isRTCP || *to != w.from {
		return
	}
	r.disconnect(p).close()
	if r.count.sockets.Load()+r.count.connected.Load() >= r.mayConnect {
		return
	}
	s, err := r.sockets.connect(p, &w.from)
	if err != nil {
		return
	}
	c := &connected{socket{fd: s.fd, generation: r.nextGeneration()}, w.from}
	w.catchUp(p, p.socket, now) // what comes from now on comes to s, and is behind that
	if w.catchUp(p, s, now) && r.sockets.hear(p, c) {
		p.connected = c
		r.count.connected.Add(1)
	} else {
		s.close()
	}
}

// catchUp passes what waits in a socket of a port. In one that has just been connected it may be anybody's: it was bound before. False: far more comes than can
// have waited.
func (w *worker) catchUp(p *port, s socket, now int64) bool {
	for range maxQueued {
		switch n, errno := s.receive(w.buffer[:], &w.from); errno {
		case 0:
			w.passRead(p, s.fd, n, now)
		case unix.EAGAIN:
			return true
		}
	}
	return false
}

// disconnect makes the worker deaf to the connected socket of a port, for the caller to close; noSocket when it has none. The session is locked.
func (r *Relay) disconnect(p *port) socket {
	c := p.connected
	if c == nil {
		return noSocket
	}
	p.connected = nil
	r.sockets.detach(c.socket)
	r.count.connected.Add(-1)
	return c.socket
}

// connect opens the second socket of a port. Two sockets may have one address where both have SO_REUSEPORT and are of one user, which they have no longer than
// this takes: nobody else gets hold of the port.
func (o *sockets) connect(p *port, peer *sockaddr) (socket, error) {
	local := p.local()
	ip := local.Addr().Unmap()
	s, err := openUDP(ip)
	if err != nil {
		return noSocket, err
	}
	if err = o.tune(s, ip); err == nil {
		err = s.beside(p.socket, ip, local.Port())
	}
	if err == nil {
		if errno := s.connectTo(peer); errno != 0 {
			err = errno
		}
	}
	if err != nil {
		s.close()
		return noSocket, err
	}
	return s, nil
}

// beside binds to the address of another socket.
func (s socket) beside(other socket, ip netip.Addr, port uint16) error {
	pair := [...]socket{other, s}
	defer func() {
		for _, each := range pair {
			_ = unix.SetsockoptInt(int(each.fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 0)
		}
	}()
	for _, each := range pair {
		if err := unix.SetsockoptInt(int(each.fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
	}
	if errno := s.bindTo(ip, port); errno != 0 {
		return errno
	}
	return nil
}

func (s socket) connectTo(peer *sockaddr) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&peer.raw)), uintptr(peer.size))
	return errno
}

// hear puts a connected socket into the ready list that has the port's other one.
func (o *sockets) hear(p *port, c *connected) bool {
	if !o.table.set(c.socket.fd, p) {
		return false
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: c.socket.fd, Pad: c.socket.generation}
	if unix.EpollCtl(p.socket.worker.epoll, unix.EPOLL_CTL_ADD, int(c.socket.fd), &ev) == nil {
		return true
	}
	o.table.set(c.socket.fd, nil)
	return false
}
