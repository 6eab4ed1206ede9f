// Package sdp reads and writes session descriptions (RFC 8866, with the offer/answer rules of RFC 3264) the way a
// B2BUA needs it: tolerant of what gateways really send, strict in what it writes, and hiding one leg from the other.
//
// Parse keeps an index of the lines of the body; every string it hands out is a piece of that body, so a Session
// keeps its body alive and must be parsed from a string that is never changed. A Session is read-only after Parse
// and may be shared.
package sdp

import (
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// Bounds of Parse. A body beyond them is refused: no peer of ours sends such bodies, and they all come from a socket.
const (
	MaxBody    = 64 << 10 // bytes
	MaxLines   = 512      // lines that are not blank
	MaxMedia   = 16       // m-lines
	MaxFormats = 128      // formats of one m-line; RTP has 128 payload types
)

// Session is a parsed session description.
type Session struct {
	Origin Origin
	// Conn is the session-level c= address; not valid when there is none or when it is a name.
	Conn netip.Addr
	// ConnName is the session-level c= value when it is not a literal address (RFC 8866 §5.7 allows a host name).
	ConnName string
	// Direction is the session-level direction attribute, DirectionUnset when there is none. Media.Direction has
	// taken it into account.
	Direction Direction
	Media     []Media

	body  string
	lines []span
	head  int // lines before the first m=

	fingerprint bool // at session level
	ufrag       bool

	// Room for an ordinary audio offer, so that it costs no allocation of its own.
	lineRoom  [20]span
	mediaRoom [1]Media
}

// span is one line without its line end: body[from:to], at least "x=".
type span struct{ from, to uint32 }

// Origin is the o= line (RFC 8866 §5.2). The numbers are text: peers send negative ones and ones beyond 64 bits.
// Every field is empty when the body has no o= line or one that cannot be read.
type Origin struct {
	User    string // may have blanks in it: some gateways put a display name here
	ID      string
	Version string
	NetType string
	AddrTyp string
	Address string
}

// Media is one m-line with its attributes (RFC 8866 §5.14).
type Media struct {
	Kind  string // audio, video, image, application …, as written
	Proto string // RTP/AVP, RTP/SAVP, udptl …, as written
	Port  uint16 // 0: rejected, or not wanted (RFC 3264 §6, §5.1)
	Ports uint16 // number of ports ("49170/2"); 1 when not stated
	// Formats are the formats as written: payload types for RTP, else words ("t38").
	Formats []string
	// Codecs are the formats of an RTP m-line that are payload types, in order of preference, with their mapping.
	Codecs []Codec

	// Conn is the effective address, of this m-line or of the session. Not valid: none, or a name.
	Conn netip.Addr
	// ConnName is the effective c= value when it is not a literal address.
	ConnName string
	// Direction is the effective direction, never DirectionUnset. A c= line of 0.0.0.0 or :: takes the receiving
	// half away: "neither RTP nor RTCP should be sent to the peer" (RFC 3264 §8.4), so sendrecv becomes sendonly and
	// recvonly becomes inactive.
	Direction Direction
	// RTCP is where the peer wants RTCP (a=rtcp, RFC 3605); zero value when not stated. Without an address in the
	// attribute it has the one of Conn.
	RTCP        netip.AddrPort
	RTCPMux     bool // a=rtcp-mux (RFC 5761)
	Crypto      bool // has a=crypto lines (RFC 4568)
	Fingerprint bool // a=fingerprint here or in the session (RFC 8122)
	Trickles    bool // a=ice-ufrag here or in the session, and the port of "no address yet" (RFC 8839 §4.1)
	Ptime       int  // a=ptime in ms; 0 when not stated
	Maxptime    int  // a=maxptime in ms, the least of several; 0 when not stated

	mapped   types     // payload types that have an a=rtpmap
	stated   Direction // of this m-line, before the session's and c= were taken into account
	from, to int       // its lines: s.lines[from] is the m-line
}

// Codec is one RTP payload type (RFC 8866 §6.6, RFC 3551 for the static ones).
type Codec struct {
	PT       uint8
	Name     string // encoding name as written, or that of RFC 3551; empty for a dynamic type without a=rtpmap
	Rate     int    // clock rate in Hz; 0 unknown
	Channels int    // 1 when not stated
	Fmtp     string // parameters of the first a=fmtp of this payload type
}

// Rejected says whether the m-line has port 0.
func (m *Media) Rejected() bool { return m.Port == 0 }

// InUse tells whether some m-line is not rejected.
func (s *Session) InUse() bool {
	return slices.ContainsFunc(s.Media, func(m Media) bool { return !m.Rejected() })
}

// Held says whether the sender of this description does not want to receive: sendonly, inactive, or the address
// 0.0.0.0 (RFC 3264 §8.4).
func (m *Media) Held() bool { return !m.Direction.Recv() }

// IsRTP says whether the m-line is RTP in any of its profiles.
func (m *Media) IsRTP() bool { return isRTP(m.Proto) }

// Relayable says whether a relay of UDP that is no party to keys can serve the m-line: no TCP connection (RFC 4145), and where keys stay behind, no DTLS with
// anything but SRTP in it, as T.38 (RFC 7345) or a data channel (RFC 8841), whose handshake is between the peers.
func (m *Media) Relayable(keysPass bool) bool {
	proto, within, _ := strings.Cut(m.Proto, "/")
	return !strings.EqualFold(proto, "TCP") && (keysPass || m.IsRTP() || !containsFold(within, "TLS/"))
}

// Unrelayable says whether the session has live m-lines and none of them is Relayable and among the first so many, of RTP and of anything else.
func (s *Session) Unrelayable(keysPass bool, rtp, others int) bool {
	live := false
	for i := range s.Media {
		if m := &s.Media[i]; !m.Rejected() {
			most := others
			if m.IsRTP() {
				most = rtp
			}
			if i < most && m.Relayable(keysPass) {
				return false
			}
			live = true
		}
	}
	return live
}

// Secure says whether the profile is one of secure RTP (RTP/SAVP, RTP/SAVPF, with or without DTLS).
func (m *Media) Secure() bool {
	return containsFold(m.Proto, "RTP/SAVP")
}

// Held says whether the session has live m-lines and all of them are held.
func (s *Session) Held() bool {
	live := false
	for i := range s.Media {
		if s.Media[i].Rejected() {
			continue
		}
		if !s.Media[i].Held() {
			return false
		}
		live = true
	}
	return live
}

// FirstAudioCodec returns the codec that will most likely be spoken: the first one of the first live audio m-line
// that is neither telephone-event nor comfort noise. Ok is false when there is none.
func (s *Session) FirstAudioCodec() (c Codec, ok bool) {
	for i := range s.Media {
		m := &s.Media[i]
		if m.Rejected() || !strings.EqualFold(m.Kind, "audio") {
			continue
		}
		for _, c := range m.Codecs {
			if !c.Auxiliary() {
				return c, true
			}
		}
	}
	return Codec{}, false
}

// Body returns the text that was parsed.
func (s *Session) Body() string { return s.body }

// Lines yields every line as its type letter and its value, in the order of the body, without blank lines.
func (s *Session) Lines() iter.Seq2[byte, string] {
	return func(yield func(byte, string) bool) {
		for i := range s.lines {
			if !yield(s.line(i)) {
				return
			}
		}
	}
}

// Attributes yields name and value of the a= lines of one m-line, or of the session level for -1. A flag has an
// empty value.
func (s *Session) Attributes(media int) iter.Seq2[string, string] {
	from, to := 0, s.head
	if media >= 0 {
		from, to = s.Media[media].from, s.Media[media].to
	}
	return func(yield func(string, string) bool) {
		for i := from; i < to; i++ {
			if typ, value := s.line(i); typ == 'a' && !yield(attribute(value)) {
				return
			}
		}
	}
}

func (s *Session) line(i int) (typ byte, value string) {
	l := s.lines[i]
	return s.body[l.from], s.body[l.from+2 : l.to]
}
