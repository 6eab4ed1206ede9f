package topology

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

const twoSides = `
pools: {p.example.com: {servers: {s.example.com: {
  addresses: [10.0.0.5], mediaPorts: 20000-20999, cert: c, key: k,
  interfaces: {
    Internet: {public: [203.0.113.5]},
    provider: {addresses: [172.16.4.2, '2001:db8::2'], media: [172.16.4.3], public: ['2001:db8::9'], publicMedia: [172.16.4.3]}}}}}}
gateways:
  pbx: {host: 10.0.0.20, root: {transport: UDP}}
  teams: {host: teams.example.net, interface: internet}
  itsp: {host: 172.16.4.1, interface: provider, root: {transport: UDP, port: 5070}}
`

// TestTOP12_InsideOfNAT: where the server itself is known by a public address, an interface without one is for who is on this side of the NAT.
func TestTOP12_InsideOfNAT(t *testing.T) {
	s, problems := Compile("x", []byte(`
pools: {p.example.com: {servers: {s.example.com: {addresses: [10.0.0.5], public: [203.0.113.5], interfaces: {inside: {}}}}}}
gateways:
  pbx: {host: 10.0.0.20, interface: inside, root: {transport: UDP}}
  itsp: {host: 198.51.100.1, root: {transport: UDP}}
`))
	if s == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	ours := netip.MustParseAddr("10.0.0.5")
	for trunk, want := range map[string]string{"pbx": "10.0.0.5", "itsp": "203.0.113.5"} {
		i := s.Servers[0].Toward(s.TrunkByName(trunk))
		if i.Local(ours) != ours || i.Known(ours).String() != want || i.KnownMedia(i.LocalMedia(ours)).String() != want {
			t.Errorf("%s knows us as %s, and media as %s; want %s", trunk, i.Known(ours), i.KnownMedia(ours), want)
		}
	}
}

// TestTOP12_Interfaces: each gateway has its interface, with its listeners, and is met on no other.
func TestTOP12_Interfaces(t *testing.T) {
	s, problems := Compile("x", []byte(twoSides))
	if s == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	srv, addr := s.Servers[0], netip.MustParseAddr
	var open []string
	for _, l := range s.Listeners(srv) {
		open = append(open, l.Transport.String()+" "+l.AddrPort.String())
	}
	want := []string{"UDP 10.0.0.5:5060", "TCP 10.0.0.5:5060", "TLS 10.0.0.5:5067", "UDP 172.16.4.2:5070", "TCP 172.16.4.2:5070", "UDP [2001:db8::2]:5070", "TCP [2001:db8::2]:5070"}
	if !slices.Equal(open, want) {
		t.Errorf("listens on %q, want %q", open, want)
	}
	for _, c := range []struct {
		trunk, peer         string
		local, known        string
		media, mediaIsKnown string
	}{
		{"pbx", "10.0.0.20", "10.0.0.5", "10.0.0.5", "10.0.0.5", "10.0.0.5"},
		{"teams", "198.51.100.7", "10.0.0.5", "203.0.113.5", "10.0.0.5", "203.0.113.5"},
		{"itsp", "172.16.4.1", "172.16.4.2", "172.16.4.2", "172.16.4.3", "172.16.4.3"},
		{"itsp", "2001:db8::1", "2001:db8::2", "2001:db8::9", "172.16.4.3", "172.16.4.3"},
	} {
		i := srv.Toward(s.TrunkByName(c.trunk))
		local, media := i.Local(addr(c.peer)), i.LocalMedia(addr(c.peer))
		if local != addr(c.local) || media != addr(c.media) || i.Known(local) != addr(c.known) || i.KnownMedia(media) != addr(c.mediaIsKnown) {
			t.Errorf("%s at %s: %s known as %s, media %s known as %s", c.trunk, c.peer, local, i.Known(local), media, i.KnownMedia(media))
		}
	}
	for _, c := range []struct{ local, remote, want string }{
		{"10.0.0.5:5060", "10.0.0.20", "pbx"},
		{"172.16.4.2:5060", "10.0.0.20", ""}, // somebody outside who says that he is inside
		{"172.16.4.2:5070", "172.16.4.1", "itsp"},
		{"10.0.0.5:5070", "172.16.4.1", ""},
	} {
		got, _ := s.InboundTrunk(srv, sip.UDP, netip.MustParseAddrPort(c.local), addr(c.remote), nil, nil)
		if (got == nil) != (c.want == "") || got != nil && got.Name != c.want {
			t.Errorf("%s at %s: got %v, want %q", c.remote, c.local, got, c.want)
		}
	}
	for a, want := range map[string]bool{"10.0.0.5": true, "203.0.113.5": true, "172.16.4.2": true, "2001:db8::9": true, "172.16.4.3": false, "10.0.0.20": false} {
		if srv.Is(addr(a)) != want {
			t.Errorf("that %s is the server is %v", a, !want)
		}
	}
	if got := srv.AllMedia(); !slices.Equal(got, []netip.Addr{addr("10.0.0.5"), addr("172.16.4.3")}) {
		t.Errorf("media at %s", got)
	}
}

// TestTOP12_TwoNetworksWithOneAddress: gateways of two networks that have the same address, or one name, are known by the side of the server that they come to.
func TestTOP12_TwoNetworksWithOneAddress(t *testing.T) {
	const doc = `
pools: {p.example.com: {servers: {s.example.com: {addresses: [192.0.2.5], cert: c, key: k, interfaces: {north: {addresses: [172.16.1.2]}, south: {SOUTH}}}}}}
gateways:
  pbx: {kind: pbx, host: 192.0.2.20, root: {transport: UDP}}
  north: {kind: pbx, host: 10.0.0.20, interface: north, root: {transport: UDP}}
  south: {kind: pbx, host: 10.0.0.20, interface: south, root: {transport: UDP}}
  north-tls: {kind: pbx, host: pbx.example.net, interface: north, root: {transport: TLS}}
  south-tls: {kind: pbx, host: pbx.example.net, interface: south, root: {transport: TLS}}
`
	s, problems := Compile("x", []byte(strings.Replace(doc, "SOUTH", "addresses: [172.16.2.2]", 1)))
	if s == nil || problems.Failed() {
		t.Fatal(problems)
	}
	for _, c := range []struct {
		transport           sip.Transport
		local, remote, want string
	}{
		{sip.UDP, "172.16.1.2:5060", "10.0.0.20", "north"}, {sip.UDP, "172.16.2.2:5060", "10.0.0.20", "south"}, {sip.TCP, "172.16.2.2:5060", "10.0.0.20", "south"},
		{sip.UDP, "192.0.2.5:5060", "10.0.0.20", ""}, {sip.UDP, "172.16.1.2:5060", "192.0.2.20", ""}, {sip.UDP, "192.0.2.5:5060", "192.0.2.20", "pbx"},
		{sip.TLS, "172.16.1.2:5067", "10.0.0.21", "north-tls"}, {sip.TLS, "172.16.2.2:5067", "10.0.0.21", "south-tls"}, {sip.TLS, "192.0.2.5:5067", "10.0.0.21", ""},
	} {
		got := ""
		if trunk, _ := s.InboundTrunk(s.Servers[0], c.transport, netip.MustParseAddrPort(c.local), netip.MustParseAddr(c.remote), []string{"pbx.example.net"}, nil); trunk != nil {
			got = trunk.Name
		}
		if got != c.want {
			t.Errorf("%s at %s over %v is %q, want %q", c.remote, c.local, c.transport, got, c.want)
		}
	}
	_, problems = Compile("x", []byte(strings.Replace(doc, "SOUTH", "public: [203.0.113.5], addresses: [172.16.1.2]", 1)))
	if text := problems.Error(); !problems.Failed() || !strings.Contains(text, `a call to port 5060 from 10.0.0.20 can be from gateway "north" of trunk "north" as well. Give one of the trunks another port, or the interfaces of the two addresses of their own`) {
		t.Errorf("one side: %s", text)
	}
}
