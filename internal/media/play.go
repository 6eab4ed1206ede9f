package media

import "time"

// PacketTime is what one packet of a Play holds (RFC 3551 §4.2 recommends it).
const PacketTime = 20 * time.Millisecond

// PacketSamples are the samples in it, at the 8 kHz of G.711.
const PacketSamples = 160

// Play is sound that the relay plays to one side of a stream: an announcement, a tone, music.
type Play struct {
	ID          uint32 // not 0; a new one begins anew, one that stays goes on where it is
	Stream      int
	To          SideIndex
	Samples     []byte // G.711, an octet each; never changed
	PayloadType uint8
	Silence     byte  // the code of a sample of 0, to fill up the last packet
	Times       int   // how often, and then EventPlayed tells the end; 0: until the session says otherwise
	Yield       Yield // to what the other side sends
}

// Yield says what becomes of a Play when the other side sends to the party that hears it.
type Yield uint8

// The ways to yield.
const (
	YieldNever   Yield = iota // the other side is not heard meanwhile
	YieldToMedia              // it is silent while the other side sends, and for YieldTime after
	YieldForGood              // it ends with the first packet of the other side, and EventPlayed tells that
)

// YieldTime is how long the other side must have been silent.
const YieldTime = time.Second

// Duration is how long it takes; 0: for ever.
func (p *Play) Duration() time.Duration {
	return time.Duration((len(p.Samples)*p.Times+PacketSamples-1)/PacketSamples) * PacketTime
}
