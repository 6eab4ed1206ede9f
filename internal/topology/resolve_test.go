package topology

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

func full(t testing.TB) *Snapshot {
	t.Helper()
	s, problems := Compile("full.yaml", readFile(t, "testdata/good/full.yaml"))
	if s == nil {
		t.Fatal(problems.Error())
	}
	return s
}

func TestRootTrunks(t *testing.T) {
	s := full(t)
	type tuple struct {
		name              string
		root              bool
		pool              string
		transport         sip.Transport
		port, gatewayPort uint16
		site              string
		plan, scope       string
	}
	want := []tuple{
		{"uc main", true, "mediation.example.com", sip.TLS, 5061, 0, "seattle", "us", "global"},
		{"pbx", true, "mediation.example.com", sip.TCP, 5060, 5066, "branch", "us", "trunk:pbx"},
		{"pstn", true, "mediation.example.com", sip.UDP, 5060, 5060, "seattle", "us", "global"},
		{"itsp-a", true, "mediation.example.com", sip.TLS, 5062, 5061, "branch", "trunk", "site:branch"},
		{"itsp-b", false, "lab.example.com", sip.TCP, 5068, 5066, "branch", "us", "site:branch"},
		{"pbx-second", false, "mediation.example.com", sip.TCP, 5070, 5066, "branch", "us", "site:branch"},
		{"uc-lab", false, "lab.example.com", sip.TCP, 5070, 5066, "seattle", "us", "global"},
	}
	if len(s.Trunks) != len(want) {
		t.Fatalf("%d trunks", len(s.Trunks))
	}
	for i, tr := range s.Trunks {
		got := tuple{tr.Name, tr.Root, tr.Pool.Name, tr.Transport, tr.Port, tr.GatewayPort, "", tr.DialPlan.Name, tr.Settings.Scope}
		if tr.Site != nil {
			got.site = tr.Site.Name
		}
		if got != want[i] || tr.Index != i || s.TrunkByName(tr.Name) != tr || !slices.Contains(tr.Gateway.Trunks, tr) {
			t.Errorf("trunk %d: got %+v, want %+v", i, got, want[i])
		}
	}
}

// TestTOP14DefaultPorts: ours and the peer's, where the document says nothing.
func TestTOP14DefaultPorts(t *testing.T) {
	for transport, want := range map[string][2]uint16{"TLS": {5067, 5067}, "TCP": {5068, 5066}, "UDP": {5060, 5060}} {
		s, problems := Compile("test.yaml", []byte(`
pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.1], cert: a.pem, key: a.key}}}}
gateways: {gw: {host: gw.test, root: {transport: `+transport+`}}}
`))
		if s == nil {
			t.Fatal(problems)
		}
		if got := [2]uint16{s.Trunks[0].Port, s.Trunks[0].GatewayPort}; got != want {
			t.Errorf("%s: %v, want %v", transport, got, want)
		}
	}
	s, problems := Compile("test.yaml", []byte("pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.1], cert: a.pem, key: a.key}}}}\ngateways: {gw: {host: gw.test}}\n"))
	if s == nil || s.Trunks[0].Transport != sip.TLS {
		t.Errorf("without a transport: %v", problems)
	}
}

// TestTRK01WholeObjectWins: settings of a trunk take nothing from the global ones.
func TestTRK01WholeObjectWins(t *testing.T) {
	s := full(t)
	want := DefaultSettings()
	want.Scope, want.Usages = "trunk:pbx", []string{"local"}
	if got := s.TrunkByName("PBX").Settings; got.NoResponseTimeout != want.NoResponseTimeout || got.MaxCalls != 0 ||
		got.RemovePlus || !slices.Equal(got.Usages, want.Usages) || got.Scope != want.Scope {
		t.Errorf("got %+v", got)
	}
	if s.Defaults.NoResponseTimeout != 2*time.Second || s.Defaults.NoProgressTimeout != 0 {
		t.Errorf("global: %+v", s.Defaults)
	}
}

// TestEverySettingHasAKey: the global settings of the full document differ from the defaults in every field, so every
// field of TrunkSettings can be set. enableBypass excludes the watch over media; options stays on.
func TestEverySettingHasAKey(t *testing.T) {
	got, def := reflect.ValueOf(*full(t).Defaults), reflect.ValueOf(*DefaultSettings())
	same := map[string]bool{"Scope": true, "Options": true, "EnableBypass": true, "Usages": true}
	for i := range got.NumField() {
		name := got.Type().Field(i).Name
		if equal := reflect.DeepEqual(got.Field(i).Interface(), def.Field(i).Interface()); equal && !same[name] {
			t.Errorf("%s has its default in testdata/good/full.yaml: set it there, or give it a key", name)
		}
	}
}

func TestUsersResolve(t *testing.T) {
	s := full(t)
	for _, c := range []struct{ number, user string }{
		{"+14255550101;ext=101", "alice"}, {"+14255550101;ext=102", "bob"}, {"+14255550101", ""}, {"+14255550103", "carol"}, {"101", ""},
	} {
		got := ""
		if u := s.UserByNumber(c.number); u != nil {
			got = u.Name
		}
		if got != c.user {
			t.Errorf("%s: got %q, want %q", c.number, got, c.user)
		}
	}
	for _, same := range []string{"sip:bob@example.com:5061;transport=tls", "sips:%62ob@example.com", "bob@example.com", "sip:bob:secret@example.com?Subject=x"} {
		if u := s.UserByURI(same); u == nil || u.Name != "bob" {
			t.Errorf("%s is %v", same, u)
		}
	}
	for _, other := range []string{"sip:bob@example.com.example.net", "sip:b%6F%62%40x@example.com", "sip:bob@[2001:db8::1]:5060", "sip:@example.com", "sip:bob", "tel:bob", "@", "sip:bob@"} {
		if u := s.UserByURI(other); u != nil {
			t.Errorf("%s is %s", other, u.Name)
		}
	}
	if u := s.UserByURI("SIP:bob@EXAMPLE.com;user=phone"); u == nil || u.Name != "bob" {
		t.Errorf("bob is not found by URI: %v", u)
	}
	want := map[string][3]string{"alice": {"own", "staff", "seattle"}, "bob": {"pool", "guests", "branch"}, "carol": {"pool", "guests", "seattle"}}
	for _, u := range s.Users {
		if got := [3]string{u.DialPlan.Name, u.Policy.Name, u.Site.Name}; got != want[u.Name] {
			t.Errorf("%s: got %v, want %v", u.Name, got, want[u.Name])
		}
		trunks := 2
		if u.Name == "bob" {
			trunks = 1
		}
		if len(u.Trunks) != trunks || u.Trunks[0].Name != "uc main" {
			t.Errorf("%s: trunks %v", u.Name, u.Trunks)
		}
	}
}

func TestRoutesInOrder(t *testing.T) {
	s := full(t)
	var got []string
	for i, r := range s.Routes {
		got = append(got, r.Name)
		if r.Index != i {
			t.Errorf("route %s has the index %d", r.Name, r.Index)
		}
	}
	// rescue has no priority of its own: it follows the route that it is written after.
	if want := []string{"first", "rescue", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if first := s.Routes[0]; first.Trunks[0].Weight != 3 || first.Trunks[1].Weight != 1 || first.AlternateCallerID != "+14255550100;ext=1" {
		t.Errorf("got %+v", first)
	}
}

// TestRFC3261_18_2_1Listeners: who listens on UDP listens on TCP.
func TestRFC3261_18_2_1Listeners(t *testing.T) {
	s := full(t)
	var got []string
	for _, l := range s.Listeners(s.ServerByName("MED2.example.com")) {
		got = append(got, l.Transport.String()+" "+l.AddrPort.String())
	}
	want := []string{
		"UDP 192.0.2.11:5060", "TCP 192.0.2.11:5060", "TLS 192.0.2.11:5061", "TLS 192.0.2.11:5062", "TCP 192.0.2.11:5070",
		"UDP [2001:db8::11]:5060", "TCP [2001:db8::11]:5060", "TLS [2001:db8::11]:5061", "TLS [2001:db8::11]:5062", "TCP [2001:db8::11]:5070",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestInboundTrunk(t *testing.T) {
	s := full(t)
	resolved := func(g *Gateway) []netip.Addr {
		if g.Name == "uc" {
			return []netip.Addr{netip.MustParseAddr("::ffff:203.0.113.5")}
		}
		return nil
	}
	med, lab := s.Pools[0], s.Pools[1]
	for _, c := range []struct {
		pool       *Pool
		transport  sip.Transport
		port       uint16
		remote     string
		names      []string
		want       string
		candidates int
	}{
		{med, sip.UDP, 5060, "192.0.2.30", nil, "pstn", 1},
		{med, sip.UDP, 5060, "::ffff:192.0.2.31", nil, "pstn", 1},
		{med, sip.UDP, 5060, "192.0.2.34", nil, "", 1},
		{med, sip.TCP, 5060, "192.0.2.30", nil, "pstn", 2}, // large requests of a UDP peer
		{med, sip.TCP, 5060, "2001:db8::20", nil, "pbx", 2},
		{med, sip.TCP, 5070, "2001:db8::20", nil, "pbx-second", 1},
		{med, sip.TCP, 5071, "2001:db8::20", nil, "", 0},
		{lab, sip.TCP, 5060, "2001:db8::20", nil, "", 0},
		{med, sip.TLS, 5061, "203.0.113.9", []string{"other.example", "UC.example.com"}, "uc main", 1},
		{med, sip.TLS, 5061, "203.0.113.9", []string{"*.uc.example.com"}, "uc main", 1},
		{med, sip.TLS, 5061, "203.0.113.9", []string{"*.example.com"}, "uc main", 1}, // covers uc.example.com
		{med, sip.TLS, 5061, "203.0.113.9", []string{"a.uc.example.com"}, "", 1},
		{med, sip.TLS, 5061, "203.0.113.9", nil, "", 1},
		{med, sip.TLS, 5062, "203.0.113.9", []string{"sbc.provider.example"}, "itsp-a", 1},
		{lab, sip.TCP, 5070, "203.0.113.5", nil, "uc-lab", 1}, // by name
		{lab, sip.TCP, 5070, "203.0.113.6", nil, "", 1},
	} {
		got, candidates := s.InboundTrunk(c.pool.Servers[0], c.transport, netip.AddrPortFrom(c.pool.Servers[0].Addresses[0], c.port), netip.MustParseAddr(c.remote), c.names, resolved)
		name := ""
		if got != nil {
			name = got.Name
		}
		if name != c.want || len(candidates) != c.candidates {
			t.Errorf("%s %d from %s %v: got %q and %d candidates, want %q and %d", c.transport, c.port, c.remote, c.names,
				name, len(candidates), c.want, c.candidates)
		}
	}
	if got, _ := s.InboundTrunk(lab.Servers[0], sip.TCP, netip.AddrPortFrom(lab.Servers[0].Addresses[0], 5070), netip.MustParseAddr("203.0.113.5"), nil, nil); got != nil {
		t.Errorf("found %s without resolving", got.Name)
	}
}

// TestInboundTrunkSharedCertificate: behind one wildcard certificate the address decides.
func TestInboundTrunkSharedCertificate(t *testing.T) {
	s, problems := Compile("x", []byte(`
pools: {p.example.com: {servers: {s.example.com: {addresses: [192.0.2.10], cert: c, key: k}}}}
gateways:
  a: {host: a.provider.example, addresses: [192.0.2.1]}
  b: {host: b.provider.example, addresses: [192.0.2.2]}
`))
	if s == nil {
		t.Fatal(problems.Error())
	}
	for remote, want := range map[string]string{"192.0.2.1": "a", "192.0.2.2": "b", "192.0.2.3": ""} {
		got, _ := s.InboundTrunk(s.Servers[0], sip.TLS, netip.MustParseAddrPort("192.0.2.10:5067"), netip.MustParseAddr(remote), []string{"*.provider.example"}, nil)
		if (got == nil) != (want == "") || got != nil && got.Name != want {
			t.Errorf("%s: got %v, want %q", remote, got, want)
		}
	}
}

func BenchmarkInboundTrunk(b *testing.B) {
	s := full(b)
	for _, c := range []struct {
		name      string
		transport sip.Transport
		port      uint16
		names     []string
	}{{"address", sip.UDP, 5060, nil}, {"certificate", sip.TLS, 5061, []string{"uc.example.com"}}} {
		b.Run(c.name, func(b *testing.B) {
			remote, srv := netip.MustParseAddr("192.0.2.30"), s.Pools[0].Servers[0]
			local := netip.AddrPortFrom(srv.Addresses[0], c.port)
			b.ReportAllocs()
			for b.Loop() {
				if t, _ := s.InboundTrunk(srv, c.transport, local, remote, c.names, nil); t == nil {
					b.Fatal("no trunk")
				}
			}
		})
	}
}
