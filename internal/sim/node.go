package sim

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// quarantine of media ports at nodes.
const quarantine = 2 * time.Second

// Node is one server: a core and the world around it, which does what the engine does.
type Node struct {
	Records []*cdr.Record
	Began   []*cdr.Record

	w      *World
	id     int
	server *topology.Server
	core   *ua.Core
	env    *b2bua.Env
	ports  *media.Ports
	free   int // ports at the beginning
	out    ua.Out
	relay  *relay
	board  *board
	watch  *watch
	armed  time.Time
	turn   uint64
}

func newNode(w *World, id int, s *topology.Server) *Node {
	n := &Node{w: w, id: id, server: s}
	rnd := rand.New(rand.NewPCG(w.Seed, uint64(id)+77))
	n.ports = media.NewPorts(s.MediaPorts.First, s.MediaPorts.Last, quarantine)
	n.free = n.ports.Free()
	n.relay = &relay{n: n, sessions: make(map[media.SessionID]*session), ever: make(map[media.SessionID]bool), ports: make(map[uint16]media.SessionID)}
	n.board = newBoard(w, s)
	n.watch = newWatch(n)
	n.env = &b2bua.Env{Server: s, Rand: rnd, Ports: n.ports, State: n.board, Limits: n.board, UserAgent: "directsip"}
	n.env.CallID = func() string {
		if n.core != nil {
			w.Fault.visit()
		}
		return ownCallID + b2bua.Token(rnd, 20)
	}
	n.core = ua.New(ua.Config{Env: n.env, Snapshot: w.snap, Health: n.health, Resolved: w.resolved}, w.now)
	n.perform()
	return n
}

// resolved are the addresses of a gateway that is given by name.
func (w *World) resolved(g *topology.Gateway) (list []netip.Addr) {
	for _, h := range w.Hosts {
		if h.gw.Name == g.Name {
			list = append(list, h.Addr)
		}
	}
	return list
}

// ownCallID marks the Call-IDs that nodes make, so that one of them on the wrong leg is seen.
const ownCallID = "b2b-"

func (n *Node) name() string {
	name := n.server.Name
	for i := range name {
		if name[i] == '.' {
			return name[:i]
		}
	}
	return name
}

// Core is the machine under test.
func (n *Node) Core() *ua.Core { return n.core }

// Env is what its calls share.
func (n *Node) Env() *b2bua.Env { return n.env }

func (n *Node) health(t *topology.Trunk, _ health.Event, st health.Status) {
	n.board.state[t.Index] = st.State
}

// arrive takes a packet, as the engine does.
func (n *Node) arrive(p *packet) {
	src := sip.Source{Transport: p.transport, Local: p.to, Remote: p.from, Flow: p.flow}
	if p.transport == sip.TLS {
		src.Names = p.names
	}
	m, err := sip.Parse(p.data, nil)
	fault := ""
	if err != nil {
		fault = err.Error()
	} else if f := m.Validate(); f != nil {
		fault = f.Why
	}
	if fault != "" {
		if m != nil && m.IsRequest() && m.Method != "ACK" {
			m.FixTopVia(src.Remote)
			n.w.Net.send(n, b2bua.Back(src, m), ua.Refusal(m, diag.BadRequest, 400, fault).Append(nil))
		}
		return
	}
	n.watch.received(p, m)
	n.step(func() { n.core.Receive(n.w.now, src, m, &n.out) })
}

// step feeds the core and performs what it asks for.
func (n *Node) step(feed func()) {
	feed()
	n.perform()
	n.watch.after()
}

// perform carries out the effects: media first, then names, records, messages.
func (n *Node) perform() {
	o := &n.out
	for i := 0; i < len(o.Media); i++ {
		n.media(o.Media[i])
	}
	for _, q := range o.Resolve {
		addrs := n.w.Net.lookup(q)
		n.w.after(3*time.Millisecond, func() {
			n.step(func() { n.core.Resolved(n.w.now, q.Session, q.Attempt, addrs, &n.out) })
		})
	}
	for _, r := range o.Began {
		n.Began = append(n.Began, r)
	}
	for _, r := range o.Records {
		n.record(r)
	}
	for _, r := range o.Results {
		if r.Pause > 0 {
			n.board.paused[r.Trunk.Watched()] = r.At.Add(r.Pause)
		}
		name, what := r.Trunk.Watched().Name, r.What
		n.w.after(0, func() { n.step(func() { n.core.CallResult(n.w.now, name, what) }) })
	}
	n.exchange()
	for i := range o.Sends {
		s := &o.Sends[i]
		f := &n.w.Fault
		f.Count.Sends++
		n.watch.sent(s)
		if f.Send == f.Count.Sends-1 || !n.w.Net.send(n, s.Hop, s.Data) {
			id, branch := s.CallID, s.Branch
			n.w.after(time.Millisecond, func() { n.step(func() { n.core.SendFailed(n.w.now, id, branch, "no way there", &n.out) }) })
		}
	}
	o.Reset()
	n.arm()
}

// arm sees to it that the core is woken at its deadline.
func (n *Node) arm() {
	at := n.core.Deadline()
	if at.Equal(n.armed) {
		return
	}
	n.armed = at
	n.turn++
	if at.IsZero() {
		return
	}
	turn := n.turn
	n.w.atTime(at, func() {
		if turn != n.turn {
			return
		}
		n.armed = time.Time{}
		n.step(func() { n.core.Advance(n.w.now, &n.out) })
	})
}

var errMedia = errors.New("bind: address already in use")

func (n *Node) media(op b2bua.MediaOp) {
	f := &n.w.Fault
	id := op.Session.ID
	switch op.Verb {
	case b2bua.MediaOpen, b2bua.MediaUpdate:
		f.Count.Media++
		var err error
		if f.Media == f.Count.Media-1 {
			err = errMedia
		} else {
			n.relay.set(op.Session, op.Verb == b2bua.MediaOpen)
		}
		if op.Verb == b2bua.MediaOpen || err != nil {
			n.core.MediaOpened(n.w.now, id, err, &n.out)
		}
	case b2bua.MediaClose:
		n.core.MediaClosed(n.w.now, n.relay.close(id), &n.out)
	}
}

// record checks a call record as it comes.
func (n *Node) record(r *cdr.Record) {
	n.Records = append(n.Records, r)
	w := n.w
	if r.End.Before(r.Start) || r.End.After(w.now) {
		w.fail("record %s: end %v, start %v", r.ID, r.End, r.Start)
	}
	for _, t := range [...]time.Time{r.Ringing, r.Answered} {
		if !t.IsZero() && (t.Before(r.Start) || t.After(r.End)) {
			w.fail("record %s: times out of order", r.ID)
		}
	}
	if !r.Answered.IsZero() && r.Ringing.After(r.Answered) {
		w.fail("record %s: rang after the answer", r.ID)
	}
	why := diag.ByID(r.Reason)
	if why == nil {
		w.fail("record %s: reason %q is not in the catalogue", r.ID, r.Reason)
	}
	if r.Reason == diag.ServerError.ID && w.Fault.Panic < 0 {
		w.fail("record %s: fault inside: %s", r.ID, r.Detail)
	}
	switch r.EndedBy {
	case "caller", "callee", "directsip":
	default:
		w.fail("record %s: ended by %q", r.ID, r.EndedBy)
	}
	if (r.Status == 200) != !r.Answered.IsZero() || r.Status < 200 {
		w.fail("record %s: status %d, answered %v", r.ID, r.Status, r.Answered)
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if a.Class == "" {
			w.fail("record %s: attempt %d has no class", r.ID, i+1)
		}
		if a.Took < 0 || a.At.Before(r.Start) || a.At.After(r.End) {
			w.fail("record %s: attempt %d: at %v took %v", r.ID, i+1, a.At, a.Took)
		}
	}
	if len(r.Ladder) == 0 || r.Version == "" || r.In.CallID == "" {
		w.fail("record %s is not complete", r.ID)
	}
}

// finish checks what must hold when all has come to rest.
func (n *Node) finish() {
	w := n.w
	began := make(map[string]int)
	for _, r := range n.Began { // again when it is answered
		began[r.ID] = 1
	}
	for _, r := range n.Records {
		began[r.ID]--
	}
	for _, r := range n.Began {
		if k := began[r.ID]; k != 0 {
			w.fail("%s: call %s from %s: %d records missing", n.name(), r.In.CallID, r.Calling.Received, k)
		}
	}
	if uint64(len(began)) != n.core.Counts().Calls {
		w.fail("%s: %d calls counted, %d began", n.name(), n.core.Counts().Calls, len(began))
	}
	if k := n.core.Counts().Panics; k > 0 && w.Fault.Panic < 0 {
		w.fail("%s: %d faults inside", n.name(), k)
	}
	if n.ports.InUse() != 0 || n.ports.Free() != n.free {
		w.fail("%s: %d media ports were not returned", n.name(), n.ports.InUse())
	}
	if len(n.relay.sessions) > 0 {
		w.fail("%s: %d media sessions were not closed", n.name(), len(n.relay.sessions))
	}
	if k := n.board.held(); k != 0 || n.core.Live() != 0 {
		w.fail("%s: %d places on trunks were not given back, %d live calls", n.name(), k, n.core.Live())
	}
	n.watch.finish()
}

// netAddr is the address of the node toward a host.
func (n *Node) netAddr(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(n.server.Addresses[0], port)
}
