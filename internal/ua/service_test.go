package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// TestRFC5031Invite: a telephone asks for emergency services by URN (RFC 6881): they are called by their number, on every trunk of the usage.
func TestRFC5031Invite(t *testing.T) {
	sos := strings.Replace(document, "routes:", "emergency: [{number: 112, usage: all}]\nroutes:\n  - {name: sos, pattern: '^112$', usages: [all], trunks: [pstn]}", 1)
	for _, row := range []struct{ name, document, uri, want string }{
		{"by URN", sos, "urn:service:sos.fire", "INVITE sip:112@"},
		{"by tel URI", sos, "tel:112;phone-context=+49", "INVITE sip:112@"},
		{"for a test", sos, "urn:service:test.sos", "SIP/2.0 416"},
		{"where there are no emergency numbers", document, "urn:service:sos", "SIP/2.0 416"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := rigOf(t, row.document)
			inv := bytes.Replace(request("INVITE", "1", "i", "1", "from", "", bodies[0]), []byte("sip:+14255550100@192.0.2.10:5060;user=phone"), []byte(row.uri), 1)
			inv = bytes.Replace(inv, []byte("sip:+14255550100@192.0.2.10;user=phone"), []byte(row.uri), 1)
			if !bytes.Contains(inv, []byte("INVITE "+row.uri)) || !bytes.Contains(inv, []byte("To: <"+row.uri)) {
				t.Fatalf("%s", inv)
			}
			r.in(r.uc, inv)
			r.told(row.want)
		})
	}
}
