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

// TestNEW18Draining: a server that takes no calls any more takes those to emergency services where no other server does, and none where one does.
func TestNEW18Draining(t *testing.T) {
	sos := strings.Replace(document, "routes:", "emergency: [{number: 112, usage: all}]\nroutes:\n  - {name: sos, pattern: '^112$', usages: [all], trunks: [pstn]}", 1)
	two := strings.Replace(sos, "    servers:\n", "    servers:\n      med0.example.com: {addresses: [192.0.2.11]}\n", 1)
	for _, row := range []struct{ name, document, number, want string }{
		{"alone", sos, "112", "INVITE sip:112@"},
		{"alone, another number", sos, "+14255550100", "SIP/2.0 503"},
		{"alone, without emergency numbers", document, "112", "SIP/2.0 503"},
		{"of two", two, "112", "SIP/2.0 503"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := rigOf(t, row.document)
			r.env.Server = r.env.Server.Pool.Servers[len(r.env.Server.Pool.Servers)-1]
			r.core.Drain(r.now, true)
			r.in(r.uc, bytes.ReplaceAll(request("INVITE", "1", "i", "1", "from", "", bodies[0]), []byte("+14255550100"), []byte(row.number)))
			r.told(row.want)
			if row.want == "SIP/2.0 503" {
				for _, m := range r.out.Sends {
					if bytes.HasPrefix(m.Data, []byte("INVITE")) {
						t.Errorf("%s", m.Data)
					}
				}
			}
		})
	}
}
