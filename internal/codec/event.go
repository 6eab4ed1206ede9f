package codec

import "encoding/binary"

// Event is the payload of telephone-event (RFC 4733 §2.3). Codes 0 to 15 are the digits, *, #, A to D; 16 is a hook flash.
type Event struct {
	Code     uint8
	End      bool
	Volume   uint8  // dBm0 without the sign, 0 to 63
	Duration uint16 // of its clock, since it began
}

// EventSize is how many octets it has.
const EventSize = 4

// ParseEvent reads one; further ones in the payload (RFC 4733 §2.5.1.5 lets them follow) are of the past.
func ParseEvent(b []byte) (e Event, ok bool) {
	if len(b) < EventSize {
		return e, false
	}
	return Event{Code: b[0], End: b[1]&0x80 != 0, Volume: b[1] & 0x3f, Duration: binary.BigEndian.Uint16(b[2:])}, true
}

// Append appends it to a payload.
func (e Event) Append(b []byte) []byte {
	flags := e.Volume & 0x3f
	if e.End {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(b, e.Code, flags), e.Duration)
}

// digits are the DTMF events by their codes.
const digits = "0123456789*#ABCD"

// Digit is the key of a DTMF event; false: it is none.
func (e Event) Digit() (key byte, ok bool) {
	if int(e.Code) >= len(digits) {
		return 0, false
	}
	return digits[e.Code], true
}

// EventOf is the code of a key, a to d in either case; false: it is none.
func EventOf(key byte) (code uint8, ok bool) {
	if key >= 'a' && key <= 'd' {
		key -= 'a' - 'A'
	}
	for i := range digits {
		if digits[i] == key {
			return uint8(i), true
		}
	}
	return 0, false
}
