package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// TestNEW18PortsAreKept: when ordinary calls have all ports but those that are kept, an emergency call has its own, and also when the only ones left have just come back.
func TestNEW18PortsAreKept(t *testing.T) {
	r := rigOf(t, strings.Replace(document, "routes:", "emergency: [{number: 112, usage: all}]\nroutes:\n  - {name: sos, pattern: '^112$', usages: [all], trunks: [pstn]}", 1))
	ports := media.NewPorts(10000, 10007, 5e9) // of two calls
	ports.Keep(2)
	r.env.Ports = ports
	call := func(id, number, want string) []byte {
		t.Helper()
		r.out.Reset()
		r.in(r.uc, bytes.ReplaceAll(request("INVITE", "1", "i"+id, id, "from", "", bodies[0]), []byte("+14255550100"), []byte(number)))
		data, _ := r.told(want)
		return data
	}
	call("ordinary", "+14255550100", "INVITE")
	call("refused", "+14255550100", "SIP/2.0 503")
	inv := call("urgent", "112", "INVITE")
	r.in(r.pstn, response("486 Busy Here", inv, "to", ""))
	if ports.InUse() != 2 {
		t.Fatalf("%d pairs in use", ports.InUse())
	}
	call("again", "+14255550100", "SIP/2.0 503")
	call("once", "112", "INVITE")
}
