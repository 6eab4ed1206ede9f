package media

import (
	"time"

	"github.com/directsip/directsip/internal/sound"
)

// PacketTime is what a packet holds of who wants nothing else.
const PacketTime = sound.PacketTime

// PacketUnit is what packets of a Play have whole multiples of, up to MaxPacketTime.
const (
	PacketUnit    = PacketTime / 2
	MaxPacketTime = 3 * PacketTime
)

// Play is sound that the relay plays to one side of a stream: an announcement, a tone, music.
type Play struct {
	ID          uint32 // not 0; a new one begins anew, one that stays goes on where it is
	Stream      int
	To          SideIndex
	Clip        *sound.Clip
	Codec       Codec // one that speaks
	PayloadType uint8
	PacketTime  time.Duration // that who hears it wants; 0: PacketTime. Opus has PacketTime always, which its receivers find in the packet (RFC 6716 §3.1)
	Times       int           // how often, and then EventPlayed tells the end; 0: until the session says otherwise
	Yield       Yield         // to what the other side sends
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
func (p *Play) Duration() time.Duration { return p.Clip.Duration() * time.Duration(p.Times) }
