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
	here, there := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("198.51.100.1:5060")
	env := &Env{}
	env.noTCP().Add(now, Way{here.Addr(), netip.MustParseAddrPort("192.0.2.4:5060")}, time.Minute)
	for _, row := range []struct {
		trunk, leg sip.Transport
		uri        string
		local      netip.AddrPort
		remote     netip.AddrPort
		want       sip.Transport
	}{
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3", here, at, sip.UDP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3;transport=tcp", here, at, sip.TCP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3;transport=tls", here, at, sip.UDP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.3;transport=sctp", here, at, sip.UDP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.4;transport=tcp", here, netip.MustParseAddrPort("192.0.2.4:5060"), sip.UDP},
		{sip.UDP, sip.UDP, "sip:a@192.0.2.4;transport=tcp", there, netip.MustParseAddrPort("192.0.2.4:5060"), sip.TCP}, // of another network
		{sip.UDP, sip.TCP, "sip:a@192.0.2.3", here, at, sip.TCP},
		{sip.UDP, sip.TCP, "sip:a@192.0.2.3;transport=UDP", here, at, sip.UDP},
		{sip.TCP, sip.TCP, "sip:a@192.0.2.3;transport=udp", here, at, sip.TCP},
		{sip.TLS, sip.TLS, "sip:a@192.0.2.3;transport=tcp", here, at, sip.TLS},
		{sip.TLS, sip.TLS, "sip:a@192.0.2.3;transport=udp", here, at, sip.TLS},
	} {
		u, err := sip.ParseURI(row.uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := env.asked(now, sip.Hop{Transport: row.leg, Local: row.local, Remote: row.remote}, &u, &topology.Trunk{Transport: row.trunk}); got != row.want {
			t.Errorf("%s on a leg over %s of a %s trunk: %s, want %s", row.uri, row.leg, row.trunk, got, row.want)
		}
	}
}
