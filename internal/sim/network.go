package sim

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Link is how the network treats datagrams to and from one host.
type Link struct {
	Loss, Double  float64       // probability for each packet
	Told          float64       // probability for each lost packet that its sender hears of that (ICMP)
	Delay, Jitter time.Duration // one way; the jitter is uniform and reorders
}

// Network carries packets. Connections keep order and lose nothing while they stand.
type Network struct {
	Default Link
	Links   map[string]Link // by name of the host
	Breaks  float64         // probability for each message by a connection that this breaks, and loses it and what is on its way

	w      *World
	broken *rand.Rand
	conns  []*conn
	flying int
	told   bool // of the last packet
	names  map[string][]netip.Addr
}

// packet is one message on its way.
type packet struct {
	transport sip.Transport
	from, to  netip.AddrPort
	flow      uint64
	dialled   bool // by the receiver
	names     []string
	data      []byte
}

// conn is one connection; its number is the flow.
type conn struct {
	flow   uint64
	dialer netip.AddrPort // ephemeral
	listen netip.AddrPort // of the dialling side, where it listens itself
	remote netip.AddrPort
	tr     sip.Transport
	last   [2]time.Time // when the last message of each direction arrives
	open   bool
	ended  time.Time
}

func (n *Network) start(w *World) {
	n.broken = rand.New(rand.NewPCG(w.Seed, 0xb4ea))
	n.w, n.Default = w, Link{Delay: 10 * time.Millisecond}
	n.Links = make(map[string]Link)
	n.names = map[string][]netip.Addr{
		"sbc.sim.example": {netip.MustParseAddr("198.51.100.21"), netip.MustParseAddr("198.51.100.22")},
	}
}

// addresses of a gateway: its own, or those of its name.
func (n *Network) addresses(g *topology.Gateway) []netip.Addr {
	if g.Addr.IsValid() {
		return []netip.Addr{g.Addr}
	}
	return n.names[g.Host]
}

// lookup answers a node's question for a name.
func (n *Network) lookup(q b2bua.Resolve) []b2bua.Addr {
	f := &n.w.Fault
	f.Count.Names++
	if f.Name == f.Count.Names-1 {
		return nil
	}
	port := q.Port
	if port == 0 {
		port = 5060
	}
	var list []b2bua.Addr
	for _, a := range n.names[q.Host] {
		list = append(list, b2bua.Addr{Remote: netip.AddrPortFrom(a, port), Name: q.Host})
	}
	return list
}

func (n *Network) link(a, b station) Link {
	if l, ok := n.Links[a.name()]; ok {
		return l
	}
	if l, ok := n.Links[b.name()]; ok {
		return l
	}
	return n.Default
}

// send puts a message on the wire; false: it could not be sent.
func (n *Network) send(from station, hop sip.Hop, data []byte) bool {
	to := n.w.at[hop.Remote.Addr()]
	if to == nil {
		return hop.Transport == sip.UDP // lost, or nobody to connect to
	}
	if hop.Transport == sip.UDP {
		n.datagram(from, to, &packet{transport: sip.UDP, from: hop.Local, to: hop.Remote, data: data})
		return true
	}
	return n.stream(from, to, hop, data)
}

func (n *Network) datagram(from, to station, p *packet) {
	l, f := n.link(from, to), &n.w.Fault
	i := f.Count.Packets
	f.Count.Packets++
	if x := n.w.Paths; x != nil {
		n.w.Trace.add(n.w, from, to, p.data, p.transport, x.send(n.w, from, to, func() { to.arrive(p) }))
		return
	}
	copies := 1
	if l.Loss > 0 && n.w.rnd.Float64() < l.Loss || f.Drop == i {
		copies = 0
		n.told = l.Told > 0 && n.w.rnd.Float64() < l.Told
	} else if l.Double > 0 && n.w.rnd.Float64() < l.Double || f.Double == i {
		copies = 2
	}
	n.w.Trace.add(n.w, from, to, p.data, p.transport, copies)
	for range copies {
		d := l.Delay
		if l.Jitter > 0 {
			d += time.Duration(n.w.rnd.Int64N(int64(l.Jitter)))
		}
		n.deliver(to, p, n.w.now.Add(d))
	}
}

func (n *Network) deliver(to station, p *packet, at time.Time) {
	n.flying++
	n.w.atTime(at, func() {
		n.flying--
		to.arrive(p)
	})
}

// stream sends over the flow, over another connection between the two, or over a new one.
func (n *Network) stream(from, to station, hop sip.Hop, data []byte) bool {
	c := n.find(hop)
	if c == nil {
		if h, ok := to.(*Host); ok && h.NoTCP {
			return false
		}
		if _, ok := from.(*Host); ok {
			for _, old := range n.conns { // who dials back does so where the other listens
				if old.dialer == hop.Remote {
					hop.Remote = old.listen
				}
			}
		}
		c = &conn{flow: uint64(len(n.conns) + 1), dialer: netip.AddrPortFrom(hop.Local.Addr(), uint16(30000+len(n.conns)%30000)),
			listen: hop.Local, remote: hop.Remote, tr: hop.Transport, open: true}
		n.conns = append(n.conns, c)
	}
	p := &packet{transport: hop.Transport, flow: c.flow, data: data, names: []string{from.name()}}
	dir := 0
	if hop.Local.Addr() == c.dialer.Addr() {
		p.from, p.to = c.dialer, c.remote
	} else {
		p.from, p.to, p.dialled, dir = c.remote, c.listen, true, 1
	}
	at := n.w.now.Add(n.link(from, to).Delay)
	if !at.After(c.last[dir]) {
		at = c.last[dir].Add(time.Microsecond)
	}
	c.last[dir] = at
	if n.Breaks > 0 && n.broken.Float64() < n.Breaks {
		c.open, c.ended = false, n.w.now
		n.lose(data)
		n.w.Trace.add(n.w, from, to, data, hop.Transport, 0)
		return one(n.broken, 2) // it was written, or was not
	}
	n.w.Trace.add(n.w, from, to, data, hop.Transport, 1)
	if x := n.w.Paths; x != nil {
		x.sendSafely(from, to, func() { to.arrive(p) })
		return true
	}
	n.flying++
	n.w.atTime(at, func() {
		n.flying--
		if c.open || c.ended.After(at) {
			to.arrive(p)
		} else {
			n.lose(data)
		}
	})
	return true
}

// lose notes whose message was lost with its connection.
func (n *Network) lose(data []byte) {
	if m, err := sip.Parse(data, nil); err == nil {
		n.w.cut[strings.Clone(m.CallID())] = true
	}
}

// find looks for the connection of a hop.
func (n *Network) find(hop sip.Hop) *conn {
	if f := hop.Flow; f > 0 && f <= uint64(len(n.conns)) && n.conns[f-1].open {
		return n.conns[f-1]
	}
	for _, c := range n.conns {
		if c.open && c.tr == hop.Transport && (c.remote == hop.Remote && c.dialer.Addr() == hop.Local.Addr() ||
			c.dialer == hop.Remote && c.remote.Addr() == hop.Local.Addr()) {
			return c
		}
	}
	return nil
}
