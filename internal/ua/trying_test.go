package ua_test

import (
	"testing"
	"time"
)

// RFC 3261 §17.2.1: an INVITE has a 100 while nothing better is there, before 200 ms are over and once; one that was answered sooner has none. So has a re-INVITE.
func TestRFC3261_17_2_1Trying(t *testing.T) {
	const trying, ringing = "uc: SIP/2.0 100 Trying [1 INVITE]\n", "uc: SIP/2.0 180 Ringing [1 INVITE]\n"
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	r.sent("INVITE")
	inv := r.last()
	r.pass(99 * time.Millisecond)
	r.sent()
	r.pass(100 * time.Millisecond)
	if got := r.lines(); got != trying {
		t.Fatalf("after 199 ms: %q", got)
	}
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0])) // again
	if got := r.lines(); got != trying {
		t.Fatalf("to its repetition: %q", got)
	}
	r.out.Reset()
	r.in(r.pstn, response("180 Ringing", inv, "to", ""))
	if got := r.lines(); got != ringing {
		t.Fatalf("when somebody rings: %q", got)
	}

	r = newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv = r.last()
	r.out.Reset()
	r.in(r.pstn, response("180 Ringing", inv, "to", ""))
	r.pass(300 * time.Millisecond)
	r.sent()

	r = newRig(t)
	caller, callee := r.acknowledged()
	r.out.Reset()
	caller.says("INVITE", held)
	r.sent("INVITE")
	change := r.last()
	r.pass(150 * time.Millisecond)
	r.sent("SIP/2.0 100")
	r.out.Reset()
	callee.answers("200 OK", change, heldAnswer)
	r.sent("ACK", "SIP/2.0 200")
}
