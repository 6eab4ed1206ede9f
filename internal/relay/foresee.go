package relay

import "unsafe"

// expected are the ports that datagrams of a turn come to. Between two packets of a stream the processor has seen hundreds of others, and what is known of the stream
// is far from it again, in two dozen places: to wait for one after the other takes longer than all that is done with them. Asked for together, for all ports, they
// come while others are on their way.
type expected struct {
	list [mailbagTurn]*port
	n    int
}

// add takes a port, at most mailbagTurn of them; nil is none.
func (e *expected) add(p *port) {
	if p == nil {
		return
	}
	prefetch(unsafe.Pointer(p), unsafe.Sizeof(*p))
	e.list[e.n] = p
	e.n++
}

// call asks for what their packets need, and forgets the ports. No session is locked: what is read here stays as it was made.
func (e *expected) call() {
	list := e.list[:e.n]
	for _, p := range list {
		st := p.stream
		if st == nil {
			continue
		}
		from, to := &st.side[p.side], &st.side[1-p.side]
		prefetch(unsafe.Pointer(st), unsafe.Offsetof(st.side))
		prefetch(unsafe.Pointer(&st.convert), unsafe.Sizeof(*st)-unsafe.Offsetof(st.convert))
		prefetch(unsafe.Pointer(from), unsafe.Offsetof(from.rtp))
		prefetch(unsafe.Pointer(&from.count), unsafe.Sizeof(*from)-unsafe.Offsetof(from.count))
		prefetch(unsafe.Pointer(to), unsafe.Offsetof(to.rtcp))
	}
	for _, p := range list { // when the streams have come
		if p.stream != nil {
			prefetch(unsafe.Pointer(p.stream.session), unsafe.Sizeof(*p.stream.session))
		}
	}
	clear(list)
	e.n = 0
}
