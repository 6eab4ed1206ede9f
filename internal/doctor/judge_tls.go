package doctor

import (
	"fmt"
	"strings"
	"time"
)

// expiresSoon is when a certificate begins to be worth a warning (DR-31).
const expiresSoon = 30 * 24 * time.Hour

func days(d time.Duration) string {
	n := int(d / (24 * time.Hour))
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// ours judges the certificate that we present.
func (j *judge) ours() {
	f := j.facts
	if f.OursError != "" {
		j.add(Error, "our-certificate", "our certificate cannot be used: "+f.OursError, "no TLS trunk works without it",
			fmt.Sprintf("Correct cert, key and ca of server %q", j.server.Name))
	}
	if ca := f.Trusted; ca != nil {
		j.expiry(ca.Until, "ca", "the last certificate of "+ca.File, "no peer is trusted", fmt.Sprintf("Renew ca of server %q; it is read again without a restart", j.server.Name))
	}
	c := f.Ours
	if c == nil {
		return
	}
	j.validity(c, "our", "our certificate", "peers end the connection", "Renew the file "+j.server.Cert+"; it is read again without a restart")
	if len(c.lacks) > 0 {
		j.add(Warning, "our-name", fmt.Sprintf("our certificate is for %s, and not for %s", list(c.Names), strings.Join(c.lacks, " and ")),
			"peers that check who calls them refuse it", "Have one issued that carries contactHost of the trunk, or without that the names of server and pool; who finds us by SRV expects the name that was looked up (RFC 5922 section 4)")
	}
	if c.loose != "" {
		j.add(Warning, "our-chain", fmt.Sprintf("our certificate is from %s, which leads to no authority that is known here: %s", c.Issuer, c.loose),
			"peers that do not have what lies between the two refuse it", "Append the certificates of its issuers to "+j.server.Cert+", up to the authority's")
	}
	if !c.Client {
		j.add(Note, "our-usage", "our certificate is for servers only (extended key usage)", "peers that check this refuse it when we call them; many do not check",
			"Have one issued for server and client authentication if calls to the peer fail in the handshake")
	}
}

// validity judges the dates of a certificate; who is "our" or "tls", the beginning of the finding's id.
func (j *judge) validity(c *Certificate, who, what, why, fix string) {
	if j.now.Before(c.From) {
		j.add(Error, who+"-not-yet", fmt.Sprintf("%s is not valid before %s, and here it is %s", what, c.From.Format(time.RFC3339), j.now.Format(time.RFC3339)), why,
			"Compare the clock of this host with another one")
		return
	}
	j.expiry(c.Until, who, what, why, fix)
}

func (j *judge) expiry(until time.Time, who, what, why, fix string) {
	switch {
	case j.now.After(until):
		j.add(Error, who+"-expired", fmt.Sprintf("%s expired %s ago, on %s", what, days(j.now.Sub(until)), until.Format(time.DateOnly)), why, fix)
	case until.Sub(j.now) < expiresSoon:
		j.add(Warning, who+"-expires", fmt.Sprintf("%s expires in %s, on %s", what, days(until.Sub(j.now)), until.Format(time.DateOnly)), "then "+why, fix)
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}

// handshake judges what the peer presented.
func (j *judge) handshake(h *Hop) {
	hs := h.TLS
	if hs == nil || len(hs.Chain) == 0 {
		return
	}
	leaf, at, gw := &hs.Chain[0], h.Address.String(), j.trunk.Gateway.Name
	if hs.NameError != "" {
		j.add(Error, "tls-name", fmt.Sprintf("the certificate of %s is for %s, and not for %s", at, list(leaf.Names), hs.Name), "no call is sent to a peer that cannot prove its name",
			fmt.Sprintf("Set gateways.%s.host to a name of the certificate, or have one issued for %s", gw, hs.Name))
	}
	j.validity(leaf, "tls", "the certificate of "+at, "no call is sent to it", "Have the peer's certificate renewed")
	if hs.TrustError != "" {
		fix := fmt.Sprintf("Add the certificate of %q to the file of ca of server %q", leaf.Issuer, j.server.Name)
		switch {
		case hs.stale != "":
			fix = fmt.Sprintf("Have the certificate of %q renewed, where it is: in the file of ca of server %q, or with the peer, which sends it; if it is new, compare the clock of this host with another one", hs.stale, j.server.Name)
		case leaf.selfMade:
			fix = fmt.Sprintf("It was issued by itself: add it to the file of ca of server %q, or have one issued by an authority", j.server.Name)
		case len(hs.Chain) == 1:
			fix += ", or have the peer send the certificates between its own and the authority's: it sends only its own"
		}
		j.add(Error, "tls-untrusted", fmt.Sprintf("the certificate of %s is from %s, which is not trusted: %s", at, leaf.Issuer, hs.TrustError), "no call is sent to it", fix)
	}
	switch {
	case !hs.ClientAsked:
		j.add(Note, "tls-client-not-asked", at+" does not ask for our certificate", "it knows us by address or not at all", "")
	case !hs.ClientFits:
		j.add(Warning, "tls-client-issuer", fmt.Sprintf("%s asks for a certificate from %s, and ours is from %s", at, list(hs.ClientIssuers), j.facts.Ours.Issuer),
			"it will most likely refuse ours", "Give the peer the authority of our certificate, or have one issued by an authority that it names")
	}
	if hs.NameError == "" && h.Answer != nil && h.CountsFor != j.trunk.Name {
		j.stranger(h, fmt.Sprintf("the names of its certificate, %s,", list(leaf.Names)), fmt.Sprintf("Add one of the names to gateways.%s.names", gw))
	}
}

// handshakeFailed says in words what ended a handshake.
func (j *judge) handshakeFailed(h *Hop, s Severity, why string) {
	if j.facts.OursError != "" {
		return // told already
	}
	fix := "Look in the log of the peer for the reason"
	switch e := h.Error; {
	case strings.Contains(e, "first record does not look like"):
		fix = "The port does not speak TLS: look at gatewayPort, or set transport to TCP"
	case strings.Contains(e, "protocol version"), strings.Contains(e, "unsupported"):
		fix = "The peer needs TLS 1.2 or 1.3: older versions are not spoken here"
	case strings.Contains(e, "handshake failure"):
		fix = "The two have no cipher suite in common, or the peer wants another kind of certificate: RSA or ECDSA"
	case strings.Contains(e, "certificate"), strings.Contains(e, "unknown authority"):
		fix = "The peer refuses our certificate: give it the authority that issued ours, and look which name it expects"
	case strings.Contains(e, "unrecognized name"):
		fix = "The peer does not know the name that we ask for: look at the gateway's host"
	}
	j.add(s, "tls-handshake", fmt.Sprintf("no TLS handshake with %s: %s", h.Address, h.Error), why, fix)
}
