package relay

import (
	"time"

	"github.com/directsip/directsip/internal/media"
)

// rank says how much a source has to do with the signalling. A latched gate opens for a higher rank only.
type rank uint8

const (
	none       rank = iota
	stranger        // any other host; it latches under LatchAny only
	signalling      // the host that the signalling comes from: a peer behind NAT, whose SDP has a private address
	host            // the announced host with another port
	announced       // exactly what the SDP said
)

// Where strangers may latch, each must keep sending before it does: a 20 ms stream needs 200 ms for that, and a spray over
// our port range never does. Meanwhile a source with a better claim can come and win.
const (
	proofPackets = 5
	proofSpan    = 200 * time.Millisecond
	proofGap     = 500 * time.Millisecond // a candidate silent for so long is forgotten
	secondGap    = 100 * time.Millisecond // one of a single packet gives way to another as soon: of a spray nearly all are such
)

// trust is what the call says of a side's sources, besides what its SDP announces.
type trust struct {
	latch      media.Latch
	signalling sockaddr // port 0; size 0: unknown
}

// gate decides which source may send to one of our ports, and learns where to send back (symmetric RTP, RFC 4961).
type gate struct {
	announced sockaddr // by the SDP; size 0: unknown
	latched   sockaddr // valid while rank is not none
	previous  sockaddr // latched before the gate was opened again for the same announced address
	rank      rank
	movable   bool        // once, to another port of its host
	confirmed int64       // since when, ns since the relay started
	rtp       *gate       // of the RTP port, if this is the gate of an RTCP port
	watched   *candidates // nil until there is one
	ice       *component  // checks decide alone; nil: all of the above
}

// candidate is a stranger that is being watched.
type candidate struct {
	source      sockaddr
	packets     int
	since, last int64 // ns since the relay started
}

// candidates are those that are watched at a time, each in the place of its address: a spray takes them all again and again, and leaves one to a peer soon.
type candidates [8]candidate

// announce sets what the SDP says. With reopen the gate forgets its source, and with another address: that of RTCP may change alone (RFC 3605), and that of RTP
// come when the other side takes an m-line that it has refused so far. It remembers it as the destination when the
// announced address stays, because a session refresh must not interrupt a peer behind NAT.
func (g *gate) announce(remote sockaddr, reopen bool, t *trust) {
	moved := g.announced != remote
	g.announced = remote
	if reopen || moved && remote.size != 0 {
		switch {
		case moved:
			g.previous = sockaddr{}
		case g.rank != none:
			g.previous = g.latched
		}
		g.unlatch()
		g.watched, g.movable = nil, false
	}
	g.review(t)
}

// review ranks what the gate has learnt anew, after something changed, and forgets what may not send any more.
func (g *gate) review(t *trust) {
	if g.rank != none {
		if g.rank = g.rankOf(&g.latched, t); g.rank == none {
			g.unlatch()
		}
	}
	if g.previous.size != 0 && g.rankOf(&g.previous, t) == none {
		g.previous = sockaddr{}
	}
}

// move latches another port of the same host.
func (g *gate) move(src *sockaddr, t *trust) {
	g.latched, g.movable, g.watched = *src, false, nil
	g.rank = g.rankOf(src, t)
}

// forget lets any port of the host latch that may, and sends to the one before meanwhile.
func (g *gate) forget() {
	if g.rank != none {
		g.previous = g.latched
		g.unlatch()
	}
}

func (g *gate) unlatch() { g.rank, g.latched = none, sockaddr{} }

// admit says whether a packet from src may pass. It latches src where the rules in the package comment allow it.
func (g *gate) admit(src *sockaddr, t *trust, now int64) bool {
	if g.ice != nil {
		return g.ice.passes(src, now)
	}
	if t.latch == media.LatchOff {
		return g.announced.size != 0 && *src == g.announced
	}
	if g.rank != none && *src == g.latched {
		return true
	}
	r := g.rankOf(src, t)
	if r <= g.rank || r == stranger && *src != g.previous && !g.proven(src, now) {
		return false
	}
	g.latched, g.rank = *src, r
	return true
}

// rankOf is none for a source that may never send. RTCP comes from the host that RTP comes from; while none has come, from
// one that it may come from by the signalling or has come from before.
func (g *gate) rankOf(src *sockaddr, t *trust) rank {
	switch {
	case g.announced.size != 0 && *src == g.announced:
		return announced
	case g.rtp != nil && g.rtp.rank != none:
		if src.sameHost(&g.rtp.latched) {
			return host
		}
		return none
	case src.sameHost(&g.announced), g.rtp != nil && src.sameHost(&g.rtp.announced):
		return host
	case src.sameHost(&t.signalling), g.rtp != nil && src.sameHost(&g.rtp.previous):
		return signalling
	case g.rtp == nil && t.latch == media.LatchAny:
		return stranger
	}
	return none
}

// proven counts a stranger's packets. A candidate keeps its place while it sends, and before all that came after it.
func (g *gate) proven(src *sockaddr, now int64) bool {
	if g.watched == nil {
		g.watched = new(candidates)
	}
	c := &g.watched[src.place(len(g.watched))]
	switch silent := now - c.last; {
	case c.packets == 0, silent >= int64(proofGap):
		*c = candidate{source: *src, since: now}
	case c.source == *src:
	case c.packets == 1 && silent >= int64(secondGap):
		*c = candidate{source: *src, since: now}
	default:
		return false
	}
	c.last = now
	c.packets++
	if c.packets < proofPackets || now-c.since < int64(proofSpan) {
		return false
	}
	for i := range g.watched {
		if x := &g.watched[i]; x.packets > 1 && x.since < c.since && now-x.last < int64(proofGap) {
			return false
		}
	}
	return true
}

// destination is where packets to this peer go; size 0: not known yet.
func (g *gate) destination(latch media.Latch) *sockaddr {
	switch {
	case g.ice != nil:
		return &g.ice.selected
	case latch == media.LatchOff:
	case g.rank != none:
		return &g.latched
	case g.previous.size != 0:
		return &g.previous
	}
	return &g.announced
}
