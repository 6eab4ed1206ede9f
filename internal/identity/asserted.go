package identity

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// maxValues bounds the values of one kind of header that are looked at.
const maxValues = 16

// asserted is the identity that a trusted peer vouches for: P-Asserted-Identity, a SIP and a TEL value at most (RFC 3325 §9.1); else
// P-Preferred-Identity, which such a peer means as a wish and leaves to us to confirm; else Remote-Party-ID for the side, "calling" or
// "called". hidden: a Remote-Party-ID asks not to show it.
func asserted(m *sip.Message, side string) (p Party, hidden bool) {
	first := sip.IDOther // most messages have none of them
	for i := range m.Headers {
		switch m.Headers[i].ID {
		case sip.IDPAssertedIdentity:
			first = sip.IDPAssertedIdentity
		case sip.IDPPreferredIdentity, sip.IDRemotePartyID:
			if first == sip.IDOther {
				first = m.Headers[i].ID
			}
		}
	}
	if first == sip.IDOther {
		return Party{}, false
	}
	for _, id := range [...]sip.ID{sip.IDPAssertedIdentity, sip.IDPPreferredIdentity} {
		if p = addresses(m, id); p.URI != "" {
			return p, false
		}
	}
	return remoteParty(m, side)
}

// addresses joins the values of a header: the first SIP URI, and the first TEL URI beside it.
func addresses(m *sip.Message, id sip.ID) (p Party) {
	var tel Party
	n := 0
	for v := range m.Values(id) {
		if n++; n > maxValues {
			break
		}
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		switch q := party(a); {
		case q.anonymous(): // vouches for nobody
		case q.Tel && tel.URI == "":
			tel = q
		case !q.Tel && p.URI == "":
			p = q
		}
	}
	if p.URI == "" {
		return tel
	}
	if p.Tel = tel.URI != ""; p.Tel && !isNumber(p.Number) {
		p.Line = tel.Number
	}
	return p
}

// remoteParty reads Remote-Party-ID (draft-ietf-sip-privacy-04): party= names the side, in a request the calling and in a response the
// called one when it is absent; screen=no is what the caller said unchecked and no more than From; privacy= other than off hides.
func remoteParty(m *sip.Message, side string) (p Party, hidden bool) {
	n := 0
	for v := range m.Values(sip.IDRemotePartyID) {
		if n++; n > maxValues {
			break
		}
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		if of, ok := a.Params.Get("party"); ok && !strings.EqualFold(of, side) {
			continue
		}
		if s, _ := a.Params.Get("screen"); strings.EqualFold(s, "no") {
			continue
		}
		if p = party(a); p.URI == "" {
			continue
		}
		s, ok := a.Params.Get("privacy")
		return p, ok && !strings.EqualFold(s, "off")
	}
	return Party{}, false
}
