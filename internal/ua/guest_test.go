package ua_test

import "testing"

// RFC 3261 §13.3.1.4: every 2xx to an INVITE tells of our extensions, also to a re-INVITE and to one with Replaces.
func TestRFC3261_13_3_1_4Supported(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	tells := func() {
		t.Helper()
		r.sent("ACK", "SIP/2.0 200")
		if got := header(r.last(), "Supported"); got != "100rel, replaces, timer" {
			t.Errorf("Supported: %s", got)
		}
	}
	caller.says("INVITE", held)
	callee.answers("200 OK", r.last(), heldAnswer)
	tells()
	caller.ack(2)
	guest := with(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), "Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1")
	r.out.Reset()
	r.in(r.uc, guest)
	r.sent("SIP/2.0 100", "INVITE")
	callee.answers("200 OK", r.last(), bodies[1])
	r.out.Sends = r.out.Sends[:2] // without the BYE to whom it replaces
	tells()
}
