package sim

import (
	"strings"
	"testing"
	"time"
)

// placed is a world in which gwa is kept for its site and gwb is elsewhere; the caller of the first and of the second call are users at
// the site of gwa.
func placed(t *testing.T) *World {
	return world(t, "  house: {location: house}", "  house: {location: house, enableLocationBasedRouting: true}\n  away: {}",
		"gwb: {kind: gateway,", "gwb: {kind: gateway, site: away,", "pool.sim.example:\n", "pool.sim.example:\n    site: house\n",
		"trunkSettings:\n", "trunkSettings:\n  trunk:gwa: {enableLocationRestriction: true}\n",
		"users:\n", "voicePolicies:\n  here: {usages: [all], preventPSTNTollBypass: true}\nusers:\n"+
			"  carl: {uri: \"sip:carl@example.com\", lineURI: \"tel:+4930000001\", gateway: uca, voicePolicy: here}\n"+
			"  cora: {uri: \"sip:cora@example.com\", lineURI: \"tel:+4930000002\", gateway: uca, voicePolicy: here}\n")
}

// RTE-26: a transfer to nobody knows whom at the referrer's own equipment, which no route would decide, does not lead out of a
// restricted trunk either.
func TestRTE26TransferHome(t *testing.T) {
	w := placed(t)
	w.Call(plain(Caller{Manner: then(Action{4 * second, ReferHome}, Action{20 * second, Bye})}, at(answers, "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; r.Status != 200 || !strings.Contains(w.Trace.String(), "403 (REFER)") || !strings.Contains(w.Trace.String(), "toll-bypass") {
		t.Errorf("%s %d\n%s", r.Reason, r.Status, w.Trace.String())
	}
}

// RTE-26: an attended transfer does not join a restricted trunk to the telephone network elsewhere; both calls go on.
func TestRTE26AttendedTransfer(t *testing.T) {
	for number, want := range map[string]bool{"+64255550101": false, "+24255550101": true} {
		w := placed(t)
		callee := Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{60 * second, Bye})}
		one, two := plain(Caller{Manner: then(Action{4 * second, ReferJoin}, Action{60 * second, Bye})}, at(callee, "gwa")),
			plain(Caller{Manner: then(Action{60 * second, Bye})}, map[string][]Callee{"gwb": {callee}, "gwc": {callee}})
		two.Name, two.Number, two.Start = "consultation", number, 2*second
		w.Call(one)
		w.Call(two)
		w.Run(20 * time.Minute)
		done(t, w)
		joined := false
		for _, r := range w.Nodes[0].Records {
			for _, x := range r.Transfers {
				joined = joined || x.Status == 200
			}
		}
		if joined != want {
			t.Errorf("%s: joined %v\n%s", number, joined, w.Trace.String())
		}
	}
}
