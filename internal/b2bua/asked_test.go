package b2bua

import (
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// What a peer says changes nothing where the trunk is encrypted, or has no other listener; and for a while not where TCP was named and not taken.
func TestTransportThatAPeerAsksFor(t *testing.T) {
	now := time.Now()
	at := netip.MustParseAddrPort("192.0.2.3:5060")
	env := &Env{}
	env.noTCP().Add(now, netip.MustParseAddrPort("192.0.2.4:5060"), time.Minute)
	for _, row := range []struct {
		trunk, leg sip.Transport
		uri        string
		remote     netip.AddrPort
		want       sip.Transport
	}{
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3", at, sip.UDP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3;transport=tcp", at, sip.TCP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3;transport=tls", at, sip.UDP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3;transport=sctp", at, sip.UDP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.4;transport=tcp", netip.MustParseAddrPort("192.0.2.4:5060"), sip.UDP},
		{sip.UDP, sip.TCP, "sip:a@192.0.2.3", at, sip.TCP},
		{sip.UDP, sip.TCP, "sip:a@192.0.2.3;transport=UDP", at, sip.UDP},
		{sip.TCP, sip.TCP, "sip:a@192.0.2.3;transport=udp", at, sip.TCP},
		{sip.TLS, sip.TLS, "sip:a@192.0.2.3;transport=tcp", at, sip.TLS},
		{sip.TLS, sip.TLS, "sip:a@192.0.2.3;transport=udp", at, sip.TLS},
	} {
		u, err := sip.ParseURI(row.uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := env.asked(now, sip.Hop{Transport: row.leg, Remote: row.remote}, &u, &topology.Trunk{Transport: row.trunk}); got != row.want {
			t.Errorf("%s on a leg over %s of a %s trunk: %s, want %s", row.uri, row.leg, row.trunk, got, row.want)
		}
	}
}
