package b2bua

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// TestDR02NamesOverTLS: where names are checked, Via, From and Contact of OPTIONS have the server's name and the trunk's port, and elsewhere its address; a trunk's
// contactHost goes before both.
func TestDR02NamesOverTLS(t *testing.T) {
	outside := &topology.Interface{Public: []netip.Addr{netip.MustParseAddr("203.0.113.1")}}
	e := Env{Server: &topology.Server{Name: "sbc.example.com", Interfaces: map[string]*topology.Interface{"outside": outside}}, Rand: rand.New(rand.NewPCG(1, 2)), UserAgent: "test"}
	for _, c := range []struct {
		transport      sip.Transport
		at, name, want string
	}{
		{sip.TLS, "", "", "sip:sbc.example.com:5061"}, {sip.TCP, "", "", "sip:192.0.2.10:5061"}, {sip.UDP, "", "", "sip:192.0.2.10:5061"},
		{sip.TLS, "", "contoso.example.com", "sip:contoso.example.com:5061"}, {sip.UDP, "", "contoso.example.com", "sip:contoso.example.com:5061"},
		{sip.UDP, "outside", "", "sip:203.0.113.1:5061"}, {sip.TLS, "outside", "", "sip:sbc.example.com:5061"}, // behind NAT
	} {
		transport, want := c.transport, c.want
		trunk := &topology.Trunk{Transport: transport, ContactHost: c.name, Port: 5061, GatewayPort: 5061, Gateway: &topology.Gateway{Host: "sip.peer.example", Interface: c.at}, Settings: topology.DefaultSettings()}
		hop := sip.Hop{Transport: transport, Local: netip.MustParseAddrPort("192.0.2.10:5061"), Remote: netip.MustParseAddrPort("192.0.2.20:5061")}
		m := e.Options(trunk, hop, "id")
		contact, _ := m.Contact()
		via, _ := m.TopVia()
		over := map[sip.Transport]string{sip.TCP: ";transport=tcp", sip.TLS: ";transport=tls"}[transport] // without, it would be one for UDP (RFC 3263 §4.1)
		if got := contact.URI; got != want+over || m.From().URI != want || "sip:"+via.Host+":5061" != want || via.Port != 5061 {
			t.Errorf("%s: %s", transport, m)
		}
		if fault := m.Validate(); fault != nil {
			t.Errorf("%s: %v", transport, fault)
		}
	}
}
