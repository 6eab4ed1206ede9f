package transport

import (
	"iter"
	mathbits "math/bits"

	"github.com/directsip/directsip/internal/sip"
)

// sendChunk is how many messages Send looks at together, and how many go into one sendmmsg.
const sendChunk = 64

// Send puts messages on the wire: datagrams grouped by socket, the rest on the queue of its connection, which is
// looked for or dialled (RFC 3261 §18.1.1). The order of messages of one socket and one connection is kept. Send
// never blocks and never calls the Handler; sends may be reused when it returns, the Data may not.
func (t *Transport) Send(sends []Send) {
	for len(sends) > sendChunk {
		t.sendChunk(sends[:sendChunk])
		sends = sends[sendChunk:]
	}
	if len(sends) > 0 {
		t.sendChunk(sends)
	}
}

func (t *Transport) sendChunk(sends []Send) {
	var udp uint64 // a bit for each datagram not yet sent
	for i := range sends {
		switch sends[i].Hop.Transport {
		case sip.UDP:
			udp |= 1 << i
		case sip.TCP, sip.TLS:
			t.sendStream(&sends[i])
		default:
			t.fails.add(sends[i], ErrNoListener)
		}
	}
	sockets := *t.udp.Load()
	for udp != 0 {
		local := sends[mathbits.TrailingZeros64(udp)].Hop.Local
		var same uint64
		for i := range bits(udp) {
			if sends[i].Hop.Local == local {
				same |= 1 << i
			}
		}
		udp &^= same
		if s := sockets[local]; s != nil {
			s.send(sends, same)
			continue
		}
		for i := range bits(same) {
			t.fails.add(sends[i], ErrNoListener)
		}
	}
}

// bits yields the places of the bits set, lowest first.
func bits(mask uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; mask != 0; mask &= mask - 1 {
			if !yield(mathbits.TrailingZeros64(mask)) {
				return
			}
		}
	}
}

// sendRing is a bounded queue that keeps its memory.
type sendRing struct {
	buf     []Send
	head, n int
	limit   int
}

// push appends m; false means that the queue is full.
func (r *sendRing) push(m Send) bool {
	if r.n == len(r.buf) {
		if r.n >= r.limit {
			return false
		}
		bigger := make([]Send, min(r.limit, max(64, 2*r.n)))
		for i := range r.n {
			bigger[i] = r.buf[(r.head+i)%len(r.buf)]
		}
		r.buf, r.head = bigger, 0
	}
	r.buf[(r.head+r.n)%len(r.buf)] = m
	r.n++
	return true
}

func (r *sendRing) pop() (m Send, ok bool) {
	if r.n == 0 {
		return Send{}, false
	}
	m = r.buf[r.head]
	r.buf[r.head] = Send{}
	r.head = (r.head + 1) % len(r.buf)
	r.n--
	return m, true
}

func (r *sendRing) clear() { *r = sendRing{limit: r.limit} }
