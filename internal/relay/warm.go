package relay

import (
	"errors"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// warm keeps the sockets of closed sessions bound and in their worker's ready list for a while. A session that opens
// the same port takes the socket over, which spares it socket, setsockopt, bind, epoll_ctl and close. What still
// arrives meanwhile is read and thrown away.
//
// Everything here, reading included, happens under mu: a descriptor that the table shows as resting is not closed and
// not another's while mu is held.
type warm struct {
	keep  int64 // ns; 0: nothing is kept
	most  int   // sockets
	table *table
	mark  port // what the table has for a resting descriptor

	mu      sync.Mutex
	closed  bool
	byLocal map[netip.AddrPort]rested
	peak    int // the most in byLocal since the map was made
	reused  uint64
	late    uint64
}

type rested struct {
	socket socket
	since  int64 // ns since the relay started
}

// makeRoomFor is how many resting sockets go when descriptors or memory run out.
const makeRoomFor = 64

// warmKey is one form for an address, however it was written.
func warmKey(local netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
}

// put lets a socket rest. One that cannot be kept is closed. The worker must be deaf to it already.
func (w *warm) put(local netip.AddrPort, s socket, now int64) {
	if !w.accept(warmKey(local), s, now) {
		s.close()
	}
}

func (w *warm) accept(key netip.AddrPort, s socket, now int64) bool {
	if w.keep == 0 || s.worker == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// When there are too many, those that are in stay: they are nearer to being used again.
	if w.closed || len(w.byLocal) >= w.most {
		return false
	}
	if _, taken := w.byLocal[key]; taken {
		return false
	}
	w.byLocal[key] = rested{s, now}
	w.peak = max(w.peak, len(w.byLocal))
	w.table.set(s.fd, &w.mark)
	return true
}

// take gives out the socket of a local address; noSocket when there is none. Packets may wait in it: see flush.
func (w *warm) take(local netip.AddrPort) socket {
	if w.keep == 0 {
		return noSocket
	}
	key := warmKey(local)
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.byLocal[key]
	if !ok {
		return noSocket
	}
	w.remove(key, r)
	w.reused++
	return r.socket
}

// remove makes the worker deaf to a socket, which is the caller's from then on.
func (w *warm) remove(key netip.AddrPort, r rested) {
	delete(w.byLocal, key)
	w.table.set(r.socket.fd, nil)
}

// discard throws one datagram away that came to a resting socket, or else what ICMP has said.
func (w *warm) discard(fd int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := (socket{fd: fd}); w.table.get(fd) == &w.mark {
		if s.skip() {
			w.late++
		} else {
			s.forgetErrors()
		}
	}
}

// sweep closes what has rested long enough, and what is bound to an address that the host no longer has, so that
// opening such a port fails as it would without warm sockets.
func (w *warm) sweep(now int64) {
	gone := w.lostAddresses()
	w.closeIf(-1, func(local netip.AddrPort, r rested) bool {
		return now-r.since >= w.keep || gone[local.Addr()]
	})
	w.mu.Lock()
	w.byLocal = shrunk(w.byLocal, &w.peak)
	w.mu.Unlock()
}

// lostAddresses tries each address once.
func (w *warm) lostAddresses() map[netip.Addr]bool {
	var gone map[netip.Addr]bool
	for _, ip := range w.addresses() {
		if !lost(ip) {
			continue
		}
		if gone == nil {
			gone = make(map[netip.Addr]bool)
		}
		gone[ip] = true
	}
	return gone
}

// lost tells whether the host does not have an address. It takes no port meanwhile (IP_BIND_ADDRESS_NO_PORT, ip(7)),
// as a session could want just that one.
func lost(ip netip.Addr) bool {
	s, err := openUDP(ip)
	if err != nil {
		return false
	}
	defer s.close()
	if unix.SetsockoptInt(int(s.fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) != nil {
		return false
	}
	return s.bindTo(ip, 0) == unix.EADDRNOTAVAIL
}

// addresses are those that sockets rest on: one or two on most hosts.
func (w *warm) addresses() (list []netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
next:
	for local := range w.byLocal {
		for _, ip := range list {
			if ip == local.Addr() {
				continue next
			}
		}
		list = append(list, local.Addr())
	}
	return list
}

// yield closes resting sockets that may be why a port could not be opened. It reports whether it closed any.
func (w *warm) yield(local netip.AddrPort, err error) bool {
	switch {
	case errors.Is(err, unix.EADDRINUSE): // 0.0.0.0 and an address of its own exclude each other
		return w.closeIf(-1, func(l netip.AddrPort, _ rested) bool { return l.Port() == local.Port() }) > 0
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return w.closeIf(makeRoomFor, func(netip.AddrPort, rested) bool { return true }) > 0
	}
	return false
}

// closeIf closes the sockets that unwanted says, at most so many (negative: all), and returns how many. Each is closed
// under a lock of its own: a session that wants its port finds it either resting or free, and waits for one at most.
func (w *warm) closeIf(most int, unwanted func(netip.AddrPort, rested) bool) (closed int) {
	type found struct {
		local netip.AddrPort
		rested
	}
	var list []found
	w.mu.Lock()
	for local, r := range w.byLocal {
		if len(list) == most {
			break
		}
		if unwanted(local, r) {
			list = append(list, found{local, r})
		}
	}
	w.mu.Unlock()
	for i := range list {
		w.mu.Lock()
		if w.byLocal[list[i].local] == list[i].rested {
			w.remove(list[i].local, list[i].rested)
			list[i].socket.close()
			closed++
		}
		w.mu.Unlock()
	}
	return closed
}

// shut closes all and takes no more.
func (w *warm) shut() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.closeIf(-1, func(netip.AddrPort, rested) bool { return true })
}

func (w *warm) totals() (resting int, reused, late uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byLocal), w.reused, w.late
}
