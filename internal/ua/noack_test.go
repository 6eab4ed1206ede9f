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
