package ua_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// TestLateAddresses: addresses that come after the document has changed are for the trunk that asked, and for no other in its place.
func TestLateAddresses(t *testing.T) {
	const one = "  one: {host: one.test, root: {transport: UDP}}\n"
	const doc = "pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10]}}}}\ngateways:\n" + one + "  two: {host: two.test, root: {transport: UDP}}\n"
	compile := func(text string) *topology.Snapshot {
		snap, problems := topology.Compile("x", []byte(text))
		if snap == nil {
			t.Fatal(problems)
		}
		return snap
	}
	snap := compile(doc)
	rnd := rand.New(rand.NewPCG(1, 2))
	env := &b2bua.Env{Server: snap.Servers[0], Rand: rnd, State: open{}, Limits: open{}, CallID: func() string { return b2bua.Token(rnd, 20) }}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	core := ua.New(ua.Config{Env: env, Snapshot: snap}, now)
	var out ua.Out
	for len(out.Resolve) < 2 {
		now = core.Deadline()
		core.Advance(now, &out)
	}
	core.Configure(now, compile(strings.Replace(doc, one, "", 1)))
	for _, q := range out.Resolve {
		out.Sends = nil
		core.Resolved(now, q.Session, q.Attempt, []b2bua.Addr{{Remote: netip.MustParseAddrPort("198.51.100.7:5060")}}, &out)
		if got, want := len(out.Sends), strings.Count(q.Host, "two"); got != want {
			t.Errorf("%s has addresses: %d OPTIONS, want %d", q.Host, got, want)
		}
	}
}
