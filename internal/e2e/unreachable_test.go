package e2e

import (
	"strings"
	"testing"
)

// RFC 3261 §18.4: a gateway by UDP whose program is down is found out by what its host says (ICMP), at once and not by noResponseTimeout; the record says so.
func TestRFC3261_18_4_ProgramIsDown(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + "  trunk:gw1: {options: false, noResponseTimeout: 32s, noProgressTimeout: 60s}\n  trunk:gw2: {options: false}\n")
	gw2 := l.sipp(peer{scenario: "uas-call", n: 4})
	together(l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, number: "+14255550100"}), gw2)
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "caller")
	if len(r.Attempts) != 2 || r.Attempts[0].Reason != "transport-failed" || !strings.Contains(r.Attempts[0].Detail, "ICMP port unreachable from "+l.ip(3)) || r.Out.Trunk != "gw2" {
		t.Errorf("%+v", r.Attempts)
	}
}
