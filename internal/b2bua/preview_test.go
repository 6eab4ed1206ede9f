package b2bua

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/topology"
)

// hiding is a document in which one route shows the caller, one hides and one replaces him.
const hiding = `
pools: {pool.example: {servers: {med1.example: {addresses: [192.0.2.11]}}}}
gateways:
  pbx: {kind: pbx, host: 198.51.100.1, root: {transport: UDP}}
  sbc: {kind: sbc, host: 198.51.100.2, root: {transport: UDP}}
trunkSettings:
  trunk:pbx: {usages: [all], forwardPAI: true, forwardCallHistory: true}
  trunk:sbc: {forwardPAI: true, identityHeaders: both, forwardCallHistory: true, callHistoryForm: both, forwardAnonymousCallGatewayPAI: true,
    headerRules: {out: [{copy: X-Caller}, {copy: Call-Info}]}}
usages: [all]
routes:
  - {name: shown, pattern: '^\+1', usages: [all], trunks: [sbc]}
  - {name: hidden, pattern: '^\+2', usages: [all], trunks: [sbc], suppressCallerID: true, alternateCallerID: '+14255550000'}
`

func sentFor(t interface{ Fatal(...any) }, snap *topology.Snapshot, called string, headers []string) string {
	q := routing.Query{Trunk: snap.TrunkByName("pbx"), Called: called, Calling: "+12065550123"}
	p := NewPreview(snap, &q, headers)
	d := routing.Decide(snap, &q, nil)
	list := p.Invites(&d)
	if len(list) != 1 {
		t.Fatal(d.Explain())
	}
	return list[0].String()
}

// TestRTE13InviteNamesNobody: no header of the whole INVITE has anything of a caller whom the route replaces, whatever the caller's INVITE says;
// with the same INVITE over a route that shows callers, the test sees what it looks for.
func TestRTE13InviteNamesNobody(t *testing.T) {
	snap, problems := topology.Compile("x", []byte(hiding))
	if snap == nil {
		t.Fatal(problems.Error())
	}
	const secret = "2065559999"
	names := []string{"P-Asserted-Identity", "p-asserted-identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "History-Info", "Referred-By", "b",
		"Subject", "s", "User-to-User", "Priority", "X-Caller", "Call-Info", "Reply-To", "Organization", "User-Agent", "Contact", "m", "P-Called-Party-ID", "Identity", "Date"}
	values := []string{"<sip:+1" + secret + "@x>", "<tel:+1" + secret + ">", secret, `"` + secret + `" <sip:a@x>`, "<sip:+1" + secret + "@x>;index=1, <sip:b@x;cause=302>;index=1.1"}
	shown := 0
	rapid.Check(t, func(t *rapid.T) {
		headers := []string{"From: " + rapid.SampledFrom(values[:2]).Draw(t, "from") + ";tag=1"}
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			headers = append(headers, rapid.SampledFrom(names).Draw(t, "name")+": "+rapid.SampledFrom(values).Draw(t, "value"))
		}
		if s := sentFor(t, snap, "+24255550100", headers); strings.Contains(s, secret) {
			t.Fatalf("%q is sent:\n%s", secret, s)
		}
		if strings.Contains(sentFor(t, snap, "+14255550100", headers), secret) {
			shown++
		}
	})
	if shown == 0 {
		t.Error("a route that shows callers never did")
	}
}

// TestPreviewShowsTheLocation: the INVITE of an emergency call toward a trunk with enablePIDFLOSupport can be shown, and a test case can expect headers of it.
func TestPreviewShowsTheLocation(t *testing.T) {
	snap, problems := topology.Compile("x", []byte(`
sites: {here: {location: house}}
locations: {house: {address: {country: DE, A3: Berlin}}}
pools: {pool.example: {site: here, servers: {med1.example: {addresses: [192.0.2.11]}}}}
gateways:
  pbx: {kind: pbx, host: 198.51.100.1, root: {transport: UDP}}
  sbc: {kind: sbc, host: 198.51.100.2, root: {transport: UDP}}
trunkSettings: {'trunk:sbc': {enablePIDFLOSupport: true}}
usages: [sos]
routes: [{name: sos, pattern: '^112$', usages: [sos], trunks: [sbc]}]
emergency: [{number: 112, usage: sos}]
tests: [{name: location, dialed: 112, trunk: pbx, from: '201', expect: {headers: {Geolocation: '^<cid:', Geolocation-Routing: 'yes'}}}]
`))
	if snap == nil {
		t.Fatal(problems.Error())
	}
	list, err := RunTests(snap, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if !r.OK() {
			t.Errorf("%s: %v", r.Case.Name, r.Failures)
		}
	}
}
