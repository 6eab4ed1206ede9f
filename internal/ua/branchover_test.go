package ua_test

import (
	"bytes"
	"testing"
)

// TestRFC6228: 199 of a target says that one of its branches is over. The caller has not asked to be told, and it is no ringing; a reliable one is acknowledged.
func TestRFC6228(t *testing.T) {
	for _, reliable := range []bool{false, true} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		over := response("199 Early Dialog Terminated", inv, "branch", "")
		if reliable {
			over = with(over, "Require: 100rel", "RSeq: 1", "Contact: <sip:198.51.100.2:5060>")
		}
		r.in(r.pstn, over)
		if reliable {
			r.sent("PRACK")
		} else {
			r.sent()
		}
		r.out.Reset()
		r.in(r.pstn, response("408 Request Timeout", inv, "to", ""))
		r.told("SIP/2.0 408")
		if n := len(r.out.Records); n != 1 || !r.out.Records[0].Ringing.IsZero() || bytes.Contains(r.last(), []byte("no-answer")) {
			t.Errorf("reliable %v: it has rung: %+v", reliable, r.out.Records)
		}
	}
}
