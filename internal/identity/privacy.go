package identity

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Privacy is a set of the priv-values of a Privacy header (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1).
type Privacy uint8

// The values.
const (
	PrivacyID Privacy = 1 << iota
	PrivacyHeader
	PrivacyUser
	PrivacySession
	PrivacyHistory
	PrivacyNone
	PrivacyCritical
	privacyOther // a value that nobody here knows
)

// privacyNames are the values as they are written, in this order.
var privacyNames = [...]string{"id", "header", "user", "session", "history", "none", "critical"}

// ReadPrivacy reads every Privacy header of a message. Values are separated by semicolons; commas, which many send, are taken too.
func ReadPrivacy(m *sip.Message) (p Privacy) {
	for v := range m.Values(sip.IDPrivacy) {
		p |= parsePrivacy(v)
	}
	return p
}

func parsePrivacy(s string) (p Privacy) {
	for more := true; more; {
		var one string
		one, s, more = strings.Cut(s, ";")
		if one = strings.TrimSpace(one); one != "" {
			p |= privacyValue(one)
		}
	}
	return p
}

func privacyValue(s string) Privacy {
	for i, name := range privacyNames {
		if strings.EqualFold(s, name) {
			return 1 << i
		}
	}
	return privacyOther
}

// Has tells whether one of the values is there.
func (p Privacy) Has(v Privacy) bool { return p&v != 0 }

// Hides tells whether the caller wants to be hidden. Whoever asks for the privacy of one header does not want to be found in the
// next one.
func (p Privacy) Hides() bool { return p.Has(PrivacyID | PrivacyHeader | PrivacyUser) }

// Grantable tells whether everything that is asked for can be had here. Names, addresses and headers of the caller's side never pass a
// back-to-back user agent; the media does pass it unless it is bypassed. A request with "critical" that is not grantable has to be refused
// (RFC 3323 §5).
func (p Privacy) Grantable(bypass bool) bool {
	return !p.Has(privacyOther) && !(bypass && p.Has(PrivacySession))
}

// String is the value of a Privacy header, "" for none at all.
func (p Privacy) String() string {
	switch p {
	case 0:
		return ""
	case PrivacyID:
		return "id"
	case PrivacyNone:
		return "none"
	}
	var b strings.Builder
	for i, name := range privacyNames {
		if p.Has(1 << i) {
			if b.Len() > 0 {
				b.WriteByte(';')
			}
			b.WriteString(name)
		}
	}
	return b.String()
}
