package relay

import "time"

// rank says how much a source has to do with the signalling. A latched gate opens for a higher rank only.
type rank uint8

const (
	none      rank = iota
	stranger       // another host: a peer behind NAT, or an attacker
	host           // the announced host with another port, or the source that was latched before a re-offer of the same address
	announced      // exactly what the SDP said
)

// A stranger must keep sending before it latches: one 20 ms stream does so with its third packet, a short spray over
// our port range does not. Meanwhile the announced source can come and win.
const (
	proofPackets = 3
	proofSpan    = 35 * time.Millisecond
	proofGap     = 500 * time.Millisecond // a candidate silent for so long is forgotten
)

// gate decides which source may send to one of our ports, and learns where to send back (symmetric RTP, RFC 4961).
type gate struct {
	announced sockaddr // by the SDP; size 0: unknown
	latched   sockaddr // valid while rank is not none
	previous  sockaddr // latched before the gate was opened again for the same announced address
	rank      rank

	candidate             sockaddr // a stranger that is being watched
	candidateN            uint8
	candidateAt, lastSeen int64 // ns since the relay started
}

// announce sets what the SDP says. With reopen the gate forgets its source; it remembers it as a known host when the
// announced address stays, because a session refresh must not interrupt a peer behind NAT.
func (g *gate) announce(remote sockaddr, reopen bool) {
	moved := g.announced != remote
	g.announced = remote
	if reopen {
		switch {
		case moved:
			g.previous = sockaddr{}
		case g.rank != none:
			g.previous = g.latched
		}
		g.rank, g.latched = none, sockaddr{}
		g.candidate, g.candidateN = sockaddr{}, 0
		return
	}
	if g.rank != none && moved {
		g.rank = g.rankOf(&g.latched)
	}
}

// admit says whether a packet from src may pass. It latches src where the rules in the package comment allow it.
func (g *gate) admit(src *sockaddr, latch bool, now int64) bool {
	if !latch {
		return g.announced.size != 0 && *src == g.announced
	}
	if g.rank != none && *src == g.latched {
		return true
	}
	r := g.rankOf(src)
	if r <= g.rank || r == stranger && !g.proven(src, now) {
		return false
	}
	g.latched, g.rank = *src, r
	return true
}

// admitRTCP is admit for the RTCP port: the host must be the one that the stream's RTP comes from, or is announced
// to come from while none has come.
func (g *gate) admitRTCP(src *sockaddr, latch bool, media *gate) bool {
	if !latch {
		return g.announced.size != 0 && *src == g.announced
	}
	if g.rank != none && *src == g.latched {
		return true
	}
	r := none
	switch {
	case g.announced.size != 0 && *src == g.announced:
		r = announced
	case media.rank != none && src.sameHost(&media.latched), media.rank == none && src.sameHost(&media.announced):
		r = host
	}
	if r <= g.rank {
		return false
	}
	g.latched, g.rank = *src, r
	return true
}

// followHost lets go of an RTCP source whose host is no longer that of the stream's RTP.
func (g *gate) followHost(media *gate) {
	if g.rank == host && !g.latched.sameHost(&media.latched) {
		g.rank, g.latched = none, sockaddr{}
	}
	if !g.previous.sameHost(&media.latched) {
		g.previous = sockaddr{}
	}
}

func (g *gate) rankOf(src *sockaddr) rank {
	switch {
	case g.announced.size != 0 && *src == g.announced:
		return announced
	case src.sameHost(&g.announced), g.previous.size != 0 && *src == g.previous:
		return host
	}
	return stranger
}

// proven counts a stranger's packets. One candidate is watched at a time, and it keeps its place while it sends.
func (g *gate) proven(src *sockaddr, now int64) bool {
	if *src != g.candidate {
		if g.candidateN > 0 && now-g.lastSeen < int64(proofGap) {
			return false
		}
		g.candidate, g.candidateN, g.candidateAt = *src, 0, now
	} else if now-g.lastSeen >= int64(proofGap) {
		g.candidateN, g.candidateAt = 0, now
	}
	g.lastSeen = now
	if g.candidateN < proofPackets {
		g.candidateN++
	}
	return g.candidateN >= proofPackets && now-g.candidateAt >= int64(proofSpan)
}

// destination is where packets to this peer go; size 0: not known yet.
func (g *gate) destination(latch bool) *sockaddr {
	switch {
	case latch && g.rank != none:
		return &g.latched
	case latch && g.previous.size != 0:
		return &g.previous
	}
	return &g.announced
}
