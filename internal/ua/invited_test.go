package ua_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// RFC 3261 §13.3.1: an invitation that says how long it is good for gets 487 when that time is over, and who rings a CANCEL; not when it was answered.
func TestRFC3261_13_3_1Expires(t *testing.T) {
	r := newRig(t)
	expiring := bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("Max-Forwards"), []byte("Expires: 20\r\nMax-Forwards"), 1)
	r.in(r.uc, expiring)
	inv, _ := r.told("INVITE")
	r.in(r.pstn, response("180 Ringing", inv, "to", ""))
	r.out.Reset()
	r.pass(19 * time.Second)
	if strings.Contains(r.lines(), "487") {
		t.Fatalf("after 19 s: %s", r.lines())
	}
	r.pass(time.Second)
	r.told("CANCEL")
	refusal, _ := r.told("SIP/2.0 487")
	if header(refusal, "Reason") != `Q.850;cause=19;text="no-answer"` {
		t.Errorf("%s", refusal)
	}

	r = newRig(t)
	r.in(r.uc, expiring)
	inv, _ = r.told("INVITE")
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok, _ := r.told("SIP/2.0 200")
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
	r.out.Reset()
	r.pass(30 * time.Second)
	r.sent()
}

// RFC 3261 §8.2.3: a body that its sender says is optional does not refuse an INVITE, or one within the dialog, for not being understood.
func TestRFC3261_8_2_3OptionalBody(t *testing.T) {
	card := func(data []byte, handling string) []byte {
		return bytes.Replace(data, []byte("application/sdp"), []byte("text/vcard\r\nContent-Disposition: render;handling="+handling), 1)
	}
	for handling, want := range map[string]string{"optional": "INVITE", "required": "SIP/2.0 415"} {
		r := newRig(t)
		r.in(r.uc, card(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), handling))
		r.sent(want)

		r = newRig(t)
		caller, _ := r.acknowledged()
		r.out.Reset()
		r.in(r.uc, card(caller.write("INVITE", 2, held), handling))
		if n := len(r.out.Sends); n == 0 || !strings.HasPrefix(string(r.out.Sends[n-1].Data), want) {
			t.Errorf("within the dialog, %s: %s", handling, r.lines())
		}
	}
}
