package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// TestComesBack: a proxy that routes a number to us that we route to it sends our INVITE back as it is. That is a loop and no call that is over: else the caller's record would have the
// proxy's copy of a 481 of ours, which says nothing of it, and the next trunk would be asked to go round, too.
func TestComesBack(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv := r.invite().Data
	back := bytes.Replace(inv, []byte("Via: "), []byte("Via: SIP/2.0/UDP 198.51.100.2:5060;branch=z9hG4bKproxy\r\nVia: "), 1)
	r.out.Reset()
	r.in(r.pstn, back)
	if refusal := string(r.last()); !strings.HasPrefix(refusal, "SIP/2.0 482") || !strings.Contains(refusal, "loop-detected") || !strings.Contains(refusal, header(inv, "Call-ID")) {
		t.Fatalf("the INVITE that has come back is answered:\n%s", refusal)
	}
	r.out.Reset()
	r.in(r.pstn, response("482 Loop Detected", inv, "proxy", ""))
	if rec := r.out.Records; len(rec) != 1 || rec[0].Reason != "loop-detected" || rec[0].Status != 482 {
		t.Errorf("%+v\n%s", rec, r.lines())
	}
}
