package identity

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Diversion is one redirection of a call before it came here: who was called and passed it on.
type Diversion struct {
	Party
	Reason  Reason
	Count   int  // redirections that it stands for, at least 1
	Private bool // who passed the call on must not be shown to the called party
}

// Reason is why a call was passed on (RFC 5806 §4).
type Reason uint8

// The reasons that have a cause in History-Info (RFC 7544 §6.2); all others are Unknown there.
const (
	Unknown Reason = iota
	Unconditional
	UserBusy
	NoAnswer
	Deflection
	Unavailable
)

// reasons are the reasons with the token of Diversion and the cause of RFC 4458.
var reasons = [...]struct {
	token string
	cause string
}{
	Unknown:       {"unknown", "404"},
	Unconditional: {"unconditional", "302"},
	UserBusy:      {"user-busy", "486"},
	NoAnswer:      {"no-answer", "408"},
	Deflection:    {"deflection", "480"},
	Unavailable:   {"unavailable", "503"},
}

// String is the token of Diversion.
func (r Reason) String() string { return reasons[r].token }

func reasonOf(token string) Reason {
	for i := range reasons {
		if strings.EqualFold(reasons[i].token, token) {
			return Reason(i)
		}
	}
	return Unknown
}

func reasonOfCause(cause string) Reason {
	for i := range reasons {
		if reasons[i].cause == cause {
			return Reason(i)
		}
	}
	if cause == "487" { // immediate deflection
		return Deflection
	}
	return Unknown
}

// MaxRedirections is how often a call may have been passed on before it is refused, or, when it must not be refused, goes on without
// its history. ISDN allows five (Q.732.2 §2.5); a call that runs in a circle of forwarded telephones gains one or more on every turn.
const MaxRedirections = 10

// Redirections counts how often a call was passed on, by what its headers say, whether or not they are believed.
func Redirections(m *sip.Message) int {
	if !m.Has(sip.IDDiversion) && !m.Has(sip.IDHistoryInfo) {
		return 0
	}
	return max(count(diversions(m)), count(historyInfo(m)))
}

func count(list []Diversion) (n int) {
	for i := range list {
		n += list[i].Count
	}
	return n
}

// ReadHistory is the redirections of an INVITE that arrived on a trunk, the earliest first; none when the trunk is not trusted with
// them, or when they are more than MaxRedirections. History-Info is taken where a message has both: it tells more.
func ReadHistory(m *sip.Message, in *topology.Trunk) []Diversion {
	if in == nil || !in.Settings.ForwardCallHistory {
		return nil
	}
	list := historyInfo(m)
	if len(list) == 0 {
		list = diversions(m)
	}
	if count(list) > MaxRedirections {
		return nil
	}
	if len(list) > 0 && ReadPrivacy(m).Has(PrivacyHistory|PrivacySession|PrivacyHeader) { // of all entries (RFC 7044 §10.1)
		for i := range list {
			list[i].Private = true
		}
	}
	return list
}
