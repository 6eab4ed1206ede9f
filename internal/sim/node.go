package sim

import (
	"errors"
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

// Node is one server: its cores and the world around them, which does what the engine does.
type Node struct {
	Records []*cdr.Record
	Began   []*cdr.Record

	// Moves are legs that went from call to call, Forwards the messages that one shard has handed to another.
	Moves, Forwards int

	w      *World
	id     int
	server *topology.Server
	shards []*shard
	ports  *media.Ports
	free   int // ports at the beginning
	relay  *relay
	board  *board
	watch  *watch
	still  time.Time                // it stands still until then
	missed bool                     // it has stood still for so long that callers may have given up unheard, and that a BYE may have been lost and is repeated no more
	handed map[*sip.Message]*packet // messages on their way to another shard
}

func newNode(w *World, id int, s *topology.Server, shards int) *Node {
	n := &Node{w: w, id: id, server: s, handed: make(map[*sip.Message]*packet)}
	n.ports = media.NewPorts(s.MediaPorts.First, s.MediaPorts.Last, quarantine)
	n.free = n.ports.Free()
	n.relay = &relay{n: n, sessions: make(map[media.SessionID]*session), ever: make(map[media.SessionID]bool), ports: make(map[uint16]media.SessionID),
		keys: make(map[string]media.SessionID)}
	n.board = newBoard(w, s)
	n.watch = newWatch(n)
	for i := range shards {
		n.shards = append(n.shards, newShard(n, i, shards))
	}
	for _, s := range n.shards {
		s.perform()
	}
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
const ownCallID = "b2b."

func (n *Node) name() string {
	name := n.server.Name
	for i := range name {
		if name[i] == '.' {
			return name[:i]
		}
	}
	return name
}

// Core is that of the first shard, the only one unless the World has several.
func (n *Node) Core() *ua.Core { return n.shards[0].core }

// Live is the number of calls that have not ended.
func (n *Node) Live() (k int) {
	for _, s := range n.shards {
		k += s.core.Live()
	}
	return k
}

// Drain stops or resumes taking new calls.
func (n *Node) Drain(on bool) {
	n.each(func(now time.Time, c *ua.Core, _ *ua.Out) { c.Drain(now, on) })
}

// Terminate ends every call.
func (n *Node) Terminate(why *diag.Reason) {
	n.each(func(now time.Time, c *ua.Core, out *ua.Out) { c.Terminate(now, why, out) })
}

// Configure gives the node another document.
func (n *Node) Configure(snap *topology.Snapshot) {
	n.w.applied = n.w.now
	n.each(func(now time.Time, c *ua.Core, _ *ua.Out) { c.Configure(now, snap) })
}

func (n *Node) health(t *topology.Trunk, _ health.Event, st health.Status) {
	n.board.state[t.Name] = st.State
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
	s := n.shardOf(m.CallID())
	s.soon(func() {
		s.take(p, m, func(now time.Time, c *ua.Core, out *ua.Out) { c.Receive(now, src, m, out) })
	})
}

var errMedia = errors.New("bind: address already in use")

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
	calls := uint64(0)
	for i, s := range n.shards {
		calls += s.core.Counts().Calls
		if k := s.core.Counts().Panics; k > 0 && w.Fault.Panic < 0 {
			w.fail("%s: %d faults inside", n.name(), k)
		}
		if k := s.core.Away(); k > 0 && n.held() == 0 {
			w.fail("%s: shard %d still looks for %d legs elsewhere", n.name(), i, k)
		}
	}
	if uint64(len(began)) != calls {
		w.fail("%s: %d calls counted, %d began", n.name(), calls, len(began))
	}
	if k := n.ports.InUse(); k != 0 {
		w.fail("%s: %d media ports were not returned", n.name(), k)
	}
	if free := n.ports.Free(); free != n.free {
		w.fail("%s: %d media ports are free, %d were", n.name(), free, n.free)
	}
	if len(n.handed) > 0 {
		w.fail("%s: %d messages were lost between shards", n.name(), len(n.handed))
	}
	if len(n.relay.sessions) > 0 {
		w.fail("%s: %d media sessions were not closed", n.name(), len(n.relay.sessions))
	}
	if k := n.board.held(); k != 0 || n.Live() != 0 {
		w.fail("%s: %d places on trunks were not given back, %d live calls", n.name(), k, n.Live())
	}
	n.watch.finish()
	n.finishRegistrations()
}

// netAddr is the address of the node toward a host.
func (n *Node) netAddr(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(n.server.Addresses[0], port)
}
