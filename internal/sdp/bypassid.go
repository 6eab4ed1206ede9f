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
// is at the other end may change while the session of the dialog goes on (RFC 3264 §8), and what names the places of one side's network.
func (s *Session) PassAs(dst []byte, user string, id, version uint64) []byte {
	for i := range s.lines {
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
			if name, _ := attribute(value); !strings.EqualFold(trimBlanks(name), bypassID) {
				dst = s.appendAsIs(dst, i)
			}
		default:
			dst = s.appendAsIs(dst, i)
		}
	}
	return dst
}
