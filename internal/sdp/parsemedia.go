package sdp

import "net/netip"

// discard is the port of who waits for candidates: its 0.0.0.0 is no hold (RFC 8840 §4.1.1).
const discard = 9

// mediaParser fills Session.Media. Formats and codecs of all m-lines share one array each.
type mediaParser struct {
	s       *Session
	formats []string
	codecs  []Codec
}

func (p *mediaParser) parse() error {
	s := p.s
	var m *Media
	for i := s.head; i < len(s.lines); i++ {
		typ, value := s.line(i)
		switch typ {
		case 'm':
			p.finish(m, i)
			s.Media = append(s.Media, Media{from: i, Fingerprint: s.fingerprint, Trickles: s.ufrag})
			m = &s.Media[len(s.Media)-1]
			if why := p.mediaLine(m, value); why != "" {
				return s.fail(s.lines[i].from, why)
			}
		case 'c':
			// More than one c= is for layered multicast only (RFC 8866 §5.7); the first one counts.
			if !m.Conn.IsValid() && m.ConnName == "" {
				m.Conn, m.ConnName = connection(value)
			}
		case 'a':
			m.attribute(value)
		}
	}
	p.finish(m, len(s.lines))
	return nil
}

// mediaLine reads "<kind> <port>[/<ports>] <proto> <format> …"; why is empty or the reason to refuse it. A missing
// format is let through on a rejected m-line, where it is seen; on a live one it leaves nothing to talk with.
func (p *mediaParser) mediaLine(m *Media, value string) (why string) {
	kind, rest := field(value)
	port, rest := field(rest)
	proto, rest := field(rest)
	if !word(kind, "-_+") {
		return "m-line without a media kind"
	}
	n, count, ok := number(port, 65535)
	if !ok {
		return "m-line without a port of 0 to 65535"
	}
	m.Kind, m.Proto, m.Port, m.Ports = kind, proto, uint16(n), 1
	if count != "" {
		n, after, ok := number(count[1:], 65535)
		if count[0] != '/' || !ok || n == 0 || after != "" {
			return "m-line with a malformed number of ports"
		}
		m.Ports = uint16(n)
	}
	if !word(proto, "/-_+") {
		return "m-line without a protocol"
	}
	return p.mediaFormats(m, rest)
}

func (p *mediaParser) mediaFormats(m *Media, rest string) (why string) {
	if hasAddress(rest) {
		return "m-line with an address among its formats"
	}
	firstFormat, firstCodec, rtp := len(p.formats), len(p.codecs), m.IsRTP()
	for {
		var format string
		if format, rest = field(rest); format == "" {
			break
		}
		if len(p.formats)-firstFormat == MaxFormats {
			return "m-line with too many formats"
		}
		p.formats = append(p.formats, format)
		if !rtp {
			continue
		}
		if pt, after, ok := payloadType(format); ok && after == "" && m.codec(pt) == nil {
			p.codecs = append(p.codecs, staticCodec(pt))
			m.Codecs = p.codecs[firstCodec:len(p.codecs):len(p.codecs)]
		}
	}
	if len(p.formats) == firstFormat && m.Port != 0 {
		return "m-line without a format"
	}
	m.Formats = p.formats[firstFormat:len(p.formats):len(p.formats)]
	return ""
}

func (m *Media) attribute(line string) {
	name, value := attribute(line)
	switch name {
	case "rtpmap":
		m.rtpmap(value)
	case "fmtp":
		m.fmtp(value)
	case "ptime":
		if n, _, ok := number(trimBlanks(value), 10000); ok && m.Ptime == 0 {
			m.Ptime = n
		}
	case "maxptime":
		if n, rest, ok := number(trimBlanks(value), 10000); ok && n > 0 && rest == "" && (m.Maxptime == 0 || n < m.Maxptime) {
			m.Maxptime = n
		}
	case "rtcp":
		m.rtcp(value)
	case "rtcp-mux":
		m.RTCPMux = true
	case "crypto":
		m.Crypto = true
	case "fingerprint":
		m.Fingerprint = true
	case "ice-ufrag":
		m.Trickles = true
	default:
		if d := direction(line); d != DirectionUnset && m.stated == DirectionUnset {
			m.stated = d
		}
	}
}

// rtcp takes "<port>[ IN IP4 <address>]" (RFC 3605 §2.1). Without an address finish puts Conn's.
func (m *Media) rtcp(value string) {
	n, rest, ok := number(trimBlanks(value), 65535)
	if !ok || n == 0 || m.RTCP.Port() != 0 {
		return
	}
	addr, _ := connection(rest)
	m.RTCP = netip.AddrPortFrom(addr, uint16(n))
}

// finish derives what depends on the whole m-line and on the session level; end is the line after its last one.
func (p *mediaParser) finish(m *Media, end int) {
	if m == nil {
		return
	}
	m.to = end
	if !m.Conn.IsValid() && m.ConnName == "" {
		m.Conn, m.ConnName = p.s.Conn, p.s.ConnName
	}
	m.Trickles = m.Trickles && m.Port == discard
	m.Direction = p.s.directionOf(m)
	if m.RTCP.Port() != 0 && !m.RTCP.Addr().IsValid() {
		m.RTCP = netip.AddrPortFrom(m.Conn, m.RTCP.Port())
	}
}

// directionOf is the direction that the text of an m-line means.
func (s *Session) directionOf(m *Media) Direction {
	d := m.stated
	if d == DirectionUnset {
		d = s.Direction
	}
	if d == DirectionUnset {
		d = SendRecv
	}
	if m.Conn.IsValid() && m.Conn.IsUnspecified() && !m.Trickles {
		d = d.withoutRecv()
	}
	return d
}
