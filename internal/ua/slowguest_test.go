package ua_test

import (
	"strings"
	"testing"
	"time"
)

// TestWhoIsSlowToBeJoinedGoesBack: who says 100 for a minute to the re-INVITE of an attended transfer, and 487 to its CANCEL, goes on talking in the call that it has. Who says nothing to
// that either is hung up.
func TestWhoIsSlowToBeJoinedGoesBack(t *testing.T) {
	for _, ends := range []bool{true, false} {
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {acceptRefer: true, enable3pccRefer: true, `, 1))
		a, b := r.acknowledged()
		x, y := r.acknowledged()
		a.joins(x, "198.51.100.1")
		asked := r.first("INVITE")
		if header(asked, "Call-ID") != b.callID {
			t.Fatalf("asked is\n%s", asked)
		}
		b.answers("100 Trying", asked, "")
		r.pass(61 * time.Second)
		cancel := r.first("CANCEL")
		if cancel == nil || r.first("BYE") != nil {
			t.Fatalf("after a minute:\n%s", r.lines())
		}
		if ends {
			b.answers("200 OK", cancel, "")
			b.answers("487 Request Terminated", asked, "")
		} else {
			r.pass(5 * time.Second)
		}
		back := append(r.out.Returns[:0:0], r.out.Returns...)
		if len(back) != 1 || back[0].Back() != ends || (r.first("BYE") == nil) != ends {
			t.Fatalf("ends %v: %d legs come back\n%s", ends, len(back), r.lines())
		}
		r.out.Reset()
		r.core.Returned(r.now, back[0], &r.out)
		r.relays()
		if ends {
			b.says("INVITE", directed(1, "sendonly"))
			if m := r.first("INVITE"); m == nil || header(m, "Call-ID") != a.callID {
				t.Errorf("who has come back is not in its call:\n%s", r.lines())
			}
		}
		y.says("INVITE", directed(1, "sendonly"))
		if m := r.first("INVITE"); m == nil || header(m, "Call-ID") != x.callID {
			t.Errorf("ends %v: the other call:\n%s", ends, r.lines())
		}
	}
}
