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

// PassAs is a description for the other side when media goes past us: everything stays but o=, which is ours with the peer's address, since who is at
// the other end may change while the session of the dialog goes on (RFC 3264 §8), and what names the places of one side's network.
func PassAs(body string, user string, id, version uint64) string {
	b := make([]byte, 0, len(body)+64)
	for line := range strings.Lines(body) {
		switch {
		case strings.HasPrefix(line, "o="):
			at := "IN IP4 0.0.0.0"
			if f := strings.Fields(line); len(f) >= 3 {
				at = strings.Join(f[len(f)-3:], " ")
			}
			b = append(append(b, "o="...), user...)
			b = strconv.AppendUint(append(b, ' '), id, 10)
			b = strconv.AppendUint(append(b, ' '), version, 10)
			b = append(append(append(b, ' '), at...), "\r\n"...)
		case strings.HasPrefix(line, "a="):
			if name, _ := attribute(line[2:]); !strings.EqualFold(trimBlanks(strings.TrimRight(name, "\r\n")), bypassID) {
				b = append(b, line...)
			}
		default:
			b = append(b, line...)
		}
	}
	return string(b)
}
