package sdp

import (
	"strings"

	"github.com/directsip/directsip/internal/codec"
)

// Is compares the encoding name, without regard to case (RFC 8866 §6.6 leaves names case-insensitive, RFC 4855 §3).
func (c Codec) Is(name string) bool { return c.Name == name || strings.EqualFold(c.Name, name) }

// Auxiliary says whether the format only goes along with a codec: DTMF and tones (RFC 4733) or comfort noise (RFC 3389).
func (c Codec) Auxiliary() bool {
	return c.Is("telephone-event") || c.Is("CN") || c.Is("tone")
}

// staticCodec is a payload type that has no a=rtpmap, or not yet.
func staticCodec(pt uint8) Codec {
	c := Codec{PT: pt, Channels: 1}
	if s, ok := codec.StaticType(pt); ok {
		c.Name, c.Rate, c.Channels = s.Name, int(s.Clock), s.Channels
	}
	return c
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
	m.mapped.add(pt)
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
