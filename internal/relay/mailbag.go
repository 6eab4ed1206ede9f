package relay

import (
	"sync"

	"golang.org/x/sys/unix"
)

// mailbag is what a worker sends through sockets, one per port, when it has read what has come for a while. What follows closely upon one another wakes who receives it once: a wake-up
// costs the sender more than a packet. Who sends out of turn sends at once.
type mailbag struct {
	mu     sync.Mutex
	open   bool // a turn is under way
	list   []letter
	octets []byte // of all of them

	posted struct { // what is being sent, and then room for the next
		list   []letter
		octets []byte
	}
}

// letter is a packet in a mailbag.
type letter struct {
	socket  socket
	to      sockaddr
	size    int
	pending failure
}

// mailbagTurn is how many datagrams are read until what they became is sent: some 100 µs of work.
const mailbagTurn = 32

// send takes a packet. False: no turn is under way.
func (o *mailbag) send(from *port, b []byte, to *sockaddr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.open {
		return false
	}
	o.octets = append(o.octets, b...)
	o.list = append(o.list, letter{from.socket, *to, len(b), failure{port: from}})
	return true
}

// noted says how the last packet is counted, if it is of the port.
func (o *mailbag) noted(out *port, as counted, size int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.list); n > 0 && o.list[n-1].pending.port == out {
		o.list[n-1].pending.as, o.list[n-1].pending.size = as, size
	}
}

// begin begins a turn.
func (o *mailbag) begin() {
	o.mu.Lock()
	o.open = true
	o.mu.Unlock()
}

// post sends what is in the mailbag. No session is locked, as each is in its turn: a socket that is not its port's any more may be another's.
func (w *worker) post() {
	o := &w.mailbag
	o.mu.Lock()
	o.open = false
	list, octets := o.list, o.octets
	o.list, o.octets = o.posted.list[:0], o.posted.octets[:0]
	o.mu.Unlock()
	o.posted.list, o.posted.octets = list, octets
	for i := range list {
		l := &list[i]
		b := octets[:l.size]
		octets = octets[l.size:]
		errno := unix.EBADF
		mu := &l.pending.port.stream.session.mu
		mu.Lock()
		if s := l.pending.port.socket; s.fd == l.socket.fd && s.generation == l.socket.generation {
			errno = l.pending.port.send(b, &l.to)
		}
		mu.Unlock()
		if errno != 0 {
			l.pending.errno = errno
			w.failures = append(w.failures, l.pending)
		}
	}
	clear(list)
}
