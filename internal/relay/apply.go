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

// freed is a socket to give back once the session is unlocked.
type freed struct {
	carrier carrier
	local   netip.AddrPort
	socket  socket
}

// usual is how many sockets change in most calls; so many need no memory of their own.
const usual = 8

// apply brings a session to what want says. Sockets are opened before the session is locked and given back after it
// is unlocked, so the worker waits for a few assignments only. ses.control is held.
func (r *Relay) apply(ses *session, want *media.Session) error {
	streams := ses.streams
	if len(streams) != len(want.Streams) {
		streams = make([]*stream, len(want.Streams))
		for i := copy(streams, ses.streams); i < len(streams); i++ {
			streams[i] = newStream(ses, i, r.carrierFor(&want.Streams[i]))
			streams[i].kernel = &r.kernel
		}
	}
	var few [usual]change
	changes := few[:0]
	var err error
	for i := range streams {
		if changes, err = r.prepare(changes, streams[i], &want.Streams[i]); err != nil {
			abandon(changes)
			return err
		}
	}
	if err = r.flush(changes); err != nil {
		abandon(changes)
		return err
	}
	if ses.worker == nil {
		ses.worker = r.workerFor(ses.id, changes)
	}
	var fewOld [usual]freed
	old, err := r.install(ses, streams, changes, want, r.leave(want), fewOld[:0])
	if err != nil {
		abandon(changes)
		return err
	}
	r.free(old)
	return nil
}

// carrierFor is the best for a new stream, which keeps it.
func (r *Relay) carrierFor(want *media.Stream) carrier {
	if r.steered == nil {
		return r.sockets
	}
	for i := range want.Side {
		if ip := want.Side[i].Local.Addr(); ip.IsValid() && (!r.steered.serves(ip) || r.kernel.byPort(want.Side[i].Local)) {
			return r.sockets
		}
	}
	return r.steered
}

// workerFor is the one that already hears a socket of the session, else one by the id.
func (r *Relay) workerFor(id media.SessionID, changes []change) *worker {
	for i := range changes {
		if w := changes[i].fresh.worker; w != nil {
			return w
		}
	}
	return r.workers[spread(id)/sessionShards%uint64(len(r.workers))]
}

// install makes the prepared changes, all or none, and appends what is no longer needed to old.
func (r *Relay) install(ses *session, streams []*stream, changes []change, want *media.Session, left []left, old []freed) ([]freed, error) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.recall()
	if err := swap(ses.worker, changes); err != nil {
		return old, err
	}
	for i := range changes {
		old = r.detach(old, changes[i].port, changes[i].before)
		if changes[i].fresh.open() {
			r.count.sockets.Add(1)
		}
	}
	for i := len(streams); i < len(ses.streams); i++ {
		old = r.clear(old, ses.streams[i])
	}
	r.count.streams.Add(int64(len(streams) - len(ses.streams)))
	ses.streams = streams
	now := r.now()
	for i := range streams {
		streams[i].set(&want.Streams[i], now)
		for k := range streams[i].side {
			streams[i].side[k].establish(r, &want.Streams[i].Side[k], want.Streams[i].Opaque)
			streams[i].side[k].associate(r, &want.Streams[i].Side[k], want.Streams[i].Opaque)
			streams[i].side[k].goOn(left)
		}
	}
	ses.setTimeout(want.Timeout, now)
	ses.setPlay(want.Play)
	ses.press(want.Presses, now)
	return old, nil
}

// prepare opens what a stream needs anew and appends it to changes, also on error.
func (r *Relay) prepare(changes []change, st *stream, want *media.Stream) ([]change, error) {
	for i := range st.side {
		sd, local := &st.side[i], want.Side[i].Local
		withRTCP := !want.Opaque && !want.Side[i].Mux
		moved := sd.local != local
		for _, p := range [...]*port{&sd.rtp, &sd.rtcp} {
			needed := local.IsValid() && (withRTCP || !p.isRTCP)
			if !moved && p.socket.open() == needed {
				continue
			}
			c := change{port: p, fresh: noSocket, local: local}
			if p.isRTCP {
				c.local = rtcpAbove(local)
			}
			if needed {
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
func swap(w *worker, changes []change) error {
	for i := range changes {
		c := &changes[i]
		c.before, c.port.socket = c.port.socket, c.fresh
		if !c.fresh.open() {
			continue
		}
		if err := c.port.stream.carrier.attach(w, c.port); err != nil {
			c.port.socket = c.before
			for _, done := range changes[:i] {
				if done.fresh.open() {
					done.port.stream.carrier.detach(done.fresh)
				}
				done.port.socket = done.before
			}
			return &PortError{c.local, err}
		}
	}
	return nil
}

func abandon(changes []change) {
	for i := range changes {
		if c := &changes[i]; c.fresh.open() {
			c.port.stream.carrier.drop(c.fresh)
		}
	}
}

// detach makes the worker deaf to a socket that p has or had, and appends it to those to give back. The side still
// has the address that the socket is bound to.
func (r *Relay) detach(old []freed, p *port, s socket) []freed {
	if !s.open() {
		return old
	}
	if c := r.disconnect(p); c.open() {
		old = append(old, freed{r.sockets, p.local(), c})
	}
	p.stream.carrier.detach(s)
	r.count.sockets.Add(-1)
	return append(old, freed{p.stream.carrier, p.local(), s})
}

func (r *Relay) clear(old []freed, st *stream) []freed {
	for i := range st.side {
		for _, p := range [...]*port{&st.side[i].rtp, &st.side[i].rtcp} {
			old = r.detach(old, p, p.socket)
			p.socket = noSocket
			p.dtls.end()
			p.dtls = nil
		}
		r.count.lost.Add(st.side[i].count.allLost())
	}
	return old
}

func (r *Relay) free(old []freed) {
	now := r.now()
	for i := range old {
		old[i].carrier.free(old[i].local, old[i].socket, now)
	}
}

// end takes a session apart. ses.control is held.
func (r *Relay) end(ses *session) media.Stats {
	r.forget(ses)
	var few [usual]freed
	old := few[:0]
	ses.mu.Lock()
	ses.closed = true
	stats := ses.snapshot(r)
	ses.recall()
	for _, st := range ses.streams {
		old = r.clear(old, st)
	}
	r.count.streams.Add(-int64(len(ses.streams)))
	r.count.sessions.Add(-1)
	ses.mu.Unlock()
	r.free(old)
	return stats
}
