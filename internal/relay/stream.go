package relay

import (
	"net/netip"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
)

// session is the media of one call. mu guards everything below it: the worker holds it while it takes one packet
// from a port of the session and passes it on, so a socket that is closed under mu is never used again, and whoever
// reads counters sees them whole.
type session struct {
	id      media.SessionID
	call    string     // by which logs name it
	worker  *worker    // that hears its new sockets; set when the session is opened
	control sync.Mutex // serialises open, update and close; taken before mu

	mu      sync.Mutex
	closed  bool
	timeout [2]time.Duration
	missed  [2]int64 // since when the side was silent that is reported, plus 1; 0: none is
	streams []*stream
	player  *player // nil until something is played
	name    string  // CNAME of our RTCP; "" until there is any
	pressed uint32  // the last of the keys that were pressed
}

// stream is one m-line.
type stream struct {
	session *session
	index   int
	opaque  bool
	sealed  bool               // SRTP between the peers: what is in the packets is not known
	clock   uint32             // of dynamic payload types, …
	slow    media.PayloadTypes // … of which these have 8000 Hz
	carrier carrier
	kernel  *kernel // nil: none is asked
	side    [2]side
	convert [2]*converter    // what comes from each side; nil: it passes as it is
	speech  [2]*media.Speech // that they were made of
}

// side is one peer of a stream: our two ports that it sends to, and what it sent.
type side struct {
	local      netip.AddrPort
	mux, fixed bool
	nowhere    bool // nothing is sent to it, and it is not missed
	xr         bool // it gets extended reports with ours
	send, recv bool
	first      bool // the first packet is reported
	ssrcKnown  bool // ssrc is what FixedSSRC holds on to
	ssrc       uint32
	trust      trust
	relatch    uint32
	confirmed  uint32
	heard      int64  // last packet of the admitted source, ns since the relay started
	armed      int64  // since when silence counts
	crypt      *crypt // nil: RTP
	agreed     media.PayloadTypes
	senders    []*sender
	receiver   *receiver // of the keys of its SDP; nil: it never had any
	rtp, rtcp  port
	count      counter
	witness    *quality.Witness // of its RTCP; nil: none came, and none of ours went
	kernel     offloaded
	made       *made // what goes to it that is ours; nil: nothing did
}

// port is one of our UDP ports.
type port struct {
	stream *stream
	side   media.SideIndex
	isRTCP bool
	heard  uint8 // datagrams by its socket since it was looked whether the peer has settled
	gate   gate
	socket socket
	older  backlog      // what a steered port takes no datagrams of
	way    way          // how its packets leave
	dtls   *association // nil: keys do not come from a handshake
	rested *association // what dtls was before T.38 has the port; nil: nothing
	ice    *component   // nil: the side has no ICE

	connected *connected // nil: the peer has not settled
	restedICE *component // what ice was before T.38 has the port; nil: nothing
}

func newStream(s *session, index int, c carrier) *stream {
	st := &stream{session: s, index: index, carrier: c}
	for i := range st.side {
		sd := &st.side[i]
		sd.rtp = port{stream: st, side: media.SideIndex(i), socket: noSocket}
		sd.rtcp = port{stream: st, side: media.SideIndex(i), isRTCP: true, socket: noSocket, gate: gate{rtp: &sd.rtp.gate}}
	}
	return st
}

// local is the port's address by the side's.
func (p *port) local() netip.AddrPort {
	a := p.stream.side[p.side].local
	if p.isRTCP {
		return rtcpAbove(a)
	}
	return a
}

// rtcpAbove is where RTCP goes by default (RFC 3550 §11).
func rtcpAbove(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// verdict is what becomes of a packet.
type verdict uint8

const (
	dropped verdict = iota
	gated
	passed
)

// receive decides about one datagram that came to p. It does no I/O: the carrier of the port sends to the returned
// address from the returned port. Events are appended to notices.
func (p *port) receive(b []byte, src *sockaddr, now int64, notices *notices) (v verdict, k kind, out *port, to *sockaddr) {
	st := p.stream
	from, other := &st.side[p.side], &st.side[1-p.side]
	switch k = classify(b, p.isRTCP, from.mux); {
	case st.opaque:
		k = opaque
	case k == notMedia && st.sealed && isDTLS(b):
		k = keying
	case k == notMedia:
		if !p.stray(src) { // else it says nothing of the peer
			from.count.dropped++
			from.count.strange(b, p.isRTCP)
		}
		return dropped, k, nil, nil
	}
	if !from.admits(p, src, now) && (k != rtp || !from.moves(p, src, peek(b), now)) {
		from.count.gate(src)
		return gated, k, nil, nil
	}
	if !st.regular(from, b, k) && from.count.beyond(now) {
		from.count.dropped++
		return dropped, k, nil, nil
	}
	from.heard = now // whether it may pass or not
	if k == rtcp || k == keying {
		if out = &other.rtp; k == rtcp {
			st.told(from, other, b, now)
			out = other.portFor(rtcp)
		} else if p.isRTCP { // where RTCP has an association of its own
			out = &other.rtcp
		}
		if to = out.gate.destination(other.trust.latch); to.size == 0 || other.nowhere || !out.socket.open() {
			from.count.dropped++
			return dropped, k, nil, nil
		}
		return passed, k, out, to
	}
	if k == rtp {
		h := peek(b)
		if from.fixed && !from.holds(h.ssrc) {
			from.count.block()
			from.count.dropped++
			from.count.otherSource++
			return dropped, k, nil, nil
		}
		st.strayed(from, now)
		from.count.look(b, h, from.agreed, st.sealed)
		from.count.observe(h, st.clockFor(p.side, h.payloadType), now)
	}
	if from.count.source != *src {
		from.count.source = *src
	}
	if !from.first {
		from.first = true
		notices.add(media.EventFirstPacket, st, p.side)
	}
	out = other.portFor(k)
	to = out.gate.destination(other.trust.latch)
	if !from.recv || !other.send || to.size == 0 || !out.socket.open() {
		from.count.block()
		from.count.dropped++
		from.count.stopped(!from.recv || !other.send)
		return dropped, k, nil, nil
	}
	return passed, k, out, to
}

// admits asks the gate of the port, and lets RTCP follow where RTP moves to.
func (sd *side) admits(p *port, src *sockaddr, now int64) bool {
	before, source := p.gate.rank, p.gate.latched
	if p.gate.ice != nil && sd.kernel.handle != 0 && *src != sd.count.source {
		p.stream.tally(sd) // or who is heard in the kernel would seem to be silent
	}
	if !p.gate.admit(src, &sd.trust, now) {
		return false
	}
	if p.gate.rank != before && !p.isRTCP {
		sd.rtcp.gate.review(&sd.trust)
	}
	if !p.isRTCP && p.gate.latched != source { // so what goes to this side goes elsewhere, too
		p.stream.session.recall()
	}
	if p.gate.ice != nil {
		p.stream.review()
	}
	return true
}

// moves lets who is heard send from another port of its host from now on, once after its peer has said again what stands: a NAT that has forgotten it gives it one
// (RFC 4787 §4.3), and its SDP does not know. That it is nobody else behind the same NAT is seen by its SSRC, whose numbers go on; or soon after, if it speaks as agreed,
// goes on to, and nothing comes from where it was.
func (sd *side) moves(p *port, src *sockaddr, h header, now int64) bool {
	g, c := &p.gate, &sd.count
	if !g.movable || g.ice != nil || g.rank == none || !src.sameHost(&g.latched) {
		return false
	}
	p.stream.tally(sd)
	same := c.running && h.ssrc == c.ssrc && h.sequence-c.highest-1 < maxDropout
	if !same && (now-g.confirmed > moveTime || !sd.agreed.Has(h.payloadType) || c.running && now-c.seen < int64(proofGap) || !g.proven(src, now)) {
		return false
	}
	g.move(src, &sd.trust)
	sd.rtcp.gate.forget() // which has a mapping of its own, and as old
	p.stream.session.recall()
	return true
}

// moveTime is how long after its peer's description another source of its host may take the place of who is heard.
const moveTime = int64(30 * time.Second)

// holds keeps the first SSRC until the next new SDP.
func (sd *side) holds(ssrc uint32) bool {
	if !sd.ssrcKnown {
		sd.ssrcKnown, sd.ssrc = true, ssrc
	}
	return sd.ssrc == ssrc
}

// portFor is our port towards this peer (RFC 5761: one for both when agreed).
func (sd *side) portFor(k kind) *port {
	if k == rtcp && !sd.mux {
		return &sd.rtcp
	}
	return &sd.rtp
}

// sent counts a packet that left.
func (c *counter) sent(k kind, size int, now int64) {
	if k == rtcp {
		c.rtcp++
		return
	}
	c.packets++
	c.withheld, c.holding, c.paused = c.withheld+c.holding, 0, false
	if k == opaque {
		c.t38++
	}
	c.bytes += uint64(size)
	if c.first == 0 {
		c.first = now
	}
	c.last = now
}

// notices collects events while a session is locked; they are delivered after that.
type notices struct {
	list []notice
}

type notice struct {
	kind    media.EventKind
	session media.SessionID
	stream  int
	side    media.SideIndex
	play    uint32
	key     byte
}

func (n *notices) add(k media.EventKind, st *stream, side media.SideIndex) {
	n.list = append(n.list, notice{kind: k, session: st.session.id, stream: st.index, side: side})
}

func (n *notices) deliver(to func(media.Event), at time.Time) {
	for _, e := range n.list {
		if to != nil {
			to(media.Event{Kind: e.kind, Session: e.session, Stream: e.stream, Side: e.side, Play: e.play, Key: e.key, At: at})
		}
	}
	n.list = n.list[:0]
}
