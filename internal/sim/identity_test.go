package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// spoken are the lines of the given headers in the first message from one station to another whose start line has the text.
func spoken(t *testing.T, w *World, from, to, text string, names ...string) string {
	t.Helper()
	for i := range w.Trace.Lines {
		l := &w.Trace.Lines[i]
		m, err := sip.Parse(l.Data, nil)
		if err != nil || l.From != from || l.To != to || !strings.Contains(m.StartLine(), text) {
			continue
		}
		var b strings.Builder
		for _, name := range names {
			for _, h := range m.Headers {
				if h.Name == name {
					v, _, _ := strings.Cut(h.Value, ";tag=")
					b.WriteString(name + ": " + v + "\n")
				}
			}
		}
		return b.String()
	}
	t.Fatalf("%s sends no %s to %s", from, text, to)
	return ""
}

// says places a call whose INVITE has further lines, to the target of a route.
func says(t *testing.T, w *World, number, host string, c Caller, answer Callee) {
	t.Helper()
	s := plain(c, map[string][]Callee{host: {answer}, "*": {{Final: 503}}})
	s.Number = number
	w.Call(s)
	w.Run(20 * time.Minute)
	done(t, w)
}

// all are the headers of identity.
var all = []string{"From", "P-Asserted-Identity", "Remote-Party-ID", "Privacy", "History-Info", "Diversion", "Referred-By", "X-Customer", "X-Pool"}

// TRK-15, TRK-16, SIG-13, SIG-14, NEW-05: what a trusted UC platform says of a forwarded call is told to a trusted provider, and to nobody else.
func TestTRK16ForwardedCall(t *testing.T) {
	c := Caller{Manner: hangUp, Headers: []string{identities[0], identities[5], identities[7], "X-Customer: 4711"}}
	for host, want := range map[string]string{
		"sbc": `From: "Caller call" <sip:+4930000001@192.0.2.11;user=phone>
P-Asserted-Identity: "Asserted" <sip:+1777000001@192.0.2.11;user=phone>
P-Asserted-Identity: <tel:+1777000001>
History-Info: <sip:+1888000001@192.0.2.11;user=phone?Privacy=history>;index=1, <sip:+1888000001@192.0.2.11;user=phone;cause=408>;index=1.1;mp=1, <sip:+34254930000001@sbc.sim.example;user=phone;cause=486>;index=1.1.1;mp=1.1
Diversion: <sip:+1888000001@192.0.2.11;user=phone>;reason=user-busy;counter=1;privacy=off
Diversion: <sip:+1888000001@192.0.2.11;user=phone>;reason=no-answer;counter=1;privacy=full
Referred-By: <sip:+1888000001@192.0.2.11;user=phone>
`,
		"gwc": `From: "Caller call" <sip:+4930000001@192.0.2.11;user=phone>
P-Asserted-Identity: "Asserted" <sip:+1777000001@192.0.2.11;user=phone>
P-Asserted-Identity: <tel:+1777000001>
Remote-Party-ID: "Asserted" <sip:+1777000001@192.0.2.11;user=phone>;party=calling;screen=yes;privacy=off
Diversion: <sip:+1888000001@192.0.2.11;user=phone>;reason=user-busy;counter=1;privacy=off
Diversion: <sip:+1888000001@192.0.2.11;user=phone>;reason=no-answer;counter=1;privacy=full
Referred-By: <sip:+1888000001@192.0.2.11;user=phone>
X-Customer: 4711
X-Pool: sim
`,
		"gwa": "From: \"Caller call\" <sip:+4930000001@192.0.2.11;user=phone>\n",
	} {
		w := world(t)
		says(t, w, map[string]string{"sbc": "+3", "gwc": "+2", "gwa": "+1"}[host]+"425", host, c, answers)
		if got := spoken(t, w, "med1", host, "INVITE", all...); got != want {
			t.Errorf("%s is told\n%swant\n%s", host, got, want)
		}
	}
}

// SIG-15, TRK-27: an anonymous call that was passed on by a user goes to the network without its identity, unless the trunk has
// forwardAnonymousCallGatewayPAI.
func TestTRK27AnonymousForward(t *testing.T) {
	c := Caller{Manner: hangUp, Anonymous: true, Headers: []string{identities[1], "Privacy: id", "b: <sip:PASSED@HOST>"}}
	const nobody = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>\n"
	for host, want := range map[string]string{
		"gwc": nobody + "Privacy: id\n",
		"sbc": nobody + "P-Asserted-Identity: <sip:+1777000001@192.0.2.11;user=phone>\nP-Asserted-Identity: <tel:+1777000001>\nPrivacy: id\n",
	} {
		w := world(t)
		says(t, w, map[string]string{"sbc": "+3", "gwc": "+2"}[host]+"425", host, c, answers)
		if got := spoken(t, w, "med1", host, "INVITE", "From", "P-Asserted-Identity", "Remote-Party-ID", "Privacy"); got != want {
			t.Errorf("%s is told\n%swant\n%s", host, got, want)
		}
	}
}

// TRK-28: the caller is told who answered, in 18x and 2xx, where the answering gateway is believed.
func TestTRK28ConnectedNumber(t *testing.T) {
	named := answers
	named.Named = true
	const who = "P-Asserted-Identity: \"Connected\" <sip:+1999000001@192.0.2.11;user=phone>\n"
	for host, want := range map[string]string{"gwc": who, "gwa": "", "sbc": ""} {
		w := world(t)
		says(t, w, map[string]string{"sbc": "+3425", "gwc": "+2425", "gwa": "+1425"}[host], host, Caller{Manner: hangUp}, named)
		for _, status := range []string{"180", "200"} {
			if got := spoken(t, w, "med1", "uca", status, "P-Asserted-Identity"); got != want {
				t.Errorf("%s answers, %s tells the caller %q, want %q", host, status, got, want)
			}
		}
	}
}

// TRK-28: who is at the other end now is told in the re-INVITE that comes with it.
func TestTRK28ConnectedNumberChanges(t *testing.T) {
	w := world(t)
	b := answers
	b.Named, b.Manner = true, then(Action{second, Hold}, Action{3 * second, Resume}, Action{6 * second, Bye})
	says(t, w, "+2425", "gwc", Caller{}, b)
	if got, want := spoken(t, w, "med1", "uca", "INVITE", "P-Asserted-Identity"), "P-Asserted-Identity: \"Connected\" <sip:+1999000001@192.0.2.11;user=phone>\n"; got != want {
		t.Errorf("the caller is told %q, want %q", got, want)
	}
}

// TRK-28: … or in an UPDATE without offer.
func TestTRK28ConnectedNumberByUpdate(t *testing.T) {
	w := world(t)
	b := answers
	b.Named, b.Manner = true, then(Action{second, Ping}, Action{6 * second, Bye})
	says(t, w, "+2425", "gwc", Caller{}, b)
	if got, want := spoken(t, w, "med1", "uca", "UPDATE", "P-Asserted-Identity"), "P-Asserted-Identity: \"Connected\" <sip:+1999000001@192.0.2.11;user=phone>\n"; got != want {
		t.Errorf("the caller is told %q, want %q", got, want)
	}
}

// TRK-22: the record says which response rule held, and the caller gets its code.
func TestTRK22RuleInRecord(t *testing.T) {
	w := world(t, gwc, gwc+", responseRules: [{name: nobody there, code: 486, cause: 1, to: 404}]")
	says(t, w, "+2425", "gwc", Caller{Manner: hangUp}, Callee{After: second, Final: 486, Cause: 1})
	if r := w.Nodes[0].Records[0]; r.Status != 404 || r.Reason != "not-found" || r.Detail != "486 Busy Here, taken for 404 by response rule nobody there" {
		t.Errorf("%d %s: %s", r.Status, r.Reason, r.Detail)
	}
}

// RFC 3323 §5, and redirections that never end: refused, with a reason of their own. NEW-18: but no emergency call.
func TestRefusedByIdentity(t *testing.T) {
	for reason, c := range map[string]Caller{
		"privacy-impossible":    {Manner: hangUp, Headers: []string{"Privacy: telepathy;critical"}},
		"too-many-redirections": {Manner: hangUp, Headers: []string{"Diversion: <sip:PASSED@HOST>;counter=11"}},
	} {
		w := world(t)
		says(t, w, "+1425", "gwa", c, answers)
		if r := w.Nodes[0].Records[0]; r.Reason != reason || len(r.Attempts) > 0 {
			t.Errorf("%s after %d attempts, want %s", r.Reason, len(r.Attempts), reason)
		}
		w = world(t, "number: 112", "number: 112, masks: ['+14254930000001']")
		says(t, w, "+1425", "gwa", c, answers)
		if r := w.Nodes[0].Records[0]; r.Status != 200 || !r.Emergency || r.Called.Sent != "112" {
			t.Errorf("an emergency call that was %s: %d %s, emergency %v, called %s", reason, r.Status, r.Reason, r.Emergency, r.Called.Sent)
		}
	}
}

// Header rules hold for the INVITE, the responses and the probes of a trunk, and copy nothing of a hidden caller.
func TestHeaderRules(t *testing.T) {
	w := world(t, callers, callers+", headerRules: {in: [{remove: X-Customer, match: ^47}], out: [{add: X-Answer, value: pool, codes: [180, 2xx]}, {copy: Server, to: X-Peer, codes: [200]}]}",
		"in: [{remove: Server}]", "in: [{replace: Server, match: .*, value: '', codes: [1xx]}, {replace: Server, value: some gateway, codes: [200]}]")
	says(t, w, "+2425", "gwc", Caller{Manner: hangUp, Headers: []string{"X-Customer: 12", "X-Customer: 4711"}}, answers)
	for _, c := range []struct{ from, to, text, want string }{
		{"med1", "gwc", "INVITE", "X-Customer: 12\nX-Pool: sim\n"},
		{"med1", "uca", "180", "X-Answer: pool\n"},
		{"med1", "uca", "200", "X-Answer: pool\nX-Peer: some gateway\n"},
	} {
		if got := spoken(t, w, c.from, c.to, c.text, "X-Customer", "X-Pool", "X-Answer", "X-Peer"); got != c.want {
			t.Errorf("%s from %s to %s: %q, want %q", c.text, c.from, c.to, got, c.want)
		}
	}
	w = world(t)
	says(t, w, "+2425", "gwc", Caller{Manner: hangUp, Anonymous: true, Headers: []string{"X-Customer: 12"}}, answers)
	if got := spoken(t, w, "med1", "gwc", "INVITE", "X-Customer", "X-Pool"); got != "X-Pool: sim\n" {
		t.Errorf("of a hidden caller: %q", got)
	}
	w = world(t)
	w.RunUntil(40 * time.Second)
	if got := spoken(t, w, "med1", "gwc", "OPTIONS", "X-Pool"); got != "X-Pool: sim\n" {
		t.Errorf("OPTIONS with %q", got)
	}
}
