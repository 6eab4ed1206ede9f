// Package b2bua is one call: two independent legs (RFC 7092) with offers, answers, progress and hang-up carried from one to the
// other, and hunting over the targets of a routing decision.
//
// A Call is a pure machine. Its owner feeds it messages, time and results, and performs what it appends to Out. One
// owner per call: nothing here is safe for concurrent use, and nothing needs to be.
package b2bua

import (
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// Out collects what the world must do for calls, to be performed in this order: media, names, sends, records.
type Out struct {
	txn.Out
	// CallIDs are Call-IDs whose messages belong to the call from now on.
	CallIDs []string
	// Media is performed before the next input of the call; Open and Grow are answered by Call.MediaOpened, Close by Call.MediaClosed.
	Media []MediaOp
	// Resolve is answered by Call.Resolved.
	Resolve []Resolve
	// Began are calls that exist from now on, so that one that is lost with the server still gets a record. Read them at once.
	Began   []*cdr.Record
	Records []*cdr.Record
	Results []Result
	// Passages are legs that leave for the call of another dialog, answered by Returns, and Forwards are messages of such: both go to the
	// shard that a Call-ID belongs to. Left are Call-IDs of which forwarded messages need not come any more: every shard is told.
	Passages []*Passage
	Returns  []*Passage
	Forwards []Forward
	Left     []string
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() {
	clear(o.Sends)
	clear(o.CallIDs)
	clear(o.Media)
	clear(o.Resolve)
	clear(o.Began)
	clear(o.Records)
	clear(o.Passages)
	clear(o.Returns)
	clear(o.Forwards)
	clear(o.Left)
	o.Sends, o.CallIDs, o.Media = o.Sends[:0], o.CallIDs[:0], o.Media[:0]
	o.Began = o.Began[:0]
	o.Passages, o.Returns, o.Forwards, o.Left = o.Passages[:0], o.Returns[:0], o.Forwards[:0], o.Left[:0]
	o.Resolve, o.Records, o.Results = o.Resolve[:0], o.Records[:0], o.Results[:0]
}

// MediaVerb says what to do with a media session.
type MediaVerb uint8

// The verbs.
const (
	MediaOpen   MediaVerb = iota + 1
	MediaUpdate           // Call.MediaOpened is told if it fails
	MediaGrow             // an update that opens ports
	MediaClose
)

// MediaOp is one thing for the relay to do.
type MediaOp struct {
	Verb    MediaVerb
	Session *media.Session // the wanted state, not changed afterwards; for MediaClose only its ID counts
}

// Resolve asks for the addresses of a name (RFC 3263).
type Resolve struct {
	Session   media.SessionID
	Attempt   int
	Host      string
	Port      uint16 // 0: by SRV
	Transport sip.Transport
	IPv4      bool
	IPv6      bool
}

// Addr is one answer to Resolve, in fail-over order.
type Addr struct {
	Remote netip.AddrPort
	Name   string // the name to check a certificate against
}

// Result is what a live call says of a trunk's health.
type Result struct {
	Trunk *topology.Trunk
	What  health.Result
	At    time.Time
	// Pause: the peer wants no calls for so long (RFC 3261 §21.5.4); 0: it did not say so.
	Pause time.Duration
}
