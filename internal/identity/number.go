package identity

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Number is the user part of a URI as rules see it: unescaped, visual separators of a telephone number left out, and ";ext=" and
// ";phone-context=" behind it, whether they stand in a tel URI, in the user part (RFC 3261 §19.1.6) or, as some peers have it, among the
// parameters of a SIP URI.
func Number(u sip.URI) string {
	n := u.Number()
	_, own, _ := strings.Cut(u.User, ";")
	if own == "" && (u.Params == "" || u.Params == "user=phone") {
		return n
	}
	for _, name := range [...]string{"ext", "phone-context"} {
		v, ok := sip.Params(own).Get(name)
		if !ok {
			v, ok = u.Params.Get(name)
		}
		if ok && v != "" && len(v) <= maxParam {
			n += ";" + name + "=" + sip.Unescape(v)
		}
	}
	return n
}

// maxParam bounds a parameter of a number; a simple name has at most 256 characters.
const maxParam = 256

// isNumber tells a telephone number, with its parameters or without, from a name.
func isNumber(s string) bool {
	base, _, _ := strings.Cut(s, ";")
	digits := strings.TrimPrefix(base, "+")
	return digits != "" && strings.Trim(digits, "0123456789*#") == ""
}

// isLocal tells a number that means something in its context only (RFC 3966 §5.1.4).
func isLocal(s string) bool { return isNumber(s) && s[0] != '+' }

// local takes the context off that a number arrived with: it is not that of the next peer.
func local(number string) string {
	n, _, _ := strings.Cut(number, ";phone-context=")
	return n
}
