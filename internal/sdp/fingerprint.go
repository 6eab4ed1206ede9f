package sdp

import (
	"encoding/hex"
	"slices"
	"strings"
)

// Fingerprint is an a=fingerprint line (RFC 8122 §5).
type Fingerprint struct {
	Hash  string // lower case: sha-256 …
	Value string // octets
}

// hashSizes are the hashes that a certificate is compared by, weakest first, and their octets. RFC 8122 §5 forbids MD2 and MD5; SHA-1 is what some
// older peers have alone.
var hashSizes = []struct {
	name string
	size int
}{{"sha-1", 20}, {"sha-224", 28}, {"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}}

// maxFingerprints of one m-line are read.
const maxFingerprints = 8

// Fingerprints are those of an m-line that can be compared by, or of the session where it has none of its own. Of several hashes only the strongest
// counts (RFC 8122 §5.1).
func (s *Session) Fingerprints(media int) (list []Fingerprint) {
	best := 0
	for _, value := range s.ownOrSession(media, "fingerprint", maxFingerprints) {
		f, strength, ok := parseFingerprint(value)
		switch {
		case !ok || strength < best:
			continue
		case strength > best:
			list, best = list[:0], strength
		}
		list = append(list, f)
	}
	return list
}

// Setup is the role of an m-line's peer in a handshake (RFC 4145 §4): active, passive, actpass or holdconn, active where nothing is said.
func (s *Session) Setup(media int) string {
	for _, value := range s.ownOrSession(media, "setup", 1) {
		return strings.ToLower(trimBlanks(value))
	}
	return "active"
}

// TLSID names the association (RFC 8842 §4); "" where nothing is said.
func (s *Session) TLSID(media int) string {
	for _, value := range s.ownOrSession(media, "tls-id", 1) {
		return trimBlanks(value)
	}
	return ""
}

// ownOrSession are the values of an attribute at media level, or else at session level, at most so many.
func (s *Session) ownOrSession(media int, attribute string, most int) (list []string) {
	for _, level := range [...]int{media, -1} {
		for name, value := range s.Attributes(level) {
			if name == attribute && len(list) < most {
				list = append(list, value)
			}
		}
		if len(list) > 0 {
			break
		}
	}
	return list
}

func parseFingerprint(value string) (f Fingerprint, strength int, ok bool) {
	hash, rest := field(value)
	digits, rest := field(rest)
	hash = strings.ToLower(hash)
	n := slices.IndexFunc(hashSizes, func(h struct {
		name string
		size int
	}) bool {
		return h.name == hash
	})
	if n < 0 || trimBlanks(rest) != "" || len(digits) != 3*hashSizes[n].size-1 {
		return f, 0, false
	}
	for i := 2; i < len(digits); i += 3 {
		if digits[i] != ':' {
			return f, 0, false
		}
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	return Fingerprint{hash, string(raw)}, n + 1, err == nil && len(raw) == hashSizes[n].size // a colon in place of a digit makes it shorter
}

// FormatFingerprint is the value of an a=fingerprint line.
func FormatFingerprint(f Fingerprint) string {
	const digits = "0123456789ABCDEF"
	b := append(make([]byte, 0, len(f.Hash)+3*len(f.Value)), f.Hash...)
	for i := range len(f.Value) {
		sep := byte(':')
		if i == 0 {
			sep = ' '
		}
		b = append(b, sep, digits[f.Value[i]>>4], digits[f.Value[i]&15])
	}
	return string(b)
}
