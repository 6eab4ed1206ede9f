package identity

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The number and name that must not leave, as a part of whatever a peer writes.
const (
	secret     = "2065559999"
	secretName = "Mallory"
)

// secretHeaders are ways to say who calls: every header that means it, and relatives that this package does not know.
var secretHeaders = []string{
	"P-Asserted-Identity", "p-asserted-identity", "P-ASSERTED-IDENTITY", "P-Preferred-Identity", "P-preferred-identity", "Remote-Party-ID", "REMOTE-PARTY-ID",
	"Diversion", "diversion", "History-Info", "HISTORY-INFO", "Referred-By", "b", "B", "P-Called-Party-ID", "P-Served-User", "P-Asserted-Service", "Identity", "y",
	"X-Caller", "Reply-To", "Call-Info", "P-Charge-Info", "P-Profile-Key", "Session-ID", "Contact", "m", "Organization", "User-Agent", "Alert-Info", "P-Access-Network-Info",
}

// secretValues are shapes of a value.
var secretValues = []string{
	"<sip:+1" + secret + "@x;user=phone>", `"` + secretName + `" <sip:+1` + secret + "@x>", "<tel:+1" + secret + ">", "tel:+1" + secret, "sip:+1" + secret + "@x",
	"<sip:+1" + secret + "@x>;party=calling;screen=yes", "<sip:+1" + secret + "@x>;index=1, <sip:a@x;cause=302>;index=1.1", "<sips:" + secret + "@x?Reason=SIP%3Bcause%3D302>;index=1",
	"<sip:1@x>,\r\n <tel:+1" + secret + ">", secretName + " <sip:" + secretName + "@x>", "<sip:+1" + secret + "@x>;reason=unconditional;counter=2", "", ",", "<", `"`,
}

func drawHeaders(t *rapid.T) []string {
	var list []string
	for range rapid.IntRange(1, 6).Draw(t, "headers") {
		list = append(list, rapid.SampledFrom(secretHeaders).Draw(t, "name")+": "+rapid.SampledFrom(secretValues).Draw(t, "value"))
	}
	if rapid.Bool().Draw(t, "privacy") {
		list = append(list, "Privacy: "+rapid.SampledFrom([]string{"id", "none", "user;id", "header", "history", "x;critical"}).Draw(t, "value"))
	}
	return list
}

var drawSettings = rapid.SampledFrom([]string{"", "forwardPAI: true", "forwardCallHistory: true", "forwardPAI: true, identityHeaders: both, forwardCallHistory: true, callHistoryForm: both",
	"forwardPAI: true, forwardAnonymousCallGatewayPAI: true", "forwardPAI: true, callerForm: pai-only", "callerForm: anonymous", "removePlusFromUri: true, forwardPAI: true"})

var drawKind = rapid.SampledFrom([]string{"uc", "pbx", "gateway", "sbc"})

// quiet fails when something of the secret is sent.
func quiet(t *rapid.T, lines []string) {
	all := strings.Join(lines, "\n")
	for _, s := range [...]string{secret, secretName} {
		if strings.Contains(all, s) {
			t.Fatalf("%q is sent:\n%s", s, all)
		}
	}
}

// TestRTE13NothingLeaks: whatever an INVITE says of its caller, in From too, a route that hides or replaces the caller sends none of it.
func TestRTE13NothingLeaks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, drawKind.Draw(rt, "in kind"), drawSettings.Draw(rt, "in"), drawKind.Draw(rt, "out kind"), drawSettings.Draw(rt, "out"))
		headers := append(drawHeaders(rt), rapid.SampledFrom([]string{"From", "f", "FROM"}).Draw(rt, "from")+": "+
			rapid.SampledFrom(secretValues[:5]).Draw(rt, "value")+";tag=1", "Subject: From: nobody")
		quiet(rt, r.send(invite(t, headers...), true, rapid.SampledFrom([]string{"", "+14255550000"}).Draw(rt, "alternate")))
	})
}

// TestUntrustedIdentityVanishes: on a trunk that is not trusted no header but From names the caller, in whatever spelling.
func TestUntrustedIdentityVanishes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, drawKind.Draw(rt, "in kind"), "", drawKind.Draw(rt, "out kind"), drawSettings.Draw(rt, "out"))
		quiet(rt, r.send(invite(t, drawHeaders(rt)...), false, ""))
	})
}

// TestSIG15HiddenCaller: a caller who asks to be hidden is named to nobody who is not trusted.
func TestSIG15HiddenCaller(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		out := rapid.SampledFrom([]string{"", "removePlusFromUri: true", "callerForm: anonymous", "fromDomain: x.example"}).Draw(rt, "out")
		r := newRig(t, drawKind.Draw(rt, "in kind"), drawSettings.Draw(rt, "in"), drawKind.Draw(rt, "out kind"), out)
		headers := append(drawHeaders(rt), "From: "+rapid.SampledFrom(secretValues[:5]).Draw(rt, "from")+";tag=1",
			rapid.SampledFrom([]string{"Privacy: id", "privacy: USER", "Privacy: header;critical", "Privacy:\r\n id"}).Draw(rt, "asked"))
		quiet(rt, r.send(invite(t, headers...), false, ""))
	})
}
