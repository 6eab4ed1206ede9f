package ua_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
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

// RFC 3261 §19.1.1: a peer that says in its Contact that it wants TCP, and takes none there, gets the ACK by UDP; the next calls know it, although they are sent elsewhere first.
func TestNoTCPAtAContactIsRemembered(t *testing.T) {
	r := newRig(t)
	for i, want := range []sip.Transport{sip.TCP, sip.UDP} {
		id := string(rune('a' + i))
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", id, id, "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		answer := string(response("200 OK", inv, "to", bodies[1]))
		elsewhere := strings.Replace(answer, "Contact: <sip:198.51.100.2:5060>", "Contact: <sip:198.51.100.2:5070;transport=tcp>", 1)
		if elsewhere == answer {
			t.Fatal(answer)
		}
		r.in(r.pstn, []byte(elsewhere))
		at := slices.IndexFunc(r.out.Sends, func(s txn.Send) bool { return strings.HasPrefix(string(s.Data), "ACK ") })
		if at < 0 {
			t.Fatalf("call %s: %s", id, r.lines())
		}
		ack := r.out.Sends[at]
		if ack.Hop.Transport != want {
			t.Errorf("call %s: the ACK goes by %v, want %v", id, ack.Hop.Transport, want)
		}
		if want == sip.TCP {
			r.core.SendFailed(r.now, ack.CallID, ack.Branch, "connection refused", &r.out)
		}
	}
}
