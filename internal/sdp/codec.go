package sdp

import "strings"

// Is compares the encoding name, without regard to case (RFC 8866 §6.6 leaves names case-insensitive, RFC 4855 §3).
func (c Codec) Is(name string) bool { return strings.EqualFold(c.Name, name) }

// Auxiliary says whether the format only goes along with a codec: DTMF and tones (RFC 4733) or comfort noise (RFC 3389).
func (c Codec) Auxiliary() bool {
	return c.Is("telephone-event") || c.Is("CN") || c.Is("tone")
}

// staticCodec has the payload types that need no a=rtpmap (RFC 3551 §6). Type 2 is reserved there; in the field it is
// G.726 at 32 kbit/s.
func staticCodec(pt uint8) Codec {
	c := Codec{PT: pt, Rate: 8000, Channels: 1}
	switch pt {
	case 0:
		c.Name = "PCMU"
	case 2:
		c.Name = "G726-32"
	case 3:
		c.Name = "GSM"
	case 4:
		c.Name = "G723"
	case 5:
		c.Name = "DVI4"
	case 6:
		c.Name, c.Rate = "DVI4", 16000
	case 7:
		c.Name = "LPC"
	case 8:
		c.Name = "PCMA"
	case 9:
		c.Name = "G722" // 16 kHz audio; 8000 by the historical error of RFC 3551 §4.5.2
	case 10:
		c.Name, c.Rate, c.Channels = "L16", 44100, 2
	case 11:
		c.Name, c.Rate = "L16", 44100
	case 12:
		c.Name = "QCELP"
	case 13:
		c.Name = "CN"
	case 14:
		c.Name, c.Rate = "MPA", 90000
	case 15:
		c.Name = "G728"
	case 16:
		c.Name, c.Rate = "DVI4", 11025
	case 17:
		c.Name, c.Rate = "DVI4", 22050
	case 18:
		c.Name = "G729"
	case 25, 26, 28, 31, 32, 33, 34:
		c.Name, c.Rate = staticVideo(pt), 90000
	default:
		c.Rate = 0
	}
	return c
}

func staticVideo(pt uint8) string {
	switch pt {
	case 25:
		return "CelB"
	case 26:
		return "JPEG"
	case 28:
		return "nv"
	case 31:
		return "H261"
	case 32:
		return "MPV"
	case 33:
		return "MP2T"
	default:
		return "H263"
	}
}

// codec returns the codec of payload type pt, nil when the m-line does not list it.
func (m *Media) codec(pt uint8) *Codec {
	for i := range m.Codecs {
		if m.Codecs[i].PT == pt {
			return &m.Codecs[i]
		}
	}
	return nil
}

// rtpmap takes "<payload type> <name>/<rate>[/<channels>]". What cannot be read is left out: one bad line must not
// lose the call.
func (m *Media) rtpmap(value string) {
	pt, rest, ok := payloadType(value)
	c := m.codec(pt)
	if !ok || c == nil {
		return
	}
	mapping, _ := field(rest)
	name, rest, _ := strings.Cut(mapping, "/")
	if name == "" {
		return
	}
	rate, channels, _ := strings.Cut(rest, "/")
	c.Name, c.Channels = name, 1
	if n, _, ok := number(rate, 1<<30); ok {
		c.Rate = n
	}
	if n, _, ok := number(channels, 255); ok && n > 0 {
		c.Channels = n
	}
}

// fmtp takes "<payload type> <parameters>".
func (m *Media) fmtp(value string) {
	pt, rest, ok := payloadType(value)
	if !ok {
		return
	}
	if c := m.codec(pt); c != nil && c.Fmtp == "" {
		c.Fmtp = trimBlanks(rest)
	}
}

// payloadType reads the leading payload type of an attribute value or a format.
func payloadType(s string) (pt uint8, rest string, ok bool) {
	n, rest, ok := number(trimBlanks(s), 127)
	if !ok || (rest != "" && !blank(rest[0])) {
		return 0, "", false
	}
	return uint8(n), rest, true
}
