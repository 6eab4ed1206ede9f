package sdp

import (
	"net/netip"
	"strconv"
	"strings"
)

// Rewrite says how a description goes to the other leg.
type Rewrite struct {
	Address   netip.Addr  // ours, for o= and c=. Not valid: 0.0.0.0 is written
	Media     []MediaAddr // by m-line. An m-line without an entry is written as rejected: its port is not ours
	UserName  string      // of o=; empty or not one word: "-"
	SessionID uint64      // of o=; the same for all descriptions of one leg (RFC 3264 §5)
	Version   uint64      // of o=; one more for every changed description (RFC 3264 §8)
	// Codecs, when not empty, are the encoding names that RTP audio may keep, besides telephone-event and CN. The
	// order of the peer stays. An m-line that would have no codec left keeps all of them.
	Codecs   []string
	Maps     bool // write a=rtpmap also where the peer has left that of a static payload type to RFC 3551
	Mux      bool // keep a=rtcp-mux where the peer has it
	KeepKeys bool // keep a=crypto, a=fingerprint, a=setup and their kin; else the caller must set MediaAddr.Proto to match
}

// MediaAddr is our end of one m-line.
type MediaAddr struct {
	Addr      netip.Addr // not valid: Rewrite.Address
	Port      uint16     // RTP; 0: the m-line is written as rejected
	RTCPPort  uint16     // 0: no a=rtcp. Else written when the peer stated one, or when it is not Port+1
	Drop      bool       // reject the m-line
	Proto     string     // empty: the peer's. Else the protocol to write, "RTP/AVP" for one that is deciphered here
	Direction Direction  // DirectionUnset: the effective one of the peer
}

// Rewrite appends the description for the other leg to dst and returns it. All of it is in the order of RFC 8866 §5,
// with CR LF.
//
// Of the session level remain bandwidth and harmless attributes. o=, s=, c= and t= are ours; i=, u=, e=, p=, k=, r=,
// z= and unknown lines go. m-lines stay in number and order (RFC 3264 §6, §8); a rejected one is the bare m-line with
// port 0. Of the attributes go those that name or locate this leg (ICE, a=rtcp of the peer, ssrc, msid, cname),
// bundling, keys unless KeepKeys, and any attribute that has something like an address in it or, unless it describes
// a payload type or a key, like a host name. All others, known to us or not, stay as they are.
//
// The effective direction is written at media level when the peer stated one or when it is not sendrecv. Hold by
// 0.0.0.0 thus becomes our address with a=sendonly (a=inactive if it was recvonly): the peer wants no packets
// (RFC 3264 §8.4), but may play music.
func (s *Session) Rewrite(dst []byte, r *Rewrite) []byte {
	dst = r.head(dst)
	for i := range s.head {
		if typ, value := s.line(i); typ == 'b' {
			dst = appendBandwidth(dst, value)
		}
	}
	dst = append(dst, "t=0 0\r\n"...)
	for i := range s.head {
		if typ, value := s.line(i); typ == 'a' && r.keepsAttribute(value, allTypes()) {
			dst = appendLine(dst, "a=", value)
		}
	}
	for i := range s.Media {
		var at MediaAddr
		if i < len(r.Media) {
			at = r.Media[i]
		}
		if s.Media[i].Rejected() || at.Drop || at.Port == 0 {
			dst = s.Media[i].appendRejected(dst)
			continue
		}
		dst = s.rewriteMedia(dst, r, &s.Media[i], at)
	}
	return dst
}

// head writes v=, o=, s= and c=.
func (r *Rewrite) head(dst []byte) []byte {
	user := r.UserName
	if !word(user, "-_.+") {
		user = "-"
	}
	dst = append(dst, "v=0\r\no="...)
	dst = append(dst, user...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, r.SessionID, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, r.Version, 10)
	dst = append(dst, ' ')
	dst = appendAddress(dst, r.Address)
	dst = append(dst, "\r\ns=-\r\nc="...)
	dst = appendAddress(dst, r.Address)
	return append(dst, "\r\n"...)
}

func (s *Session) rewriteMedia(dst []byte, r *Rewrite, m *Media, at MediaAddr) []byte {
	kept := r.keptTypes(m)
	proto := m.Proto
	if at.Proto != "" {
		proto = at.Proto
	}
	dst = m.appendMediaLine(dst, at.Port, proto, kept)
	if at.Addr.IsValid() && at.Addr != r.Address {
		dst = append(dst, "c="...)
		dst = appendAddress(dst, at.Addr)
		dst = append(dst, "\r\n"...)
	}
	for i := m.from + 1; i < m.to; i++ {
		if typ, value := s.line(i); typ == 'b' {
			dst = appendBandwidth(dst, value)
		}
	}
	for i := m.from + 1; i < m.to; i++ {
		if typ, value := s.line(i); typ == 'a' && r.keepsAttribute(value, kept) {
			dst = appendLine(dst, "a=", value)
		}
	}
	if r.Maps {
		dst = m.appendStaticMaps(dst, kept)
	}
	if at.RTCPPort != 0 && (m.RTCP.Port() != 0 || at.RTCPPort != at.Port+1) {
		dst = append(dst, "a=rtcp:"...)
		dst = strconv.AppendUint(dst, uint64(at.RTCPPort), 10)
		dst = append(dst, "\r\n"...)
	}
	d := at.Direction
	if d == DirectionUnset {
		d = m.Direction
	}
	if d != SendRecv || m.stated != DirectionUnset || s.Direction != DirectionUnset {
		dst = appendLine(dst, "a=", d.String())
	}
	return dst
}

// Unmapped tells whether the peer has left the mapping of a payload type to RFC 3551.
func (s *Session) Unmapped() bool {
	for i := range s.Media {
		for _, c := range s.Media[i].Codecs {
			if c.Name != "" && !s.Media[i].mapped.has(c.PT) {
				return true
			}
		}
	}
	return false
}

// appendStaticMaps writes a=rtpmap of the kept payload types that the peer left to RFC 3551.
func (m *Media) appendStaticMaps(dst []byte, kept types) []byte {
	for _, c := range m.Codecs {
		if c.Name == "" || m.mapped.has(c.PT) || !kept.has(c.PT) {
			continue
		}
		dst = append(dst, "a=rtpmap:"...)
		dst = strconv.AppendUint(dst, uint64(c.PT), 10)
		dst = append(dst, ' ')
		dst = append(dst, c.Name...)
		dst = append(dst, '/')
		dst = strconv.AppendUint(dst, uint64(c.Rate), 10)
		if c.Channels > 1 {
			dst = append(dst, '/')
			dst = strconv.AppendUint(dst, uint64(c.Channels), 10)
		}
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// types is a set of payload types.
type types [2]uint64

func allTypes() types { return types{^uint64(0), ^uint64(0)} }

func (t types) has(pt uint8) bool { return t[pt>>6&1]&(1<<(pt&63)) != 0 }
func (t *types) add(pt uint8)     { t[pt>>6&1] |= 1 << (pt & 63) }

// keptTypes are the payload types that Rewrite.Codecs leaves.
func (r *Rewrite) keptTypes(m *Media) types {
	if len(r.Codecs) == 0 || len(m.Codecs) == 0 || !strings.EqualFold(m.Kind, "audio") {
		return allTypes()
	}
	var kept types
	codecs := 0
	for _, c := range m.Codecs {
		aux := c.Auxiliary()
		if !aux && !c.among(r.Codecs) {
			continue
		}
		kept.add(c.PT)
		if !aux {
			codecs++
		}
	}
	if codecs == 0 {
		return allTypes()
	}
	return kept
}

func (c Codec) among(names []string) bool {
	for _, name := range names {
		if c.Is(name) {
			return true
		}
	}
	return false
}

// keepsAttribute says whether an a= line goes to the other leg as it is.
func (r *Rewrite) keepsAttribute(line string, kept types) bool {
	name, value := attribute(line)
	if trimBlanks(name) == "" {
		return false
	}
	switch fateOf(trimBlanks(name)) {
	case fateDrop, fateDirection:
		return false
	case fateKey:
		if !r.KeepKeys {
			return false
		}
	case fateMux:
		if !r.Mux {
			return false
		}
	case fateFormat:
		if pt, _, ok := payloadType(value); ok && !kept.has(pt) {
			return false
		}
	case fateOther:
		if hasHost(line) || !r.KeepKeys && containsFold(line, "inline:") {
			return false
		}
	}
	return !hasAddress(line)
}

// appendMediaLine writes the m= line with the formats that are kept. The number of ports goes: we have one pair.
func (m *Media) appendMediaLine(dst []byte, port uint16, proto string, kept types) []byte {
	dst = append(dst, "m="...)
	dst = append(dst, m.Kind...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, uint64(port), 10)
	dst = append(dst, ' ')
	dst = appendProto(dst, proto)
	for _, format := range m.Formats {
		if kept != allTypes() {
			if pt, _, ok := payloadType(format); !ok || !kept.has(pt) {
				continue
			}
		}
		dst = append(dst, ' ')
		dst = append(dst, format...)
	}
	if len(m.Formats) == 0 {
		dst = append(dst, " 0"...) // RFC 8866 §9 wants one; the peer gave none with its rejection
	}
	return append(dst, "\r\n"...)
}

// appendProto writes the profiles of RTP in the capitals of their registration; some peers write "rtp/avp", others
// take nothing but "RTP/AVP".
func appendProto(dst []byte, proto string) []byte {
	if !isRTP(proto) {
		return append(dst, proto...)
	}
	for i := 0; i < len(proto); i++ {
		c := proto[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func (m *Media) appendRejected(dst []byte) []byte {
	return m.appendMediaLine(dst, 0, m.Proto, allTypes())
}

// appendBandwidth writes "<type>:<number>" as RFC 8866 §5.8 has it: a fraction that gateways put there is cut off, and
// anything else is left out.
func appendBandwidth(dst []byte, value string) []byte {
	typ, rate, ok := strings.Cut(trimBlanks(value), ":")
	rate = trimBlanks(rate)
	n := 0
	for n < len(rate) && rate[n] >= '0' && rate[n] <= '9' {
		n++
	}
	if !ok || n == 0 || n > 18 || n < len(rate) && rate[n] != '.' || strings.Count(rate, ".") > 1 || !word(typ, "-") {
		return dst
	}
	dst = append(dst, "b="...)
	dst = append(dst, typ...)
	dst = append(dst, ':')
	dst = append(dst, rate[:n]...)
	return append(dst, "\r\n"...)
}

func appendLine(dst []byte, typ, value string) []byte {
	dst = append(dst, typ...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// appendAddress writes "IN IP4 192.0.2.1".
func appendAddress(dst []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		a = netip.IPv4Unspecified()
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		dst = append(dst, "IN IP4 "...)
	} else {
		dst = append(dst, "IN IP6 "...)
	}
	return a.AppendTo(dst)
}
