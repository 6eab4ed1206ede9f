package b2bua

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// TestNEW02_Dialled: who is called over a registration, when the Request-URI is our contact and when it is a number.
func TestNEW02_Dialled(t *testing.T) {
	const contact, number = "sip:pool@192.0.2.1:5060", "sip:+493099999@192.0.2.1;user=phone"
	for _, row := range []struct {
		from      topology.CalledFrom
		uri       string
		to, party string
		want      string
	}{
		{topology.FromRequestURI, contact, "<sip:+491@p.example>", "<sip:+492@p.example>", contact},
		{topology.FromTo, contact, "<sip:+491@p.example>;tag=x", "<sip:+492@p.example>", "sip:+491@p.example"},
		{topology.FromTo, number, "<sip:+491@p.example>", "", number},
		{topology.FromPCalledPartyID, contact, "<sip:+491@p.example>", "<sip:+492@p.example>;x=y", "sip:+492@p.example"},
		{topology.FromPCalledPartyID, contact, "<sip:+491@p.example>", "", "sip:+491@p.example"},
		{topology.FromPCalledPartyID, contact, "<sip:+491@p.example>", "<<", "sip:+491@p.example"},
		{topology.FromPCalledPartyID, number, "<sip:+491@p.example>", "<sip:+492@p.example>", number},
	} {
		m := sip.NewRequest("INVITE", row.uri)
		m.Add(sip.IDTo, row.to)
		if row.party != "" {
			m.AddName("P-Called-Party-ID", row.party)
		}
		trunk := &topology.Trunk{Registration: &topology.Registration{Contact: "pool", CalledFrom: row.from}}
		if got := dialled(m, trunk); got != row.want {
			t.Errorf("%s of %s, To %s, party %s: %s, want %s", row.from, row.uri, row.to, row.party, got, row.want)
		}
		if got := dialled(m, &topology.Trunk{}); got != row.uri {
			t.Errorf("without registration: %s", got)
		}
	}
}

// TestNEW02_BoundAddressFirst: a call goes first to the address that has the registration.
func TestNEW02_BoundAddressFirst(t *testing.T) {
	addr := func(s string) Addr { return Addr{Remote: netip.MustParseAddrPort(s)} }
	list := []Addr{addr("192.0.2.1:5060"), addr("192.0.2.2:5060"), addr("192.0.2.3:5060")}
	for _, row := range []struct {
		at   string
		hop  int
		want []int
	}{{"192.0.2.2:5060", 0, []int{1, 0, 2}}, {"192.0.2.1:5060", 0, []int{0, 1, 2}}, {"192.0.2.9:5060", 0, []int{0, 1, 2}}, {"192.0.2.3:5060", 1, []int{0, 1, 2}}} {
		trunk := &topology.Trunk{Registration: &topology.Registration{}}
		c := &Call{env: &Env{Binding: func(*topology.Trunk) Binding {
			return Binding{At: netip.MustParseAddrPort(row.at), Routes: []string{"<sip:a;lr>"}}
		}}}
		a := &attempt{target: &routing.Target{Trunk: trunk}, hops: slices.Clone(list), hop: row.hop}
		c.bind(a)
		for i, k := range row.want {
			if a.hops[i] != list[k] {
				t.Errorf("%s: %v", row.at, a.hops)
			}
		}
		if len(a.routes) != 1 {
			t.Error("no route")
		}
	}
}
