package b2bua

import (
	"net/netip"
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

// TestIsHostOf: a host names a gateway by its name in any case, and by any of its addresses however that is written.
func TestIsHostOf(t *testing.T) {
	named := &topology.Gateway{Host: "pbx.example", Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::9"), netip.MustParseAddr("192.0.2.9")}}
	numbered := &topology.Gateway{Host: "2001:db8::8", Addr: netip.MustParseAddr("2001:db8::8")}
	for _, row := range []struct {
		g    *topology.Gateway
		host string
		want bool
	}{
		{named, "PBX.example", true}, {named, "2001:db8::9", true}, {named, "2001:DB8:0::9", true}, {named, "192.0.2.9", true},
		{named, "::ffff:192.0.2.9", true}, {named, "pbx2.example", false}, {named, "192.0.2.8", false}, {named, "", false},
		{numbered, "2001:db8::8", true}, {numbered, "2001:DB8:0:0::8", true}, {numbered, "2001:db8::9", false}, {numbered, "", false},
	} {
		if got := isHostOf(row.g, row.host); got != row.want {
			t.Errorf("%s of %s: %v", row.host, row.g.Host, got)
		}
	}
}
