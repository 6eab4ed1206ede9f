package ua_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// TestLateAddresses: addresses that come after the document has changed are for the trunk that asked, and for no other in its place.
func TestLateAddresses(t *testing.T) {
	const one = "  one: {host: one.test, root: {transport: UDP}}\n"
	const doc = "pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10]}}}}\ngateways:\n" + one + "  two: {host: two.test, root: {transport: UDP}}\n"
	core, now := rigOf(t, doc).core, begin
	var out ua.Out
	for len(out.Resolve) < 2 {
		now = core.Deadline()
		core.Advance(now, &out)
	}
	core.Configure(now, compile(t, strings.Replace(doc, one, "", 1)))
	for _, q := range out.Resolve {
		out.Sends = nil
		core.Resolved(now, q.Session, q.Attempt, []b2bua.Addr{{Remote: netip.MustParseAddrPort("198.51.100.7:5060")}}, &out)
		if got, want := len(out.Sends), strings.Count(q.Host, "two"); got != want {
			t.Errorf("%s has addresses: %d OPTIONS, want %d", q.Host, got, want)
		}
	}
}

// TestDownSaysWhy: a trunk whose OPTIONS do not leave is down for the reason that the transport or DNS has, which is what somebody can mend.
func TestDownSaysWhy(t *testing.T) {
	for host, want := range map[string]string{"198.51.100.9": "OPTIONS could not be sent: dial tcp: connection refused",
		"one.test": "OPTIONS could not be sent: the name of the gateway does not resolve to an address"} {
		snap := compile(t, "pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10]}}}}\ngateways:\n  one: {host: "+host+", root: {transport: TCP}}\n")
		var last health.Status
		core := ua.New(ua.Config{Env: newEnv(snap, 2), Snapshot: snap, Health: func(_ *topology.Trunk, _ health.Event, st health.Status) { last = st }}, begin)
		var out ua.Out
		for range 100 {
			now := core.Deadline()
			core.Advance(now, &out)
			for _, m := range out.Sends {
				core.SendFailed(now, m.CallID, m.Branch, "dial tcp: connection refused", &out)
			}
			for _, q := range out.Resolve {
				core.Resolved(now, q.Session, q.Attempt, nil, &out)
			}
			out.Reset()
		}
		if last.State != health.Down || last.Why != want {
			t.Errorf("%s is %v: %s", host, last.State, last.Why)
		}
	}
}
