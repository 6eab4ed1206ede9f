package sdp

import (
	"net/netip"
	"strings"
)

func blank(c byte) bool { return c == ' ' || c == '\t' }

// trimBlanks removes leading and trailing blanks.
func trimBlanks(s string) string {
	for s != "" && blank(s[0]) {
		s = s[1:]
	}
	for s != "" && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// field cuts the first word off; any number of blanks separates words, because gateways pad.
func field(s string) (word, rest string) {
	i := 0
	for i < len(s) && blank(s[i]) {
		i++
	}
	s = s[i:]
	for i = 0; i < len(s) && !blank(s[i]); i++ {
	}
	return s[:i], s[i:]
}

// lastField cuts the last word off.
func lastField(s string) (rest, word string) {
	s = trimBlanks(s)
	i := len(s)
	for i > 0 && !blank(s[i-1]) {
		i--
	}
	return s[:i], s[i:]
}

// number reads leading digits up to a largest value.
func number(s string, largest int) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		if n = n*10 + int(s[i]-'0'); n > largest {
			return 0, s, false
		}
		i++
	}
	return n, s[i:], i > 0
}

// attribute splits the value of an a= line into name and value.
func attribute(line string) (name, value string) {
	if i := strings.IndexByte(line, ':'); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, ""
}

// address reads a literal address as c= and a=rtcp have it: a "/ttl" or a zone behind it is left out, an IPv4 address
// in IPv6 clothes is unmapped.
func address(s string) (netip.Addr, bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F', c == '.', c == ':':
			continue
		case c == '/' || c == '%':
			s = s[:i]
		default:
			return netip.Addr{}, false // a name; ParseAddr would spend an allocation on saying so
		}
		break
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}

func isRTP(proto string) bool { return strings.HasPrefix(proto, "RTP/") || containsFold(proto, "RTP/") }

// containsFold is strings.Contains without regard to the case of ASCII letters.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i]|0x20 == part[0]|0x20 && strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// word says whether s is made of letters, digits and the given others.
func word(s, others string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(others, c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}
