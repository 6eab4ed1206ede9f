package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// relay does to media sessions what the relay does, without packets: it knows which ports are open, and notices a
// side whose party has fallen silent.
type relay struct {
	n        *Node
	sessions map[media.SessionID]*session
	ever     map[media.SessionID]bool
	ports    map[uint16]media.SessionID
	keys     map[string]media.SessionID // of ours for SRTP
}

type session struct {
	want   *media.Session
	checks [2]bool // a look at the side is planned
	played uint32  // the last thing that was
}

// set opens or updates.
func (r *relay) set(want *media.Session, open bool) {
	w, s := r.n.w, r.sessions[want.ID]
	switch {
	case open && r.ever[want.ID]:
		w.fail("media session %d opened again", want.ID)
	case !open && s == nil:
		w.fail("media session %d updated but not open", want.ID)
	}
	if s == nil {
		s = &session{}
		r.sessions[want.ID], r.ever[want.ID] = s, true
	}
	if s.want != nil {
		for i := range s.want.Streams {
			for k := range s.want.Streams[i].Side {
				delete(r.ports, s.want.Streams[i].Side[k].Local.Port())
			}
		}
	}
	s.want = want
	r.play(s, want)
	r.spoken(want, &want.Streams[0])
	for i := range want.Streams {
		for k := range want.Streams[i].Side {
			side := &want.Streams[i].Side[k]
			port := side.Local.Port()
			if owner, taken := r.ports[port]; taken && owner != want.ID {
				w.fail("media port %d of session %d belongs to %d", port, want.ID, owner)
			}
			if p := r.n.server.MediaPorts; port < p.First || port >= p.Last || port%2 != 0 {
				w.fail("media port %d is not ours", port)
			}
			r.ports[port] = want.ID
			if c := side.Crypt; c != nil && c.Send != "" {
				if owner, used := r.keys[c.Send]; used && owner != want.ID {
					w.fail("a key of session %d was that of %d: its counters begin anew (RFC 3711 §9.1)", want.ID, owner)
				}
				r.keys[c.Send] = want.ID
			}
		}
	}
	for k := range want.Timeout {
		r.check(want.ID, s, k)
	}
}

// lacks tells whether a session has a port that is not open at its address.
func (r *relay) lacks(want *media.Session) bool {
	return slices.ContainsFunc(want.Streams, func(st media.Stream) bool {
		return slices.ContainsFunc(st.Side[:], func(side media.Side) bool { return r.ports[side.Local.Port()] != want.ID || !r.opened(side.Local) })
	})
}

// opened tells whether a port is open at an address.
func (r *relay) opened(at netip.AddrPort) bool {
	s := r.sessions[r.ports[at.Port()]]
	return s != nil && slices.ContainsFunc(s.want.Streams, func(st media.Stream) bool { return st.Side[0].Local == at || st.Side[1].Local == at })
}

// play tells the end of what is played in time, and checks that whoever is to hear it can.
func (r *relay) play(s *session, want *media.Session) {
	p, w := want.Play, r.n.w
	if p == nil || p.ID == s.played {
		return
	}
	if p.ID < s.played || p.Stream >= len(want.Streams) || p.Clip == nil || !p.Codec.Speaks() {
		w.fail("media session %d plays %d after %d, in %q on stream %d of %d", want.ID, p.ID, s.played, p.Codec, p.Stream, len(want.Streams))
		return
	}
	if want.Streams[p.Stream].Opaque {
		w.fail("media session %d plays on a stream that is no RTP", want.ID)
	}
	if p.Times == 0 && !want.Streams[p.Stream].Side[p.To].Send {
		w.fail("media session %d plays to side %d, which does not want to hear", want.ID, p.To)
	}
	s.played = p.ID
	w.Played++
	if p.Times == 0 {
		return
	}
	w.after(p.Duration(), func() {
		if now := s.want.Play; r.sessions[want.ID] == s && now != nil && now.ID == p.ID {
			on := r.n.shardWith(want.ID)
			on.soon(func() {
				on.step(func(now time.Time, c *ua.Core, out *ua.Out) {
					c.MediaEvent(now, media.Event{Kind: media.EventPlayed, Session: want.ID, Stream: p.Stream, Side: p.To, Play: p.ID, At: now}, out)
				})
			})
		}
	})
}

// check looks in time whether a side is still heard.
func (r *relay) check(id media.SessionID, s *session, k int) {
	d := s.want.Timeout[k]
	if d == 0 || s.checks[k] {
		return
	}
	s.checks[k] = true
	r.n.w.after(d, func() {
		s.checks[k] = false
		if r.sessions[id] != s || s.want.Timeout[k] == 0 {
			return
		}
		if st := awaited(s.want, k); st != nil && !r.n.w.speaks(st.Side[k].Remote) {
			on := r.n.shardWith(id)
			on.soon(func() {
				on.step(func(now time.Time, c *ua.Core, out *ua.Out) {
					c.MediaEvent(now, media.Event{Kind: media.EventDead, Session: id, Side: media.SideIndex(k), At: now}, out)
				})
			})
		}
		r.check(id, s, k)
	})
}

// awaited is the first stream on which a side is missed when it is silent, as the relay sees it: it is to send, the other side is to hear it,
// and it is known where it sends from. nil: none, for who only listens, or has nobody listening, may be silent.
func awaited(want *media.Session, k int) *media.Stream {
	for i := range want.Streams {
		st := &want.Streams[i]
		if sd := &st.Side[k]; !st.Opaque && sd.Recv && !sd.Nowhere && sd.Remote.IsValid() && st.Side[1-k].Send {
			return st
		}
	}
	return nil
}

// speaks tells whether a living party sends RTP or RTCP from an address.
func (w *World) speaks(a netip.AddrPort) bool {
	for _, h := range w.Hosts {
		if h.Addr == a.Addr() {
			for _, p := range h.all {
				if p.speaker.port == a.Port() && p.state == up && !p.gone && !p.mute {
					return true
				}
			}
		}
	}
	return false
}

func (r *relay) close(id media.SessionID) media.Stats {
	s := r.sessions[id]
	if s == nil {
		r.n.w.fail("media session %d closed but not open", id)
		return media.Stats{ID: id}
	}
	delete(r.sessions, id)
	for port, owner := range r.ports {
		if owner == id {
			delete(r.ports, port)
		}
	}
	return media.Stats{ID: id, Streams: make([]media.StreamStats, len(s.want.Streams))}
}

// board is health, turns and limits, the last as sets of calls.
type board struct {
	routing.CallbackTable
	server   *topology.Server
	state    map[string]health.State // by trunk: their numbers change with the document
	turns    []int
	calls    map[*topology.Trunk]map[media.SessionID]bool
	users    map[string]map[media.SessionID]bool
	paused   map[*topology.Trunk]time.Time // until then
	bindings map[string]register.Status    // by trunk
	account  network.Account
	w        *World
}

func newBoard(w *World, server *topology.Server) *board {
	return &board{w: w, server: server, state: make(map[string]health.State), turns: make([]int, len(w.snap.Routes)),
		calls: make(map[*topology.Trunk]map[media.SessionID]bool), paused: make(map[*topology.Trunk]time.Time),
		bindings: make(map[string]register.Status)}
}

var (
	_ b2bua.Limits = (*board)(nil)
)

// TrunkState is routing.State.
func (b *board) TrunkState(t *topology.Trunk) health.State {
	b.w.Fault.visit()
	return b.state[t.Name]
}

// Binding is b2bua.Env.Binding.
func (b *board) Binding(t *topology.Trunk) (out b2bua.Binding) {
	if st, ok := b.bindings[t.Name]; ok && st.Up() {
		out.At, out.Routes = st.At, st.Routes
	}
	return out
}

// Turn is routing.State.
func (b *board) Turn(r *topology.Route, n int) int {
	b.turns[r.Index]++
	return (b.turns[r.Index] - 1) % n
}

// Acquire is b2bua.Limits.
func (b *board) Acquire(now time.Time, t *topology.Trunk, id media.SessionID, emergency bool) *diag.Reason {
	b.w.Fault.visit()
	set := b.calls[t]
	if set == nil {
		set = make(map[media.SessionID]bool)
		b.calls[t] = set
	}
	if limit := t.Settings.MaxCalls; limit > 0 && len(set) >= limit && !emergency {
		return diag.TrunkLimit
	}
	if now.Before(b.paused[t.Watched()]) && !emergency && b.holds(id) {
		return diag.TrunkPaused
	}
	if set[id] {
		b.w.fail("call %d takes a second place on trunk %s", id, t.Name)
	}
	set[id] = true
	return nil
}

// holds tells whether a call has a place already: the next one is that of a target.
func (b *board) holds(id media.SessionID) bool {
	for _, set := range b.calls {
		if set[id] {
			return true
		}
	}
	return false
}

// Release is b2bua.Limits.
func (b *board) Release(t *topology.Trunk, id media.SessionID) {
	b.w.Fault.visit()
	if !b.calls[t][id] && b.w.Fault.Panic < 0 {
		b.w.fail("call %d gives back a place on trunk %s that it does not have", id, t.Name)
	}
	delete(b.calls[t], id)
}

// AcquireUser is b2bua.Limits.
func (b *board) AcquireUser(_ time.Time, u *topology.User, id media.SessionID, emergency bool) *diag.Reason {
	b.w.Fault.visit()
	if b.users[u.Name] == nil {
		if b.users == nil {
			b.users = make(map[string]map[media.SessionID]bool)
		}
		b.users[u.Name] = make(map[media.SessionID]bool)
	}
	if set := b.users[u.Name]; u.Limit.MaxCalls > 0 && len(set) >= u.Limit.MaxCalls && !emergency {
		return diag.UserLimit
	}
	b.users[u.Name][id] = true
	return nil
}

// ReleaseUser is b2bua.Limits.
func (b *board) ReleaseUser(u *topology.User, id media.SessionID) {
	b.w.Fault.visit()
	if !b.users[u.Name][id] && b.w.Fault.Panic < 0 {
		b.w.fail("call %d gives back a place of user %s that it does not have", id, u.Name)
	}
	delete(b.users[u.Name], id)
}

// Reserve is b2bua.Limits.
func (b *board) Reserve(n *topology.Network, id media.SessionID, legs *network.Legs, force bool) *network.Refusal {
	b.w.Fault.visit()
	return b.account.Reserve(n, id, legs, force)
}

// Refuse is b2bua.Limits.
func (b *board) Refuse(l *topology.Link, kind topology.MediaKind) {
	b.w.Fault.visit()
	b.account.Refuse(l, kind)
}

func (b *board) held() int {
	n := b.account.Calls()
	for _, set := range b.users {
		n += len(set)
	}
	for _, set := range b.calls {
		n += len(set)
	}
	return n
}
