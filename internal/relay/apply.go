package relay

import (
	"net/netip"

	"github.com/directsip/directsip/internal/media"
)

// change is one port that gets a new socket.
type change struct {
	port   *port
	fresh  socket
	before socket
	local  netip.AddrPort
}

// apply brings a session to what want says. Sockets are opened before the session is locked and closed after it is
// unlocked, so the worker waits for a few assignments only. ses.control is held.
func (r *Relay) apply(ses *session, want *media.Session) error {
	streams := make([]*stream, len(want.Streams))
	changes := make([]change, 0, 4*len(want.Streams))
	var err error
	for i := range streams {
		if i < len(ses.streams) {
			streams[i] = ses.streams[i]
		} else {
			streams[i] = newStream(ses, i, r.sockets)
		}
		if changes, err = r.prepare(changes, streams[i], &want.Streams[i]); err != nil {
			abandon(changes)
			return err
		}
	}
	now := r.now()
	ses.mu.Lock()
	if err := r.swap(ses.worker, changes); err != nil {
		ses.mu.Unlock()
		abandon(changes)
		return err
	}
	var gone []*stream
	if len(ses.streams) > len(streams) {
		gone = ses.streams[len(streams):]
	}
	old := make([]socket, 0, 4*len(gone)+len(changes))
	for i := range changes {
		old = r.detach(old, changes[i].port, changes[i].before)
		if changes[i].fresh.open() {
			r.count.sockets.Add(1)
		}
	}
	for _, st := range gone {
		old = r.clear(old, st)
	}
	r.count.streams.Add(int64(len(streams) - len(ses.streams)))
	ses.streams = streams
	for i := range streams {
		streams[i].set(&want.Streams[i], now)
	}
	ses.setTimeout(want.Timeout, now)
	ses.mu.Unlock()
	for _, s := range old {
		s.close()
	}
	return nil
}

// prepare opens what a stream needs anew and appends it to changes, also on error.
func (r *Relay) prepare(changes []change, st *stream, want *media.Stream) ([]change, error) {
	for i := range st.side {
		sd, local := &st.side[i], want.Side[i].Local
		if sd.local == local {
			continue
		}
		for _, p := range [...]*port{&sd.rtp, &sd.rtcp} {
			c := change{port: p, fresh: noSocket, local: local}
			if p.isRTCP {
				c.local = netip.AddrPortFrom(local.Addr(), local.Port()+1)
			}
			if local.IsValid() {
				s, err := st.carrier.bind(c.local, r.nextGeneration())
				if err != nil {
					return changes, err
				}
				c.fresh = s
			}
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// nextGeneration is never negative: -1 marks the worker's own descriptor.
func (r *Relay) nextGeneration() int32 { return r.generation.Add(1) & 0x7fffffff }

// swap puts the new sockets in, all or none.
func (r *Relay) swap(w *worker, changes []change) error {
	for i := range changes {
		c := &changes[i]
		c.before, c.port.socket = c.port.socket, c.fresh
		if !c.fresh.open() {
			continue
		}
		if err := c.port.stream.carrier.attach(w, c.port); err != nil {
			c.port.socket = c.before
			for _, done := range changes[:i] {
				done.port.release(w, done.fresh)
				done.port.socket = done.before
			}
			return &PortError{c.local, err}
		}
	}
	return nil
}

func abandon(changes []change) {
	for _, c := range changes {
		c.fresh.close()
	}
}

// detach makes the worker deaf to a socket that p has or had, and appends it to those to close.
func (r *Relay) detach(old []socket, p *port, s socket) []socket {
	if !s.open() {
		return old
	}
	p.release(p.stream.session.worker, s)
	r.count.sockets.Add(-1)
	return append(old, s)
}

func (p *port) release(w *worker, s socket) {
	if s.open() {
		p.stream.carrier.detach(w, s)
	}
}

func (r *Relay) clear(old []socket, st *stream) []socket {
	for i := range st.side {
		for _, p := range [...]*port{&st.side[i].rtp, &st.side[i].rtcp} {
			old = r.detach(old, p, p.socket)
			p.socket = noSocket
		}
		r.count.lost.Add(st.side[i].count.allLost())
	}
	return old
}

// end takes a session apart. ses.control is held.
func (r *Relay) end(ses *session) media.Stats {
	r.forget(ses)
	ses.mu.Lock()
	ses.closed = true
	stats := ses.snapshot(r)
	old := make([]socket, 0, 4*len(ses.streams))
	for _, st := range ses.streams {
		old = r.clear(old, st)
	}
	r.count.streams.Add(-int64(len(ses.streams)))
	r.count.sessions.Add(-1)
	ses.mu.Unlock()
	for _, s := range old {
		s.close()
	}
	return stats
}
