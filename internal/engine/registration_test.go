package engine

import (
	"net/netip"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// TestLostBySideOfServer: a connection that is gone concerns the registrations that are made from its address of ours, and no others with the same registrar.
func TestLostBySideOfServer(t *testing.T) {
	t.Setenv("DIRECTSIP_TEST_SECRET", "secret")
	r := newRig(t, `
pools: {pool.test: {servers: {med1.test: {addresses: [NET.1], mediaPorts: 40000-40399, interfaces: {line: {addresses: [NET.5]}}}}}}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}}
  itsp: {kind: sbc, host: NET.3, root: {transport: TCP, port: 5070, credentials: {user: a, passwordEnv: DIRECTSIP_TEST_SECRET}, registration: {}}}
  itsp-line: {kind: sbc, host: NET.4, interface: line, root: {transport: TCP, port: 5070, credentials: {user: b, passwordEnv: DIRECTSIP_TEST_SECRET}, registration: {}}}
usages: [all]
routes: [{name: out, pattern: '^\+1', usages: [all], trunks: [itsp, itsp-line]}]
trunkSettings:
  global: {options: false}
  trunk:pbx: {usages: [all]}
`)
	d := r.documents()[0]
	for at, want := range map[string]string{"1:5070": "itsp", "5:5070": "itsp-line", "1:5060": "", "9:5070": ""} {
		got := ""
		for _, trunk := range d.registering(netip.MustParseAddrPort(r.net+at), sip.TCP) {
			got += trunk.Name
		}
		if got != want {
			t.Errorf("from %s %q has registered, want %q", at, got, want)
		}
	}
}
