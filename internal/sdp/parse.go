package sdp

import (
	"fmt"
	"net/netip"
	"strings"
)

// SyntaxError says why a body was refused.
type SyntaxError struct {
	Line int    // from 1; 0 when the body as a whole is meant
	Text string // the line, at most 80 bytes of it
	Why  string
}

// Error tells line, reason and text.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return "sdp: " + e.Why
	}
	return fmt.Sprintf("sdp: line %d: %s: %q", e.Line, e.Why, e.Text)
}

// Parse reads a body. It refuses (with a *SyntaxError) only what cannot be carried on: no v=0 in front, a line that
// is not "x=…", an m-line without kind, port, protocol and (unless rejected) format, a zero byte, and what exceeds the bounds. Everything else
// that RFC 8866 demands and gateways get wrong is let through: missing, repeated, unknown and misplaced lines, any
// line end, o= lines of any form, attributes that cannot be read.
func Parse(body string) (*Session, error) {
	body = strings.TrimRight(body, "\x00") // some gateways send the terminator of their C string
	if len(body) > MaxBody {
		return nil, &SyntaxError{Why: fmt.Sprintf("more than %d bytes", MaxBody)}
	}
	s := &Session{body: body}
	if i := strings.IndexByte(body, 0); i >= 0 {
		return nil, s.fail(uint32(i), "zero byte")
	}
	formats, err := s.index()
	if err != nil {
		return nil, err
	}
	for i := range s.head {
		s.sessionLine(s.line(i))
	}
	p := mediaParser{s: s}
	if formats > 0 {
		p.formats = make([]string, 0, formats)
		p.codecs = make([]Codec, 0, formats)
	}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return s, nil
}

// index finds the lines and counts the m-lines; formats is how many formats they may have.
func (s *Session) index() (formats int, err error) {
	s.lines = s.lineRoom[:0]
	if n := strings.Count(s.body, "\n") + 1; n > len(s.lineRoom) && n <= MaxLines {
		s.lines = make([]span, 0, n)
	}
	s.head = -1
	media := 0
	for c := (cutter{body: s.body, feed: -1}); c.at < len(s.body); {
		l := c.next()
		for l.to > l.from && blank(s.body[l.to-1]) {
			l.to--
		}
		text := s.body[l.from:l.to]
		switch {
		case text == "":
			continue
		case len(text) < 2 || text[1] != '=':
			return 0, s.fail(l.from, "not a line of the form x=value")
		case len(s.lines) == 0 && (text[0] != 'v' || trimBlanks(text[2:]) != "0"):
			return 0, s.fail(l.from, "does not begin with v=0")
		case len(s.lines) == MaxLines:
			return 0, s.fail(l.from, "too many lines")
		case text[0] == 'm':
			if media++; media > MaxMedia {
				return 0, s.fail(l.from, "too many m-lines")
			}
			if s.head < 0 {
				s.head = len(s.lines)
			}
			formats += min(max(strings.Count(text, " ")-2, 1), MaxFormats)
		}
		s.lines = append(s.lines, l)
	}
	if len(s.lines) == 0 {
		return 0, &SyntaxError{Why: "empty"}
	}
	if s.head < 0 {
		s.head = len(s.lines)
	}
	s.Media = s.mediaRoom[:0]
	if media > len(s.mediaRoom) {
		s.Media = make([]Media, 0, media)
	}
	return formats, nil
}

// cutter cuts a body into lines. CR LF, LF and a lone CR end a line: a lone CR that were kept inside would be a line of its own to the next reader.
type cutter struct {
	body string
	at   int // where the next line begins
	feed int // the first LF that is not before the line last cut, so that each octet is searched once, also where lines end by CR alone; the length of the body when there is none; -1: nobody has looked
}

// next cuts the next line off. There must be one.
func (c *cutter) next() span {
	from := c.at
	if c.feed < from {
		n := strings.IndexByte(c.body[from:], '\n')
		if n < 0 {
			n = len(c.body) - from
		}
		c.feed = from + n
	}
	line := c.body[from:c.feed]
	c.at = min(c.feed+1, len(c.body))
	if i := strings.IndexByte(line, '\r'); i >= 0 {
		if i < len(line)-1 {
			c.at = from + i + 1
		}
		line = line[:i]
	}
	return span{uint32(from), uint32(from + len(line))}
}

func (s *Session) fail(at uint32, why string) *SyntaxError {
	text := s.body[at:]
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	return &SyntaxError{
		Line: strings.Count(s.body[:at], "\n") + 1,
		Text: text[:min(len(text), 80)],
		Why:  why,
	}
}

func (s *Session) sessionLine(typ byte, value string) {
	switch typ {
	case 'o':
		if s.Origin == (Origin{}) {
			s.Origin = origin(value)
		}
	case 'c':
		if !s.Conn.IsValid() && s.ConnName == "" {
			s.Conn, s.ConnName = connection(value)
		}
	case 'a':
		if d := direction(value); d != DirectionUnset && s.Direction == DirectionUnset {
			s.Direction = d
		}
		if strings.HasPrefix(value, "fingerprint:") {
			s.fingerprint = true
		}
		s.ufrag = s.ufrag || strings.HasPrefix(value, "ice-ufrag:")
	}
}

// origin reads from the right, because the user name may have blanks in it or be missing.
func origin(value string) Origin {
	var o Origin
	rest, addr := lastField(value)
	rest, addrType := lastField(rest)
	rest, netType := lastField(rest)
	rest, version := lastField(rest)
	rest, id := lastField(rest)
	if id == "" {
		return o
	}
	o.User, o.ID, o.Version = trimBlanks(rest), id, version
	o.NetType, o.AddrTyp, o.Address = netType, addrType, addr
	return o
}

// connection reads "IN IP4 <address>[/ttl]". The address says its family itself; a wrong IP4 or IP6 in front of it
// is of no matter.
func connection(value string) (netip.Addr, string) {
	first, rest := field(value)
	second, rest := field(rest)
	text, _ := field(rest)
	if text == "" {
		text = second
	}
	if text == "" {
		text = first
	}
	if a, ok := address(text); ok {
		return a, ""
	}
	return netip.Addr{}, text
}

// direction returns the direction that an attribute states, DirectionUnset when it is another attribute.
func direction(value string) Direction {
	if len(value) != 8 {
		return DirectionUnset
	}
	for d := SendRecv; d <= Inactive; d++ {
		if strings.EqualFold(value, d.String()) {
			return d
		}
	}
	return DirectionUnset
}
