package ua_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/b2bua"
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
