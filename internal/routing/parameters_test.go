package routing

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

// RFC 4694: what is said of a called number beside it goes on with that very number, where the peer is one that it is for and its trunk lets it through, and with no other.
func TestRFC4694ParametersGoOnWithTheirNumber(t *testing.T) {
	s, problems := topology.Compile("x", []byte(`
pools: {p.example: {servers: {s.example: {addresses: [192.0.2.10]}}}}
gateways:
  in: {kind: sbc, host: 192.0.2.20, root: {transport: UDP}}
  gw: {host: 192.0.2.21, root: {transport: UDP}}
  prefix: {kind: sbc, host: 192.0.2.22, root: {transport: UDP}}
  some: {kind: sbc, host: 192.0.2.23, root: {transport: UDP}}
  none: {kind: sbc, host: 192.0.2.24, root: {transport: UDP}}
  pbx: {kind: pbx, host: 192.0.2.25, root: {transport: UDP}}
  other: {kind: sbc, host: 192.0.2.27, root: {transport: UDP}}
  uc: {kind: uc, host: 192.0.2.26, root: {transport: UDP}}
trunkSettings:
  trunk:in: {usages: [all], inboundCalledRules: [{name: outside, pattern: '^77(\d+)$', translation: '$1'}]}
  global: {numberParameters: [npdi, rn, cic, isub]}
  trunk:prefix: {numberParameters: [npdi, rn, cic, isub], removePlusFromUri: true, calledRules: [{name: carrier, pattern: '^\+1(\d{10})$', translation: '+1010288$1'}]}
  trunk:some: {numberParameters: [rn, isub]}
  trunk:none: {numberParameters: []}
  trunk:other: {numberParameters: [npdi, rn, cic, isub], calledRules: [{name: other, pattern: '^\+.*$', translation: '+14255559999'}]}
dialPlan: us
dialPlans:
  us: {rules: [{name: national, pattern: '^(\d{10})$', translation: '+1$1'}, {name: short, pattern: '^55$', translation: '+14255550100'}, {name: other, pattern: '^\+1900.*$', translation: '+14255550100'}]}
usages: [all, emergency]
routes:
  - {name: all, pattern: '^\+14255550', usages: [all], trunks: [gw, prefix, some, none, pbx, other], selection: ordered}
  - {name: emergency, pattern: '911', usages: [emergency], trunks: [gw]}
emergency: [{number: 911, usage: emergency}]
inboundRules:
  - {name: moved, called: '^\+14255550555$', to: {number: '+14255550100'}}
users:
  alice: {uri: 'sip:alice@example.com', lineURI: 'tel:+14255550199'}
`))
	if s == nil {
		t.Fatal(problems)
	}
	const all = ";isub=3;cic=+1-6789;npdi;rn=+12065550000"
	decide := func(called string) Decision {
		q := Query{Trunk: s.TrunkByName("in"), Called: called, Calling: "+12065550100", Parameters: all}
		return Decide(s, &q, nil)
	}
	for _, called := range []string{"+14255550100", "4255550100", "774255550100", "+1-425-555-0100"} {
		d := decide(called)
		got := ""
		for _, target := range d.Targets {
			got += target.Trunk.Name + " " + target.Called + target.Parameters + "\n"
		}
		if want := strings.Join([]string{"gw +14255550100" + all, "prefix 10102884255550100;isub=3;cic=+1-6789;npdi;rn=12065550000", "some +14255550100;isub=3;rn=+12065550000",
			"none +14255550100", "pbx +14255550100;isub=3", "other +14255559999", ""}, "\n"); got != want {
			t.Errorf("%s:\n%swant\n%s", called, got, want)
		}
		if text := strings.Join(d.Explain(), "\n"); called == "+14255550100" && !strings.Contains(text, "called +14255550100"+all+", calling") {
			t.Errorf("the explanation does not show the parameters:\n%s", text)
		}
	}
	for called, want := range map[string]string{"+19005550111": "+14255550100", "+14255550555": "+14255550100", "911": "911", "+14255550199": "+14255550199", "55": "+14255550100"} {
		d := decide(called)
		if len(d.Targets) == 0 {
			t.Errorf("%s goes nowhere", called)
			continue
		}
		if got := d.Targets[0]; got.Called != want || got.Parameters != "" {
			t.Errorf("%s becomes %s%s", called, got.Called, got.Parameters)
		}
	}
}
