package ua_test

import (
	"strings"
	"testing"
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
