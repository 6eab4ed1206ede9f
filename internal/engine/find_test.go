package engine

import (
	"net/netip"
	"testing"

	"github.com/directsip/directsip/internal/resolve"
)

// A name that a peer has for itself must not lead back into this host.
func TestNamesLeadElsewhere(t *testing.T) {
	for _, row := range []struct {
		met, at string
		want    bool
	}{
		{"192.0.2.3", "192.0.2.4", true},
		{"192.0.2.3", "10.0.0.4", true},
		{"192.0.2.3", "127.0.0.1", false},
		{"127.0.0.3", "127.0.0.4", true},
		{"192.0.2.3", "169.254.169.254", false},
		{"169.254.1.3", "169.254.1.4", true},
		{"192.0.2.3", "224.0.1.75", false},
		{"192.0.2.3", "0.0.0.0", false},
		{"2001:db8::3", "2001:db8::4", true},
		{"2001:db8::3", "::1", false},
		{"2001:db8::3", "fe80::4", false},
	} {
		list := []resolve.Addr{{AddrPort: netip.AddrPortFrom(netip.MustParseAddr(row.at), 5060)}}
		if got := len(elsewhere(list, netip.MustParseAddr(row.met))) == 1; got != row.want {
			t.Errorf("met at %s, named %s: %v", row.met, row.at, got)
		}
		if len(list) != 1 || !list[0].AddrPort.IsValid() {
			t.Error("the list is changed, which others share")
		}
	}
}
