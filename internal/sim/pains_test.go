package sim

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/sip"
)

// own gives gwa settings of its own.
func own(settings string) []string {
	return []string{targets + "}", targets + "}\n  trunk:gwa: {" + settings + "}"}
}

// P09: a forwarded call leaves with the caller's number and, where the trunk is trusted with it, with who forwarded it as the carrier wants to see
// it.
func TestP09_ForwardedCall(t *testing.T) {
	const from = "From: \"Caller call\" <sip:+4930000001@192.0.2.11;user=phone>\n"
	for _, c := range []struct {
		what    string
		changes []string
		want    string
	}{
		{"by default", nil, from},
		{"Diversion", own("forwardCallHistory: true, callHistoryForm: diversion"), from + `Diversion: <sip:+1888000001@192.0.2.11;user=phone>;reason=user-busy;counter=1;privacy=off
Diversion: <sip:+1888000001@192.0.2.11;user=phone>;reason=no-answer;counter=1;privacy=full
`},
		{"History-Info", own("forwardCallHistory: true"), from + `History-Info: <sip:+1888000001@192.0.2.11;user=phone?Privacy=history>;index=1, ` +
			`<sip:+1888000001@192.0.2.11;user=phone;cause=408>;index=1.1;mp=1, <sip:+14254930000001@198.51.100.11;user=phone;cause=486>;index=1.1.1;mp=1.1
`},
	} {
		w := world(t, c.changes...)
		says(t, w, "+1425", "gwa", Caller{Manner: hangUp, Headers: []string{identities[5]}}, answers)
		if got := spoken(t, w, "med1", "gwa", "INVITE", "From", "History-Info", "Diversion"); got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.what, got, c.want)
		}
	}
}

// P10: a private call shows neither name nor alias: From is anonymous in the form of RFC 3323 §4.1, with Privacy; who is trusted learns the number.
func TestP10_PrivateCall(t *testing.T) {
	for trusted, want := range map[bool]string{
		false: "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>\nPrivacy: id\n",
		true: "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>\nPrivacy: id\n" +
			"P-Asserted-Identity: \"Asserted\" <sip:+1777000001@192.0.2.11;user=phone>\nP-Asserted-Identity: <tel:+1777000001>\n",
	} {
		w := world(t)
		if trusted {
			w = world(t, own("forwardPAI: true")...)
		}
		says(t, w, "+1425", "gwa", Caller{Manner: hangUp, Headers: []string{identities[0], "Privacy: id"}}, answers)
		if got := spoken(t, w, "med1", "gwa", "INVITE", "From", "Privacy", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"); got != want {
			t.Errorf("trusted %v:\n%swant\n%s", trusted, got, want)
		}
	}
}

// P17: a PBX that knows one address only is served by any server of the pool; one that knows two goes to the other when the first is taken out of
// service, told by the answer to its OPTIONS and to its INVITE.
func TestP17_AnyServer(t *testing.T) {
	w := world(t)
	for i := range w.Nodes {
		s := plain(Caller{Manner: then(Action{20 * second, Bye})}, at(answers, "gwa"))
		s.Name, s.Node = "call"+itoa(uint32(i)), i
		w.Call(s)
	}
	w.RunUntil(5 * second)
	w.Nodes[0].Drain(true)
	for i := range w.Nodes {
		s := plain(Caller{Manner: hangUp}, at(answers, "gwa"))
		s.Name, s.Node = "late"+itoa(uint32(i)), i
		w.Call(s)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	for i, want := range []string{"draining normal-clearing", "normal-clearing normal-clearing"} {
		r := w.Nodes[i].Records
		if got := r[0].Reason + " " + r[1].Reason; got != want {
			t.Errorf("%s: %s, want %s", w.Nodes[i].name(), got, want)
		}
	}
}

// P20: a gateway that is back gets its calls within seconds: the next OPTIONS finds it, and a call that succeeds makes it whole.
func TestP20_BackInService(t *testing.T) {
	w := world(t)
	n := w.Nodes[0]
	w.Host("gwa").Dead = true
	w.RunUntil(10 * time.Minute)
	if st := n.board.state["gwa"]; st != health.Down {
		t.Fatalf("gwa is %v after ten minutes of silence", st)
	}
	w.Host("gwa").Dead = false
	for n.board.state["gwa"] == health.Down && w.Since() < 20*time.Minute {
		w.RunUntil(w.Since() + second)
	}
	back := w.Since() - 10*time.Minute
	w.Call(plain(Caller{Manner: hangUp}, map[string][]Callee{"*": {answers}}))
	w.Run(20 * time.Minute)
	done(t, w)
	if r := n.Records[0]; back > 15*second || r.Out.Trunk != "gwa" {
		t.Errorf("tried again after %v, and the call then went to %s", back, r.Out.Trunk)
	}
}

// P24: the host part of From is our name, or fromDomain of the trunk; the domain of the caller's platform never leaves.
func TestP24_FromDomain(t *testing.T) {
	for _, c := range []struct {
		changes []string
		want    string
	}{
		{nil, "From: \"Caller call\" <sip:+4930000001@192.0.2.11;user=phone>\n"},
		{own("fromDomain: example.com"), "From: \"Caller call\" <sip:+4930000001@example.com;user=phone>\n"},
	} {
		w := world(t, c.changes...)
		w.Call(plain(Caller{Manner: hangUp}, at(answers, "gwa")))
		w.Run(20 * time.Minute)
		done(t, w)
		if got := spoken(t, w, "med1", "gwa", "INVITE", "From"); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// P26: hold works with bypass, in every form and from either side.
func TestP26_HoldWithBypass(t *testing.T) {
	const bypass = liveness + ", enableBypass: true"
	for _, v := range []Verb{Hold, Inactive, Zero, Offerless} {
		for _, byCaller := range []bool{true, false} {
			w := world(t, callers, callers+bypass, targets, targets+bypass)
			w.Bypass = true
			acts := []Action{{second, v}, {3 * second, Resume}}
			caller, callee := Caller{Manner: then(Action{8 * second, Bye})}, Callee{Progress: ringing, After: second, Final: 200}
			if byCaller {
				caller.Then = append(acts, caller.Then...)
			} else {
				callee.Then = acts
			}
			w.Call(plain(caller, at(callee, "gwa")))
			var during, after string
			see := func(s *string) func() {
				return func() {
					sc := w.order[0]
					*s = sc.caller.speaker.mine.media[0].dir + " " + sc.ends[0].speaker.mine.media[0].dir
				}
			}
			w.after(3*second+ms100(5), see(&during))
			w.after(7*second, see(&after))
			w.Run(20 * time.Minute)
			w.failures = drop(w.failures, "sends to port", "is not open")
			done(t, w)
			want := map[Verb]string{Hold: "sendonly recvonly", Inactive: "inactive inactive", Zero: "sendonly recvonly", Offerless: "sendrecv sendrecv"}[v]
			if !byCaller && strings.HasPrefix(want, "sendonly") {
				want = "recvonly sendonly"
			}
			if during != want || after != "sendrecv sendrecv" {
				t.Errorf("%s, by the caller %v: %s, want %s; after resume %s", v, byCaller, during, want, after)
			}
		}
	}
}

// P32: nothing that leaves on one leg shows the network behind the other: no address, name, Call-ID, tag, Via, Record-Route or product.
func TestP32_TopologyIsHidden(t *testing.T) {
	w := world(t)
	w.Call(plain(Caller{Headers: []string{"Record-Route: <sip:198.51.100.1;lr>", "Warning: 399 198.51.100.1 hello", "Organization: mk.uca.inside"},
		Manner: then(Action{second, Hold}, Action{2 * second, Info}, Action{5 * second, Bye})}, at(answers, "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	inside := map[string]*regexp.Regexp{"gwa": regexp.MustCompile(`198\.51\.100\.1\b|mk\.uca`), "uca": regexp.MustCompile(`198\.51\.100\.11\b|mk\.gwa`)}
	seen := 0
	for i := range w.Trace.Lines {
		l := &w.Trace.Lines[i]
		if m, err := sip.Parse(l.Data, nil); err != nil || l.From != "med1" || inside[l.To] == nil || m.Method == "OPTIONS" {
			continue
		}
		if at := inside[l.To].Find(l.Data); at != nil {
			t.Errorf("%s sees %s in\n%s", l.To, at, l.Data)
		}
		seen++
	}
	if seen < 10 {
		t.Errorf("%d messages", seen)
	}
}
