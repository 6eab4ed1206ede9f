package ua_test

import (
	"strings"
	"testing"
	"time"
)

// TestNoACKNamesOurContact: the record of a call whose answer was never acknowledged says where the ACK should have gone (RFC 3261 §12.2.1.1), as many a caller cannot resolve the name there.
func TestNoACKNamesOurContact(t *testing.T) {
	for root, want := range map[string]string{"transport: UDP": "192.0.2.10:5060", "transport: UDP, contactHost: sbc.example.com": "sbc.example.com:5060"} {
		r := rigOf(t, strings.Replace(document, "host: 198.51.100.1, root: {transport: UDP}", "host: 198.51.100.1, root: {"+root+"}", 1))
		r.ends()
		r.pass(33 * time.Second)
		r.relays()
		if len(r.out.Records) != 1 || r.out.Records[0].Reason != "ack-missing" || !strings.Contains(r.out.Records[0].Detail, want) {
			t.Errorf("%s:\n%s", root, r.lines())
		}
	}
}

// TestHungUpBeforeTheACK: who hangs up before a call is cut off for want of an ACK leaves a record that tells of it; one whose BYE overtakes the ACK does not.
func TestHungUpBeforeTheACK(t *testing.T) {
	for after, want := range map[time.Duration]string{100 * time.Millisecond: "", 20 * time.Second: "not acknowledged the answer (no ACK for the 200): our Contact is at 192.0.2.10:5060 over UDP"} {
		r := rigOf(t, document)
		caller, _ := r.ends()
		r.pass(after)
		r.in(caller.src, caller.says("BYE", ""))
		r.relays()
		if len(r.out.Records) != 1 || r.out.Records[0].Reason != "normal-clearing" || (want == "") != (r.out.Records[0].Detail == "") || !strings.Contains(r.out.Records[0].Detail, want) {
			t.Errorf("after %v: %+v", after, r.lines())
		}
	}
}
