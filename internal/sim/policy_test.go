package sim

import (
	"testing"
	"time"
)

// fred forwards calls; %s are keys of his voice policy.
func fred(t *testing.T, keys string) *World {
	return world(t, "users:\n", "voicePolicies:\n  far: {usages: [all], "+keys+"}\nusers:\n  fred: {uri: \"sip:fred@example.com\", gateway: ucb, voicePolicy: far}\n",
		"trunk:uca: {usages: [all]", "trunk:uca: {usages: []")
}

// forwarded is the line by which a platform says that fred forwards the call.
const forwarded = "History-Info: <sip:fred@example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:+14255550100@x>;index=1.1"

// RTE-23: the usages of a forwarded call are those of the user whom the platform names.
func TestRTE23ForwardedCalls(t *testing.T) {
	for kind, want := range map[string]int{"VoicePolicyUsage": 200, "InternalOnly": 403} {
		w := fred(t, "callForwardingSimulRingUsageType: "+kind)
		w.Call(plain(Caller{Manner: hangUp, Headers: []string{forwarded}}, at(answers, "gwa")))
		w.Run(20 * time.Minute)
		done(t, w)
		if r := w.Nodes[0].Records[0]; r.Status != want {
			t.Errorf("%s: %s %d, want %d", kind, r.Reason, r.Status, want)
		}
	}
}

// NEW-09: a user has no more calls at once than it may, and every place is given back.
func TestNEW09UserLimit(t *testing.T) {
	w := fred(t, "maxCalls: 1")
	for _, at0 := range []time.Duration{0, 5, 120} {
		s := plain(Caller{Manner: then(Action{60 * second, Bye}), Headers: []string{forwarded}}, at(answers, "gwa"))
		s.Start = at0 * second
		w.Call(s)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	got := make(map[time.Duration]string)
	for _, r := range w.Nodes[0].Records {
		got[r.Start.Sub(w.Nodes[0].Records[0].Start).Round(second)] = r.Reason
	}
	for after, want := range map[time.Duration]string{-5 * second: "normal-clearing", 0: "user-limit", 115 * second: "normal-clearing"} {
		if got[after] != want {
			t.Errorf("the call %v after the second one: %s, want %s", after, got[after], want)
		}
	}
}

// NEW-10, RTE-28: a rule sends the call to another number, a range of unassigned ones refuses it with its code.
func TestNEW10RTE28Diversions(t *testing.T) {
	w := world(t, "unassignedNumbers:\n", `inboundRules:
  - {name: moved, called: '^\+14255550100$', kinds: [uc], to: {number: "+64255550100"}}
unassignedNumbers:
  - {name: gone, numberRangeStart: "+14255550200", numberRangeEnd: "+14255550299", to: {code: 410}}
`)
	w.Call(plain(Caller{Manner: hangUp}, at(answers, "gwb")))
	gone := plain(Caller{Manner: hangUp}, nil)
	gone.Name, gone.Number, gone.Start = "gone", "+14255550250", 30*second
	w.Call(gone)
	w.Run(20 * time.Minute)
	done(t, w)
	list := w.Nodes[0].Records
	if r := list[0]; r.Status != 200 || r.Called.Sent != "+64255550100" || r.Out.Trunk != "gwb" {
		t.Errorf("moved: %s %d to %s on %+v", r.Reason, r.Status, r.Called.Sent, r.Out)
	}
	if r := list[1]; r.Status != 410 || r.Reason != "unassigned-number" {
		t.Errorf("gone: %s %d", r.Reason, r.Status)
	}
}

// TestRedirectedCallsTakeTurns: the decision on where a redirection leads takes no turn of the route, so calls that are all redirected begin with one trunk
// as often as with the other.
func TestRedirectedCallsTakeTurns(t *testing.T) {
	w := world(t, "trunks: [gwa, gwb, gwc], selection: ordered}\n  - {name: two", "trunks: [gwa, gwb]}\n  - {name: two", "{failoverCodes: [486]", "{redirect: follow, failoverCodes: [486]")
	for i := range 4 {
		again := func(host string) []Callee {
			return []Callee{{After: ms100(1), Final: 302, Contact: "<sip:+14255550177@" + host + ">"}, answers}
		}
		s := plain(Caller{Manner: hangUp}, map[string][]Callee{"gwa": again("198.51.100.11"), "gwb": again("198.51.100.12")})
		s.Start = time.Duration(30*i) * second
		w.Call(s)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	first := map[string]int{}
	for _, r := range w.Nodes[0].Records {
		first[r.Attempts[0].Trunk]++
		if len(r.Attempts) != 2 || r.Status != 200 {
			t.Errorf("%s after %+v", r.Reason, r.Attempts)
		}
	}
	if first["gwa"] != 2 || first["gwb"] != 2 {
		t.Errorf("calls began with %v", first)
	}
}
