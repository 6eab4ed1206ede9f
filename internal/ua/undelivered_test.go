package ua_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
	"github.com/directsip/directsip/internal/ua"
)

const refusal = "nobody listens there (ICMP port unreachable from 198.51.100.2)"

// invite is the last INVITE that the core has sent.
func (r *rig) invite() txn.Send {
	r.b.Helper()
	for _, s := range slices.Backward(r.out.Sends) {
		if bytes.HasPrefix(s.Data, []byte("INVITE ")) {
			return s
		}
	}
	r.b.Fatalf("no INVITE:\n%s", r.lines())
	return txn.Send{}
}

// undelivered tells the core what ICMP says of a message.
func (r *rig) undelivered(m txn.Send) { r.core.Undelivered(r.now, m.CallID, m.Branch, refusal, &r.out) }

// from is who gets what goes to a hop.
func from(hop sip.Hop) sip.Source {
	return sip.Source{Transport: hop.Transport, Local: hop.Local, Remote: hop.Remote}
}

// RFC 3261 §18.4: a gateway whose program is down costs a call no time as long as there is another way. Without one the INVITE goes on being repeated: the gateway
// may just be starting anew.
func TestRFC3261_18_4_Undelivered(t *testing.T) {
	r := rigOf(t, strings.NewReplacer("kind: gateway, host: 198.51.100.2, root: {transport: UDP}}",
		"kind: gateway, host: 198.51.100.2, root: {transport: UDP}}\n  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}",
		"trunks: [pstn]", "trunks: [pstn, third], selection: ordered").Replace(document))
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	first := r.invite()
	other := first
	other.Branch += "x"
	r.undelivered(other)
	if r.invite().Hop != first.Hop {
		t.Fatalf("news of another request:\n%s", r.lines())
	}
	r.undelivered(first)
	second := r.invite()
	if second.Hop.Remote.Addr().String() != "198.51.100.3" {
		t.Fatalf("the next INVITE goes to %v", second.Hop.Remote)
	}
	r.undelivered(second)
	r.undelivered(first) // of a copy, late
	r.pass(600 * time.Millisecond)
	again := r.invite()
	if again.Hop != second.Hop || again.Branch != second.Branch {
		t.Fatalf("the last target is not asked again:\n%s", r.lines())
	}
	r.in(from(again.Hop), response("200 OK", again.Data, "to", bodies[1]))
	r.told("SIP/2.0 200 OK")
	attempts := r.core.Calls()[0].Attempts
	if len(attempts) != 2 || attempts[0].Reason != "transport-failed" || attempts[0].Detail != refusal || attempts[1].Detail != "" {
		t.Errorf("%+v", attempts)
	}
}

// TestUndeliveredInACall: an INVITE that was answered is none the worse for it, and no call is ended.
func TestUndeliveredInACall(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv := r.invite()
	r.in(r.pstn, response("180 Ringing", inv.Data, "to", ""))
	r.undelivered(inv)
	r.in(r.pstn, response("200 OK", inv.Data, "to", bodies[1]))
	ok, _ := r.told("SIP/2.0 200 OK")
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
	for _, m := range slices.Clone(r.out.Sends) {
		r.undelivered(m)
	}
	if len(r.out.Records) > 0 || r.core.Live() != 1 {
		t.Errorf("the call has ended:\n%s", r.lines())
	}
}

// TestSilentTargetSaysWhy: what ICMP said stands in the attempt whose INVITE nobody took.
func TestSilentTargetSaysWhy(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	r.undelivered(r.invite())
	r.pass(4 * time.Second) // noResponseTimeout
	r.told("SIP/2.0 504")
	r.relays()
	if a := r.out.Records[0].Attempts[0]; a.Reason != "no-response" || a.Detail != refusal {
		t.Errorf("%+v", a)
	}
}

// TestOptionsSayWhyNobodyAnswers: OPTIONS that nobody takes are repeated as if nothing had been heard, and the state of the trunk says what was.
func TestOptionsSayWhyNobodyAnswers(t *testing.T) {
	snap := compile(t, "pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10]}}}}\ngateways:\n  one: {host: 198.51.100.2, root: {transport: UDP}}\n")
	var last health.Status
	core := ua.New(ua.Config{Env: newEnv(snap, 2), Snapshot: snap, Health: func(_ *topology.Trunk, _ health.Event, st health.Status) { last = st }}, begin)
	sent := 0
	until := func(state health.State, hear func(now time.Time, m txn.Send, out *ua.Out)) {
		t.Helper()
		for range 200 {
			var out ua.Out
			now := core.Deadline()
			core.Advance(now, &out)
			for _, m := range slices.Clone(out.Sends) {
				sent++
				hear(now, m, &out)
			}
			if last.State == state {
				return
			}
		}
		t.Fatalf("%v, not %v: %s", last.State, state, last.Why)
	}
	refuse := func(now time.Time, m txn.Send, out *ua.Out) { core.Undelivered(now, m.CallID, m.Branch, refusal, out) }
	until(health.Down, refuse)
	if want := "OPTIONS not answered: " + refusal; last.Why != want || sent < 3*last.Misses {
		t.Errorf("%q after %d OPTIONS, want %q", last.Why, sent, want)
	}
	until(health.Up, func(now time.Time, m txn.Send, out *ua.Out) {
		answer, err := sip.Parse(response("200 OK", m.Data, "to", ""), nil)
		if err != nil {
			t.Fatal(err)
		}
		core.Receive(now, from(m.Hop), answer, out)
	})
	until(health.Degraded, func(time.Time, txn.Send, *ua.Out) {})
	if strings.Contains(last.Why, "ICMP") {
		t.Error(last.Why)
	}
}
