package ua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// RFC 3261 §18.1.1: a peer that has no TCP gets the request that is too large for UDP by UDP after all, and for a while the next calls do not ask again,
// unless UDP does not bring it there either.
func TestRFC3261_18_1_1_NoTCPIsRemembered(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {udpMaxRequest: 500}
  "trunk:uc": {`, 1))
	call := func(id string, want ...sip.Transport) {
		t.Helper()
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", id, id, "from", "", bodies[0]))
		for i, transport := range want {
			last := r.out.Sends[len(r.out.Sends)-1]
			if !strings.HasPrefix(string(last.Data), "INVITE ") || last.Hop.Transport != transport {
				t.Fatalf("call %s, INVITE %d of %d: by %v\n%s", id, i+1, len(want), last.Hop.Transport, last.Data)
			}
			if i < len(want)-1 {
				r.core.SendFailed(r.now, last.CallID, last.Branch, "connection refused", &r.out)
			}
		}
	}
	call("a", sip.TCP, sip.UDP)
	call("b", sip.UDP)
	r.now = r.now.Add(6 * time.Minute)
	call("c", sip.TCP, sip.UDP)
	call("d", sip.UDP)
	r.now = r.now.Add(time.Minute) // no answer by UDP
	r.core.Advance(r.now, &r.out)
	call("e", sip.TCP)
}
