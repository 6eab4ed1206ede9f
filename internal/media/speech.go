package media

import (
	"slices"
	"strings"
	"time"
)

// Codec is an encoding that the relay can turn into another, or that goes along with one.
type Codec uint8

// The codecs.
const (
	OtherCodec Codec = iota // passes as it is, or not at all
	PCMU
	PCMA
	G722
	Opus
	TelephoneEvent // RFC 4733
	ComfortNoise   // RFC 3389
)

// codecs have their encoding names and RTP clocks in Hz; that of G.722 is a historical error (RFC 3551 §4.5.2), and telephone-event has that of
// the codec that it goes along with.
var codecs = [...]struct {
	name  string
	clock uint32
}{PCMU: {"PCMU", 8000}, PCMA: {"PCMA", 8000}, G722: {"G722", 8000}, Opus: {"opus", 48000}, TelephoneEvent: {"telephone-event", 8000}, ComfortNoise: {"CN", 8000}}

// CodecNamed finds a codec by its encoding name, in any case; OtherCodec: none that is known.
func CodecNamed(name string) Codec {
	for c := PCMU; int(c) < len(codecs); c++ {
		if n := codecs[c].name; len(n) == len(name) && strings.EqualFold(n, name) {
			return c
		}
	}
	return OtherCodec
}

// String is the encoding name as it is written in SDP; "" for OtherCodec.
func (c Codec) String() string { return codecs[c].name }

// Clock is that of its RTP timestamps in Hz; 0 for OtherCodec.
func (c Codec) Clock() uint32 { return codecs[c].clock }

// Speaks tells whether it is a codec proper that the relay can convert from and to.
func (c Codec) Speaks() bool { return c >= PCMU && c <= Opus }

// Format is a payload type and what it stands for.
type Format struct {
	PayloadType uint8
	Codec       Codec
	Clock       uint32 // Hz
	Most        Most
}

// Most is what who takes a codec wants to be sent of it at most (RFC 7587 §6.1). The zero value asks for nothing.
type Most struct {
	Rate     uint32 // of samples, Hz
	Bitrate  uint32 // bit/s
	Constant bool   // always the same bitrate
}

// Speech is how a side of a stream speaks, where the other side speaks otherwise. It is not changed once it is made.
type Speech struct {
	Formats    []Format      // that it takes and may send; of its codecs proper it is sent the first
	PacketTime time.Duration // that it wants; 0: PacketTime
	Boost      int           // dB by which what comes from it is made louder
	Keys       Keys          // how it tells of keys where it has no TelephoneEvent
}

// Keys is how a side without TelephoneEvent tells of keys of DTMF.
type Keys uint8

// The forms.
const (
	KeysInBand Keys = iota // by their tones
	KeysBySIP              // by the signalling: EventKey tells of those for it, and Press of those from it
)

// Press is a key of DTMF that came by SIP.
type Press struct {
	ID     uint32 // not 0, and more than that of the one before
	Stream int
	To     SideIndex // that is to have it
	Key    byte      // 0 to 9, *, #, A to D
	Long   time.Duration
}

// Same tells whether two are the same.
func (s *Speech) Same(o *Speech) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.PacketTime == o.PacketTime && s.Boost == o.Boost && s.Keys == o.Keys && slices.Equal(s.Formats, o.Formats)
}

// First is the format that it is sent speech in. False: it takes none.
func (s *Speech) First() (Format, bool) {
	for _, f := range s.Formats {
		if f.Codec.Speaks() {
			return f, true
		}
	}
	return Format{}, false
}

// Find is its format of a codec; of several the first with the clock, or else the first.
func (s *Speech) Find(c Codec, clock uint32) (Format, bool) {
	found, ok := Format{}, false
	for _, f := range s.Formats {
		if f.Codec == c && (!ok || f.Clock == clock && found.Clock != clock) {
			found, ok = f, true
		}
	}
	return found, ok
}
