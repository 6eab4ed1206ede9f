package b2bua

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

// RFC 3263 §4.3: an address that fell silent stands behind the others of its gateway, and not the same address of a gateway in another network.
func TestSilentAddressOfOneNetwork(t *testing.T) {
	snap, problems := topology.Compile("x", []byte(`
pools:
  p.example:
    servers:
      s.example: {addresses: [192.0.2.10], interfaces: {line: {addresses: [198.51.100.10]}}}
gateways:
  near: {host: near.example, root: {transport: UDP}}
  far: {host: far.example, interface: line, root: {transport: UDP}}
`))
	if snap == nil {
		t.Fatal(problems)
	}
	env, now := &Env{Server: snap.Servers[0]}, time.Now()
	list := []Addr{{Remote: netip.MustParseAddrPort("10.0.0.1:5060")}, {Remote: netip.MustParseAddrPort("10.0.0.2:5060")}}
	near, far := snap.TrunkByName("near"), snap.TrunkByName("far")
	hop := env.Toward(near, list[0])
	env.silent().Add(now, WayOf(&hop), time.Minute)
	for _, row := range []struct {
		trunk *topology.Trunk
		first int
	}{{near, 1}, {far, 0}} {
		got := env.speaking(now, row.trunk, list)
		if want := []Addr{list[row.first], list[1-row.first]}; !slices.Equal(got, want) {
			t.Errorf("%s: %v", row.trunk.Name, got)
		}
	}
	env.silent().Forget(WayOf(&hop))
	if got := env.speaking(now, near, list); !slices.Equal(got, list) {
		t.Errorf("after it has answered: %v", got)
	}
}
