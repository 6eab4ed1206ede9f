package topology

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

const carrierDoc = `
pools: {med.test: {servers: {med1.test: {addresses: [192.0.2.10], cert: a.pem, key: a.key}}}}
gateways:
  teams: {kind: uc, host: sip.hub.test, profile: teams-direct-routing, root: {port: 5061, gatewayPort: 5061, contactHost: sbc.example.com}}
  gw: {host: 192.0.2.20, root: {transport: UDP}}
dialPlans: {contoso: {rules: [{pattern: '^1', translation: '+1'}]}}
trunks:
  contoso: {carrier: teams, contactHost: contoso.sbc.example.com, dialPlan: contoso}
  fabrikam: {carrier: Teams, contactHost: fabrikam.sbc.example.com, enabled: false}
usages: [all]
trunkSettings:
  trunk:teams: {maxCalls: 10}
  trunk:fabrikam: {usages: [all]}
users: {alice: {uri: 'sip:alice@example.com'}}
`

// DR-28: a derived trunk has everything of its carrier trunk but its name, and what the document gives it; it is found by its name.
func TestDR_28DerivedTrunks(t *testing.T) {
	snap, problems := Compile("x", []byte(carrierDoc))
	if snap == nil {
		t.Fatal(problems.Error())
	}
	teams, contoso, fabrikam := snap.TrunkByName("teams"), snap.TrunkByName("contoso"), snap.TrunkByName("fabrikam")
	if contoso.Gateway != teams.Gateway || contoso.Port != 5061 || contoso.GatewayPort != 5061 || contoso.Transport != teams.Transport ||
		contoso.Pool != teams.Pool || contoso.Settings != teams.Settings || contoso.Settings.MaxCalls != 10 || contoso.DialPlan.Name != "contoso" || contoso.Disabled {
		t.Errorf("%+v", contoso)
	}
	if s := fabrikam.Settings; s.MaxCalls != 0 || len(s.Usages) != 1 || s.Profile != "teams-direct-routing" || !fabrikam.Disabled {
		t.Errorf("%+v", s)
	}
	for host, want := range map[string]*Trunk{"SBC.example.com": teams, "contoso.sbc.example.com": contoso, "fabrikam.SBC.example.com": fabrikam,
		"nobody.sbc.example.com": nil, "192.0.2.10": nil, "": nil} {
		if got := teams.Tenant(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	in, _ := snap.InboundTrunk(snap.Servers[0], teams.Transport, netip.AddrPortFrom(snap.Servers[0].Addresses[0], 5061), snap.Servers[0].Addresses[0], []string{"sip.hub.test"}, nil)
	if in != teams || contoso.Watched() != teams || teams.Watched() != teams {
		t.Errorf("inbound %v", in)
	}
	if u := snap.Users[0].Trunks; !slices.Equal(u, []*Trunk{teams}) {
		t.Errorf("a user of the carrier's gateway is reached by %v", u)
	}
	if names := snap.CertificateNames(snap.Servers[0]); !slices.Equal(names, []string{"sbc.example.com", "contoso.sbc.example.com", "fabrikam.sbc.example.com"}) {
		t.Error(names)
	}
}

// DR-11: a carrier trunk that is out of service takes those derived from it with it.
func TestDR_11DisabledCarrier(t *testing.T) {
	snap, problems := Compile("x", []byte(strings.ReplaceAll(carrierDoc, "contactHost: sbc.example.com}", "contactHost: sbc.example.com, enabled: false}")))
	if snap == nil {
		t.Fatal(problems.Error())
	}
	if !snap.TrunkByName("contoso").Disabled || snap.TrunkByName("gw").Disabled {
		t.Error("contoso takes calls")
	}
}

// The document of docs/teams.md is one.
func TestTeamsPageCompiles(t *testing.T) {
	_, text, _ := strings.Cut(string(readFile(t, "../../docs/teams.md")), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	if snap, problems := Compile("teams.md", []byte(text)); snap == nil || len(problems) > 0 {
		t.Error(problems.Error())
	}
}
