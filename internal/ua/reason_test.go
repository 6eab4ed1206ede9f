package ua_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/diag"
)

// TestRFC3326_ReasonOfTheEnd: what a BYE or a CANCEL says of the end beyond that it is a normal one stands in the record, in part if it is long.
func TestRFC3326_ReasonOfTheEnd(t *testing.T) {
	for _, c := range []struct{ header, detail string }{
		{"", ""},
		{"Reason: Q.850;cause=16;text=\"normal\"", ""},
		{"Reason: Q.850;cause=27;text=\"out of order\"", " with Reason: Q.850;cause=27;text=\"out of order\""},
		{"Reason: SIP;cause=200;text=\"Call completed elsewhere\"", " with Reason: SIP;cause=200;text=\"Call completed elsewhere\""},
		{"Reason: Q.850;cause=41;text=\"" + strings.Repeat("x", 5000) + "\"", " with Reason: Q.850;cause=41;text=\"" + strings.Repeat("x", 200-len("Q.850;cause=41;text=\""))},
	} {
		lines := []string{c.header}
		if c.header == "" {
			lines = nil
		}
		r := newRig(t)
		_, callee := r.acknowledged()
		callee.says("BYE", "", lines...)
		cancelled := newRig(t)
		invite := request("INVITE", "1", "i1", "call", "from", "", bodies[0])
		cancelled.in(cancelled.uc, invite)
		cancelled.out.Reset()
		cancel := strings.Replace(string(request("CANCEL", "1", "i1", "call", "from", "", "")), "Content-Length", strings.Join(append(lines, "Content-Length"), "\r\n"), 1)
		cancelled.in(cancelled.uc, []byte(cancel))
		for _, e := range []struct {
			r                  *rig
			method, by, reason string
		}{{r, "BYE", "callee", "normal-clearing"}, {cancelled, "CANCEL", "caller", "caller-cancelled"}} {
			if len(e.r.out.Records) != 1 {
				t.Fatalf("%s with %q: %d records", e.method, c.header, len(e.r.out.Records))
			}
			want := c.detail
			if want != "" {
				want = e.method + want
			}
			if rec := e.r.out.Records[0]; rec.Detail != want || rec.EndedBy != e.by || rec.Reason != e.reason {
				t.Errorf("%s with %.60q: %s by %s, %q; want %q", e.method, c.header, rec.Reason, rec.EndedBy, rec.Detail, want)
			}
		}
	}
}

// TestRFC3326_CausePassesOn: the Q.850 cause by which a telephone network ends or refuses a call is told to the other one, where it says more than the status, and no
// response rule has replaced that.
func TestRFC3326_CausePassesOn(t *testing.T) {
	for _, c := range []struct{ status, reason, want string }{
		{"480 Temporarily Unavailable", "Q.850;cause=88", "88"},
		{"404 Not Found", "Q.850;cause=3", "3"},
		{"486 Busy Here", "Q.850;cause=16", "17"}, // says nothing
		{"603 Decline", "Q.850;cause=27", "21"},   // 6xx decides
		{"500 Server Internal Error", "SIP;cause=486", "41"},
		{"503 Service Unavailable", "Q.850;cause=300", "34"},
		{"488 Not Acceptable Here", "Q.850;cause=27", "17"}, // taken for 486 by a response rule
		{"302 Moved Temporarily", "SIP;cause=302", "23"},
	} {
		r := rigOf(t, strings.Replace(document, `  "trunk:uc"`, "  \"trunk:pstn\": {options: false, responseRules: [{code: 488, to: 486}]}\n  \"trunk:uc\"", 1))
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		ours := r.last()
		r.out.Reset()
		r.in(r.pstn, with(response(c.status, ours, "to", ""), "Reason: "+c.reason))
		r.sent("ACK", "SIP/2.0 ")
		if got := header(r.last(), "Reason"); !strings.HasPrefix(got, "Q.850;cause="+c.want+";") {
			t.Errorf("%s with %s: Reason: %s, want %s", c.status, c.reason, got, c.want)
		}
		if rec := r.out.Records[0]; strconv.Itoa(rec.Cause) != c.want || !strings.HasPrefix(string(r.last()), "SIP/2.0 "+strconv.Itoa(rec.Status)) {
			t.Errorf("%s with %s: the record has cause %d and status %d", c.status, c.reason, rec.Cause, rec.Status)
		} else if d := diag.ByID(rec.Reason); c.status[0] == '3' && rec.Status != d.Status {
			t.Errorf("%s: the caller has %d, and %s is %d", c.status, rec.Status, d.ID, d.Status)
		}
	}
	for reason, want := range map[string]string{"Q.850;cause=27": "27", "Q.850;cause=16": "16", "SIP;cause=200": "16", "x": "16"} {
		r := newRig(t)
		_, callee := r.acknowledged()
		callee.says("BYE", "", "Reason: "+reason)
		r.sent("SIP/2.0 200", "BYE")
		if got := header(r.last(), "Reason"); !strings.HasPrefix(got, "Q.850;cause="+want+";") {
			t.Errorf("BYE with %s: Reason: %s, want %s", reason, got, want)
		}
		if got := strconv.Itoa(r.out.Records[0].Cause); got != want {
			t.Errorf("BYE with %s: the record has cause %s, want %s", reason, got, want)
		}
	}
}
