package identity

import (
	"cmp"
	"strings"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Party is one who calls, or who answered.
type Party struct {
	Display string
	URI     string // "" when there is nobody
	Number  string // see Number; a name when the URI has no number
	Tel     bool   // a tel URI was given as well, or alone
	Line    string // the number of that, behind a URI that has none

	host string // of a SIP URI
}

// dialled is the number by which the party is called back, or a name.
func (p *Party) dialled() string { return cmp.Or(p.Line, p.Number) }

// Caller is who calls, as an INVITE says it and as far as its trunk lets it be believed. The strings are views of the message.
type Caller struct {
	From     Party   // what the caller says
	Asserted Party   // what a trusted peer vouches for
	Privacy  Privacy // what is asked for
}

// ReadCaller reads an INVITE that arrived on a trunk; nil is the trunk of nobody and trusts nothing.
func ReadCaller(m *sip.Message, in *topology.Trunk) Caller {
	from := m.From()
	c := Caller{From: party(from), Privacy: ReadPrivacy(m)}
	if in != nil && in.Settings.ForwardPAI {
		var hidden bool
		if c.Asserted, hidden = asserted(m, "calling"); hidden {
			c.Privacy |= PrivacyID
		}
	}
	return c
}

// Hidden tells whether the caller must not be shown: by a Privacy header, or because From names nobody (RFC 3323 §4.1.1.3).
func (c *Caller) Hidden() bool {
	return c.Privacy.Hides() || c.From.anonymous()
}

// Presented is whom the call is from: From, as long as it has a number. Behind one that has none or hides it, it is the identity that the
// peer vouches for.
func (c *Caller) Presented() Party {
	p := c.From
	if c.Asserted.URI != "" && (!isNumber(p.Number) || c.Hidden()) {
		p = c.Asserted
		p.Display = c.From.Display
	}
	return p
}

// party reads an address; nobody when its URI cannot be read.
func party(a sip.Address) Party {
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return Party{}
	}
	return Party{Display: a.Display, URI: a.URI, Number: Number(u), Tel: u.Scheme == "tel", host: u.Host}
}

// anonymous tells whether a From names nobody: anonymous as user, or a host below anonymous.invalid, or unknown.invalid where a telephone network has not said who
// calls (3GPP TS 23.003 §13.6, §13.7).
func (p *Party) anonymous() bool {
	return strings.EqualFold(p.Number, "anonymous") || below(p.host, "anonymous.invalid") || below(p.host, "unknown.invalid")
}

// below tells whether a host is a domain or in it.
func below(host, domain string) bool {
	at := len(host) - len(domain)
	return at >= 0 && strings.EqualFold(host[at:], domain) && (at == 0 || host[at-1] == '.')
}
