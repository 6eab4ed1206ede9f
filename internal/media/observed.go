package media

import (
	"time"

	"github.com/directsip/directsip/internal/quality"
)

// PayloadTypes is a set of payload types of RTP, a bit each.
type PayloadTypes [2]uint64

// Add puts one in.
func (p *PayloadTypes) Add(payloadType uint8) { p[payloadType>>6&1] |= 1 << (payloadType & 63) }

// Has tells whether one is in it.
func (p *PayloadTypes) Has(payloadType uint8) bool {
	return p[payloadType>>6&1]>>(payloadType&63)&1 != 0
}

// Observed is what tells how well a side is heard, or why not.
type Observed struct {
	Pattern quality.Pattern  // of losses
	Late    uint64           // RTP that came too late for a buffer of quality.Buffer
	Waited  uint64           // of that, what had lain here for longer: it is no fault of the network
	Levels  quality.Levels   // of G.711
	Witness *quality.Witness // what RTCP from this side says; nil: none came

	Sources     uint32 // SSRCs, one after the other
	Foreign     uint64 // RTP of payload types that were not agreed on
	ForeignType uint8  // the last of those
	Measured    uint64 // RTP whose size was compared with its time
	Still       uint64 // of that, what has the time of the packet before
	Misfit      uint64 // of that, what its codec cannot be

	Noise  uint64 // packets of comfort noise (RFC 3389)
	Pauses uint64 // pauses in talk of which no such packet tells

	// Parts of Dropped.
	Held        uint64 // by the SDP it may not be sent, or not be heard
	Nowhere     uint64 // the other side has not said where to
	OtherSource uint64 // SSRC policy
	STUN, DTLS  uint64
	Misported   uint64 // RTP that came to our port for RTCP
	Oversized   uint64 // longer than any packet that is relayed
	Unsealed    uint64 // the other side has SRTP, and there are no keys for it
	Unfit       uint64 // the other side takes no such payload type, and it cannot be converted
	Clear       uint64 // plain RTCP where SRTCP was agreed on; dropped, and not among Unauthentic

	Anew      bool // speech is coded anew, so the other side has a source of ours
	ICE       bool // checks of ICE decide who may send
	Unchecked bool // and none came with our password
	Lapsed    bool // they did, and then ours were not answered for so long that nothing is sent there any more (RFC 7675)
	Unshaken  bool // keys come from a handshake of DTLS, and there are none
	// UnshakenWhy is what became of the handshake.
	UnshakenWhy string

	// Since is what did not pass, by the reason, since a packet passed for the last time.
	Since Refusals

	SendError  string // the last of SendErrors, which are toward the other side
	Refused    uint64 // ICMP that answers what we send to this side: nobody is there, or no way
	RefusedWhy string // the last one
	// FirstRefused and LastRefused are when the first and the last came.
	FirstRefused, LastRefused time.Time
}

// Refusals are packets that came and did not pass, by the reason.
type Refusals struct {
	Gated, Unauthentic, Held, Nowhere, OtherSource, Unsealed, Unfit, SendErrors uint64
}

// Less is what has come to it since it was before.
func (r *Refusals) Less(before *Refusals) Refusals {
	return Refusals{r.Gated - before.Gated, r.Unauthentic - before.Unauthentic, r.Held - before.Held, r.Nowhere - before.Nowhere,
		r.OtherSource - before.OtherSource, r.Unsealed - before.Unsealed, r.Unfit - before.Unfit, r.SendErrors - before.SendErrors}
}
