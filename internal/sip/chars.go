package sip

import "strings"

// Bit sets of ASCII, low half and high half.
const (
	digits   = 0x3ff << '0'
	letters  = 0x3ffffff<<('A'-64) | 0x3ffffff<<('a'-64)
	tokenLow = 1<<'!' | 1<<'%' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.' | digits
	tokenTop = 1<<('_'-64) | 1<<('`'-64) | 1<<('~'-64) | letters
	// The underscore is no host character by RFC 3261, yet many machine names have one.
	hostLow = 1<<'-' | 1<<'.' | digits
	hostTop = 1<<('_'-64) | letters
)

func inSet(c byte, low, top uint64) bool {
	if c < 64 {
		return low>>c&1 != 0
	}
	return c < 128 && top>>(c-64)&1 != 0
}

// What a character may be part of. These are asked of most of a message's octets, so they have a table: 256 octets that stay in the cache.
const (
	ofToken = 1 << iota
	ofHost
	ofURI
	ofMark // parts a SIP URI
)

var classes = func() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		if inSet(c, tokenLow, tokenTop) {
			t[c] |= ofToken
		}
		if inSet(c, hostLow, hostTop) {
			t[c] |= ofHost
		}
		if c > ' ' && c != 0x7f && c != '<' && c != '>' && c != '"' {
			t[c] |= ofURI
		}
		if c == '@' || c == ':' || c == ';' || c == '?' {
			t[c] |= ofMark
		}
	}
	return t
}()

// isToken tells a character of token (RFC 3261 §25.1).
func isToken(c byte) bool { return classes[c]&ofToken != 0 }

func isHost(c byte) bool { return classes[c]&ofHost != 0 }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isDigit(c byte) bool { return c-'0' <= 9 }

// isURIChar refuses what no URI holds and what would break out of a start line or of brackets.
// Other characters outside the grammar are let through: gateways do send "#" and raw UTF-8.
func isURIChar(c byte) bool { return classes[c]&ofURI != 0 }

func allURI(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isURIChar(s[i]) {
			return false
		}
	}
	return true
}

func allToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isToken(s[i]) {
			return false
		}
	}
	return s != ""
}

func trim(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	return trimRight(s)
}

func trimRight(s string) string {
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold compares in ASCII without regard to case (RFC 3261 §7.3.1).
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	if a == b {
		return true
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || (x|0x20)-'a' > 25 {
			return false
		}
	}
	return true
}

// lower is strings.ToLower for ASCII; it allocates only when something changes.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i]-'A' <= 25 {
			return strings.ToLower(s)
		}
	}
	return s
}

// decimal reads 1*DIGIT up to limit.
func decimal[T string | []byte](s T, limit uint64) (uint64, bool) {
	var n uint64
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		if n = n*10 + uint64(s[i]-'0'); n > limit {
			return 0, false
		}
	}
	return n, len(s) > 0
}

// quoteEnd is the index of the quote that closes the one at s[from], -1 when there is none.
func quoteEnd(s string, from int) int {
	for i := from + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unquote takes quotes and quoted pairs off a quoted-string; other text stays as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// Quote writes s as a quoted-string (RFC 3261 §25.1), without CR and LF.
func Quote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\r', '\n':
			continue
		case '"', '\\':
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(append(b, '"'))
}

// stripLines takes CR and LF out, so that no value can start a header of its own.
func stripLines(s string) string {
	if strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\r' && s[i] != '\n' {
			b = append(b, s[i])
		}
	}
	return string(b)
}
