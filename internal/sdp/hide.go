package sdp

import "strings"

// fate says what becomes of an attribute on its way to the other leg.
type fate uint8

const (
	fateOther     fate = iota // kept when it has neither address, host name nor key
	fateDrop                  // never kept: it names this leg, or speaks of something that ends here
	fateKey                   // key material and what goes with it: kept with Rewrite.KeepKeys
	fateMux                   // kept with Rewrite.Mux
	fateFormat                // belongs to a payload type, kept with it when it has no address; vendors' codec names have dots
	fateDirection             // written anew
)

// fateOf decides by attribute name. Names are case-sensitive by RFC 8866 §6, but a peer that reads them otherwise
// must not get what we drop, so case is no matter.
func fateOf(name string) fate {
	var room [24]byte
	if len(name) > len(room) {
		return fateOther
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		room[i] = c
	}
	return fateOfLower(room[:len(name)])
}

func fateOfLower(name []byte) fate {
	switch string(name) {
	case "rtpmap", "fmtp", "rtcp-fb":
		return fateFormat
	case "sendrecv", "sendonly", "recvonly", "inactive":
		return fateDirection
	case "rtcp-mux", "rtcp-mux-only":
		return fateMux
	case "crypto", "fingerprint", "setup", "connection", "tls-id", "dtls-id", "key-mgmt", "zrtp-hash", "3ge2ae",
		"encryption", "cryptoscale", // the last two: lists of keys and policy of UC clients
		"acap", "tcap", "pcfg", "acfg", "csup", "creq": // RFC 5939: may carry crypto lines, and name them
		return fateKey
	case SpeechNote, "rtcp", "candidate", "remote-candidates", "end-of-candidates", // with addresses of this leg; ICE ends here
		"source-filter", "rtcp-unicast", "altc", "alt", "ccap", "path", "sip-uri", // addresses by definition
		"ssrc", "ssrc-group", "msid", "msid-semantic", "cname", "identity", // CNAME is user@host (RFC 3550 §6.5.1)
		"group", "bundle-only", // every m-line has ports of its own here
		"tool", "cat", "keywds", "charset", "type", "sdplang",
		bypassID: // of the network of this side
		return fateDrop
	}
	if strings.HasPrefix(string(name), "ice-") || strings.HasPrefix(string(name), "x-candidate") {
		return fateDrop
	}
	return fateOther
}

// hasAddress says whether something in s reads like an IPv4 or IPv6 address. It errs on the side of yes: three dots or
// a double colon among hexadecimal digits, or the seven colons of a full IPv6 address (eight or nine with an attribute
// name before it and a port behind it; a fingerprint has fifteen and more).
func hasAddress(s string) bool {
	if colon := strings.IndexByte(s, ':'); strings.IndexByte(s, '.') < 0 && (colon < 0 || strings.IndexByte(s[colon+1:], ':') < 0) {
		return false // as nearly all, with no more than the colon behind a name
	}
	dots, colons, pair := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			dots++
		case c == ':':
			colons++
			pair = pair || i > 0 && s[i-1] == ':'
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			if colons >= 7 && colons <= 9 {
				return true
			}
			dots, colons = 0, 0
		}
		if dots >= 3 || pair {
			return true
		}
	}
	return colons >= 7 && colons <= 9
}

// hasHost says whether something in s reads like a host name, a user@host or a URL: an at sign, or a dot with a
// letter behind it.
func hasHost(s string) bool {
	if strings.IndexByte(s, '@') >= 0 {
		return true
	}
	for {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			return false
		}
		s = s[i+1:]
		if s != "" && (s[0] == '_' || s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z') {
			return true
		}
	}
}
