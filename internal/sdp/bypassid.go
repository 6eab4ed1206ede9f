package sdp

import (
	"strconv"
	"strings"
)

// bypassID is the attribute by which a client of a UC platform says at which place it is for media bypass.
const bypassID = "x-bypassid"

// BypassID is the place that the sender of the description says it is at; "": it does not say.
func (s *Session) BypassID() string {
	for i := range s.lines {
		if typ, value := s.line(i); typ == 'a' {
			if name, id := attribute(value); strings.EqualFold(trimBlanks(name), bypassID) {
				return trimBlanks(id)
			}
		}
	}
	return ""
}

// PassAs appends the description for the other side when media goes past us: everything stays but o=, which is ours with the peer's address, since who
// is at the other end may change while the session of the dialog goes on (RFC 3264 §8), what names the places of one side's network, and a Direction that was changed.
func (s *Session) PassAs(dst []byte, user string, id, version uint64) []byte {
	var m *Media // that a line belongs to; nil: the session
	next, turned := 0, false
	for i := range s.lines {
		if next < len(s.Media) && s.Media[next].from == i {
			m = &s.Media[next]
			turned = !m.Rejected() && m.Direction != s.directionOf(m)
			next++
		}
		switch typ, value := s.line(i); typ {
		case 'o':
			at := "IN IP4 0.0.0.0"
			if o := &s.Origin; o.Address != "" {
				at = o.NetType + " " + o.AddrTyp + " " + o.Address
			}
			dst = append(append(dst, "o="...), user...)
			dst = strconv.AppendUint(append(dst, ' '), id, 10)
			dst = strconv.AppendUint(append(dst, ' '), version, 10)
			dst = appendLine(dst, " ", at)
		case 'a':
			if name, _ := attribute(value); !strings.EqualFold(trimBlanks(name), bypassID) && !(turned && direction(value) != DirectionUnset) {
				dst = s.appendAsIs(dst, i)
			}
		default:
			dst = s.appendAsIs(dst, i)
		}
		if turned && i+1 == m.to {
			dst = appendLine(dst, "a=", m.Direction.String())
		}
	}
	return dst
}
