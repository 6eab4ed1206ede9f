package sim

import (
	"bytes"
	"math/rand/v2"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Numbers that stand for an identity: they are in no other place of a call, so that they can be looked for in whatever is sent. The last
// digits are those of the scenario.
const (
	assertedNumber  = "+1777" // whom the caller's peer vouches for
	divertedNumber  = "+1888" // who passed the call on
	connectedNumber = "+1999" // who answered
)

// identities are header lines of a caller; NUMBER and PASSED stand for the numbers above.
var identities = []string{
	"P-Asserted-Identity: \"Asserted\" <sip:NUMBER@HOST;user=phone>, <tel:NUMBER>",
	"p-asserted-identity: <tel:NUMBER>",
	"P-Preferred-Identity: <sip:NUMBER@HOST>",
	"Remote-Party-ID: <sip:NUMBER@HOST>;party=calling;screen=yes;privacy=off",
	"remote-party-id: <sip:NUMBER@HOST>;privacy=full",
	"Diversion: <sip:PASSED@HOST>;reason=user-busy;counter=1, <tel:PASSED>;reason=no-answer;privacy=full",
	"History-Info: <sip:PASSED@HOST>;index=1, <sip:PASSED@HOST;cause=302?Privacy=history>;index=1.1, <sip:x@HOST;cause=486>;index=1.1.1",
	"b: <sip:PASSED@HOST>",
	"X-Customer: 4711", // passes by a rule of gwc
	"X-Caller: NUMBER",
	"P-Called-Party-ID: <sip:PASSED@HOST>",
	"Identity: NUMBER",
	"Privacy: none",
	"Privacy: history",
}

// drawIdentity draws what a caller says of himself and of where the call has been.
func drawIdentity(r *rand.Rand, c *Caller) {
	if !one(r, 3) {
		return
	}
	for range 1 + r.IntN(3) {
		c.Headers = append(c.Headers, identities[r.IntN(len(identities))])
	}
	switch r.IntN(4) {
	case 0:
		c.Anonymous = true
	case 1:
		c.Headers = append(c.Headers, []string{"Privacy: id", "PRIVACY: user;header", "Privacy: id;critical"}[r.IntN(3)])
	}
}

// hidden tells whether the caller must not be shown.
func (c *Caller) hidden() bool {
	if c.Anonymous {
		return true
	}
	for _, h := range c.Headers {
		if l := strings.ToLower(h); strings.HasPrefix(l, "privacy:") && (strings.Contains(l, "id") || strings.Contains(l, "user")) {
			return true
		}
	}
	return false
}

// telling is a called number whose digits name the scenario, which From may not do when the caller says more than From.
func (s *Scenario) telling() string {
	if len(s.Number) < 2 || !strings.Contains("1236", s.Number[1:2]) {
		return "+1425" + s.key[1:]
	}
	return s.Number[:2] + "425" + s.key[1:]
}

// keyOfCalled is the scenario of such a number.
func keyOfCalled(user string) string {
	if len(user) == 15 && (user[2:7] == "42549" || user[2:7] == movedMark+"49") {
		return "+" + user[5:]
	}
	return ""
}

// introduce adds to an INVITE what the caller says beside From.
func (p *Party) introduce(m *sip.Message) {
	suffix := p.scenario.key[5:]
	words := strings.NewReplacer("NUMBER", assertedNumber+suffix, "PASSED", divertedNumber+suffix, "HOST", p.host.Addr.String())
	for _, h := range p.scenario.Caller.Headers {
		name, value, _ := strings.Cut(words.Replace(h), ": ")
		m.AddName(name, value)
	}
}

// named adds to a message of a callee who answers.
func (p *Party) named(m *sip.Message) {
	if p.callee != nil && p.callee.Named {
		m.Add(sip.IDPAssertedIdentity, "\"Connected\" <sip:"+connectedNumber+p.scenario.key[5:]+"@"+p.host.Addr.String()+">")
	}
}

// discloses checks that identities reach nobody whom the document does not trust with them, and that a hidden caller is hidden. A private
// identity in Remote-Party-ID counts only where it is believed.
func (x *watch) discloses(l *legWatch, m *sip.Message, data []byte, peer station) {
	host, ok := peer.(*Host)
	if !ok || l.call == nil {
		return
	}
	sc := x.n.w.scenarios[l.call.key]
	if sc == nil {
		return
	}
	from, to := x.n.w.Host(sc.From).trunk().Settings, host.trunk().Settings
	if bytes.Contains(data, []byte(assertedNumber)) && !(l.ours && from.ForwardPAI && to.ForwardPAI) && host.Name != sc.From {
		x.fail(l, "the asserted identity shows to %s\n%s", host.Name, data)
	}
	if bytes.Contains(data, []byte(divertedNumber)) && !(l.ours && from.ForwardCallHistory && to.ForwardCallHistory) && host.Name != sc.From {
		x.fail(l, "a redirection shows to %s\n%s", host.Name, data)
	}
	if bytes.Contains(data, []byte(connectedNumber)) && (l.ours && !sc.moved || !to.ForwardPAI) {
		x.fail(l, "who answered shows to %s\n%s", host.Name, data)
	}
	if by := m.Get(sip.IDReferredBy); by != "" && isMoved(m) && !strings.HasSuffix(by, ";x-ti=abc") && // the referrer's own equipment gets it as it came
		(!to.ForwardCallHistory || sc.Caller.hidden() && strings.Contains(by, sc.key)) {
		x.fail(l, "who has asked for a transfer shows to %s: %s", host.Name, by)
	}
	if l.ours && sc.Caller.hidden() && m.Method == "INVITE" && m.ToTag() == "" {
		u, _ := sip.ParseURI(m.From().URI)
		if isMoved(m) && u.User != sc.key && !strings.HasPrefix(u.User, assertedNumber) {
			return // of a transfer: it is from another party of the call
		}
		if a := m.From(); a.URI != "sip:anonymous@anonymous.invalid" || !m.HasToken(sip.IDPrivacy, "id") {
			x.fail(l, "a hidden caller shows to %s: From %s, Privacy %s", host.Name, a, m.Get(sip.IDPrivacy))
		}
	}
}
