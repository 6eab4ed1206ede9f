// Package media has the words that the call and the relay share: what to open, what was counted, what happened. Pure.
package media

import (
	"net/netip"
	"time"
)

// SessionID names the media of one call on this server.
type SessionID uint64

// SideIndex is 0 for the caller's side (leg A), 1 for the callee's (leg B).
type SideIndex int

// Session is the wanted state of the media of one call. Opening binds the ports of every stream; updating
// replaces remote addresses and policy without touching ports that stay.
type Session struct {
	ID      SessionID
	Call    string // the id of its record, by which logs name it
	Streams []Stream
	// Timeout: no packet from one side, in a direction that should flow, for so long → Dead event. 0 off.
	Timeout [2]time.Duration
	// Presses are keys that the relay presses toward a side, each once, in the order of their IDs.
	Presses []Press
	// Play is what the relay plays by itself; nil: nothing.
	Play *Play
}

// Stream is one m-line: RTP and RTCP between two sides.
type Stream struct {
	Side [2]Side
	// Opaque: not RTP (T.38 UDPTL): passed on unchecked, only the source gate applies, and never reported dead.
	Opaque bool
	// ClockRate of the dynamic payload types in Hz, for the jitter; 0: 8000.
	ClockRate uint32
	// Slow are those of them that have 8000 Hz where others have more.
	Slow PayloadTypes
	// Sealed: SRTP whose keys are between the peers, so that nothing behind the headers is known.
	Sealed bool
}

// Side is one side of a stream.
type Side struct {
	Local      netip.AddrPort // our RTP port (even); RTCP is the next one. Chosen by the core
	Remote     netip.AddrPort // where the peer wants RTP (its SDP); zero value: unknown yet
	RemoteRTCP netip.AddrPort // where the peer wants RTCP; zero: Remote's port + 1
	Nowhere    bool           // its SDP has 0.0.0.0: Remote is where it was, and may send from; nothing is sent there, RTCP neither (RFC 3264 §8.4)
	Mux        bool           // RTP and RTCP share the RTP port (RFC 5761)
	Latch      Latch          // whose packets may become the gate and the destination (symmetric RTP, RFC 4961)
	Signalling netip.Addr     // the host that the peer's signalling comes from; zero: unknown
	FixedSSRC  bool           // a new SSRC from the gated source needs a new SDP
	XR         bool           // RTCP of ours has extended reports (RFC 3611)
	Relatch    uint32         // a changed value opens the gate again (new SDP from the peer)
	Confirmed  uint32         // a changed value: the peer has said again what stands, and may send from another port of its host, once
	Send       bool           // we may send to this peer (its direction has recv)
	Recv       bool           // we take from this peer (its direction has send)
	Crypt      *Crypt         // SRTP toward this peer; nil: RTP
	Agreed     PayloadTypes   // that this peer may send; zero value: unknown
	Digits     PayloadTypes   // of those, telephone-event (RFC 4733)
	DTLS       *DTLS          // keys come from a handshake, and Crypt says nothing; nil: they do not
	Speech     *Speech        // how this peer speaks, if packets must be converted; nil for either: they pass as they are
	ICE        *ICE           // checks decide which sources may send, and Latch says nothing; nil: it does
}

// Latch says which sources a side may be latched to.
type Latch uint8

// The policies of latching.
const (
	LatchOff  Latch = iota // none: packets pass from the announced address and port only
	LatchPeer              // any port of the announced host and of the host that the signalling comes from
	LatchAny               // those, and any host that keeps sending while they are silent
)

// Counters of one direction of one stream: packets that arrived from one side and what became of them.
type Counters struct {
	Packets, Bytes uint64         // RTP relayed, and what went over an Opaque stream
	T38            uint64         // the latter
	RTCP           uint64         // RTCP packets relayed, or read where speech is coded anew
	Lost           uint64         // by sequence numbers (RFC 3550 A.3)
	Jitter         time.Duration  // RFC 3550 §6.4.1, the mean of once a second, by the clock rate given by PT, 8 kHz when unknown
	Gated          uint64         // dropped: not the latched source
	GatedFrom      netip.AddrPort // of the host that most of those came from, the last
	Scattered      bool           // a quarter of those at least came from other hosts
	Dropped        uint64         // dropped: no destination yet, not RTP, held, SSRC policy
	Unauthentic    uint64         // dropped: SRTP that the keys do not fit, or a replay
	SendErrors     uint64
	First, Last    time.Time      // of relayed RTP
	Source         netip.AddrPort // where the packets came from
	PayloadType    uint8          // of the last RTP packet
	SSRC           uint32
	Observed
}

// Tier is how the packets of a stream travel through this server.
type Tier uint8

// The tiers, best last.
const (
	TierSockets Tier = iota + 1 // a UDP socket per port
	TierSteered                 // one socket per worker, into which the kernel steers the port range
	TierKernel                  // rewritten and sent on in the kernel
)

// String names the tier as the console and the call record do; "" for none.
func (t Tier) String() string {
	switch t {
	case TierSockets:
		return "sockets"
	case TierSteered:
		return "steered"
	case TierKernel:
		return "kernel"
	}
	return ""
}

// StreamStats has the counters of packets that arrived from side 0 and from side 1.
type StreamStats struct {
	From  [2]Counters
	Keyed [2]Suite // of SRTP toward each side; 0: it has none, or no handshake has ended
	Tier  Tier     // 0: the stream has no ports
	Why   string   // not a better tier; "": it is the best, or nothing is known
}

// Stats is what a session counted.
type Stats struct {
	ID      SessionID
	Streams []StreamStats
	Played  [2]uint64 // packets of our own to side 0 and to side 1
}

// EventKind says what a relay noticed.
type EventKind uint8

// The events.
const (
	EventFirstPacket EventKind = iota + 1 // first RTP from a side
	EventDead                             // nothing from a side for the session's Timeout
	EventPlayed                           // what is played has ended by itself
	EventKey                              // a side has pressed a key of DTMF that the other one has by SIP
)

// Event is something that the relay tells the call's owner. Only events reach a shard, never packets.
type Event struct {
	Kind    EventKind
	Session SessionID
	Stream  int
	Side    SideIndex
	Play    uint32 // the ID of what was played
	Key     byte   // that was pressed
	At      time.Time
}
