package digest

import "strings"

const (
	scheme    = "Digest "
	maxParams = 32
)

// params reads the comma-separated parameters of a Digest header and gives each to set, with
// the name in lower case and the value without its quotes. Escapes stay as they are, since
// both sides hash the value as written (RFC 7616 §3.4). False when it is not well formed.
func params(value string, set func(name, value string)) bool {
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return false
	}
	rest := strings.TrimLeft(value[len(scheme):], " \t,")
	for n := 0; rest != ""; n++ {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || n == maxParams {
			return false
		}
		after = strings.TrimLeft(after, " \t")
		var v string
		if strings.HasPrefix(after, `"`) {
			end := closing(after)
			if end < 0 {
				return false
			}
			v, rest = after[1:end], strings.TrimLeft(after[end+1:], " \t")
			if rest != "" && rest[0] != ',' {
				return false
			}
		} else {
			end := strings.IndexByte(after, ',')
			if end < 0 {
				end = len(after)
			}
			v, rest = strings.TrimRight(after[:end], " \t"), after[end:]
			// Written between quotes again, these would end the value early.
			if strings.ContainsAny(v, "\"\\") {
				return false
			}
		}
		set(strings.ToLower(strings.TrimSpace(name)), v)
		rest = strings.TrimLeft(rest, " \t,")
	}
	return true
}

// closing is the index of the quote that ends the quoted-string at the start of s, or -1.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// parseChallenge reads a WWW-Authenticate or Proxy-Authenticate value. Of the qualities of protection that it offers, auth is taken
// before auth-int, whose hash of the body breaks wherever a device on the way writes into SDP.
func parseChallenge(value string) (challenge, bool) {
	var c challenge
	ok := params(value, func(name, v string) {
		switch name {
		case "realm":
			c.realm = v
		case "nonce":
			c.nonce = v
		case "opaque":
			c.opaque = v
		case "algorithm":
			c.algorithm = v
		case "stale":
			c.stale = strings.EqualFold(v, "true")
		case "userhash":
			c.userhash = strings.EqualFold(v, "true")
		case "qop":
			for q := range strings.SplitSeq(v, ",") {
				switch q = strings.TrimSpace(q); {
				case q == "":
					continue
				case strings.EqualFold(q, auth):
					c.qop = auth
				case strings.EqualFold(q, authInt) && c.qop == "":
					c.qop = authInt
				}
				c.offered = true
			}
		}
	})
	return c, ok && c.nonce != ""
}

// quoted puts quotes round a value that is written as it was read.
func quoted(b *strings.Builder, name, v string) {
	b.WriteString(name)
	b.WriteString(`="`)
	b.WriteString(v)
	b.WriteByte('"')
}
