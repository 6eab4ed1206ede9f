package routing

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// world is a document with one of everything: a UC platform, a PBX, three gateways, a provider, and a second pool.
const world = `
sites:
  seattle: {}
  munich: {}
pools:
  med.example.com:
    site: seattle
    servers:
      med1.example.com: {addresses: [192.0.2.10]}
  munich.example.com:
    site: munich
    servers:
      muc1.example.com: {addresses: [192.0.2.110]}
gateways:
  uc: {kind: uc, site: seattle, host: 192.0.2.20, root: {transport: TCP, pool: med.example.com}}
  pbx: {kind: pbx, site: seattle, host: 192.0.2.30, root: {transport: TCP, pool: med.example.com}}
  gw1: {kind: gateway, site: seattle, host: 192.0.2.41, root: {transport: TCP, pool: med.example.com}}
  gw2: {kind: gateway, site: seattle, host: 192.0.2.42, root: {transport: TCP, pool: med.example.com}}
  gw3: {kind: gateway, site: seattle, host: 192.0.2.43, root: {transport: TCP, pool: med.example.com}}
  itsp: {kind: sbc, site: seattle, host: 192.0.2.50, root: {transport: TCP, pool: med.example.com}}
  munich-gw: {kind: gateway, site: munich, host: 192.0.2.60, root: {transport: TCP, pool: munich.example.com}}
trunkSettings:
  global: {maxAttempts: 4}
  trunk:pbx:
    usages: [local]
    inboundCalledRules: [{name: outside line, pattern: '^9(\d+)$', translation: '$1'}]
    inboundCallingRules: [{name: pbx extensions, pattern: '^(2\d\d)$', translation: '+1425555$1'}]
  trunk:gw1:
    removePlusFromUri: true
  trunk:gw3:
    calledRules: [{name: emergency as dialled, pattern: '^\+(911|112)$', translation: '$1'}]
  trunk:itsp:
    calledRules:
      - {name: north america, pattern: '^\+(1\d{10})$', translation: '$1'}
      - {name: world, pattern: '^\+(\d+)$', translation: '011$1'}
    callingRules:
      - {name: main number and extension, pattern: '^(\+1425\d{7});ext=9(\d+)$', translation: '$1-$2'}
      - {name: strip plus, pattern: '^\+(\d+)$', translation: '$1'}
dialPlan: us
dialPlans:
  us:
    simpleName: us.example.com
    rules:
      - {name: extension, pattern: '^(1\d{2})$', translation: '+14255550$1', internal: true}
      - {name: seven digits, pattern: '^(\d{7})$', translation: '+1425$1'}
      - {name: long distance, pattern: '^1?(\d{10})$', translation: '+1$1'}
      - {name: international, pattern: '^011(\d+)$', translation: '+$1'}
  germany:
    simpleName: de.example.com
    rules: [{name: national, pattern: '^0([1-9]\d+)$', translation: '+49$1'}]
usages: [local, world, private, emergency, nowhere]
voicePolicy: staff
voicePolicies:
  staff: {usages: [local, world]}
  lobby: {usages: [local]}
  none: {usages: []}
  lost: {usages: [nowhere]}
routes:
  - {name: emergency, pattern: '^\+(911|112)$', usages: [emergency], trunks: [gw3, gw1], selection: ordered}
  - {name: confidential, pattern: '^\+1900', usages: [private, local], trunks: [itsp], suppressCallerID: true, alternateCallerID: "+14255550000"}
  - {name: hidden, pattern: '^\+1901', usages: [local], trunks: [itsp], suppressCallerID: true, alternateCallerID: "+14255550000"}
  - {name: seattle, pattern: '^\+1(425|206)\d{7}$', usages: [local], trunks: [gw1, gw2]}
  - {name: munich, pattern: '^\+4989', usages: [local, world], trunks: [munich-gw]}
  - {name: america, pattern: '^\+1\d{10}$', usages: [local, world], trunks: [itsp, gw1], selection: ordered}
  - {name: world, pattern: '^\+', usages: [world], trunks: [itsp, gw2, gw3], selection: ordered}
emergency:
  - {number: 911, masks: [112, "999"], usage: emergency}
users:
  alice: {uri: "sip:alice@example.com", lineURI: "tel:+14255550101"}
  bob: {uri: "sip:bob@example.com", lineURI: "tel:+14255550102;ext=902"}
  carol: {uri: "sip:carol@example.com", voicePolicy: lobby}
  dave: {uri: "sip:dave@example.com", lineURI: "tel:+498912345", dialPlan: germany, voicePolicy: none}
  erin: {uri: "sip:erin@example.com", lineURI: "tel:+14255550105", voicePolicy: lost}
`

func compile(t testing.TB, doc string) *topology.Snapshot {
	t.Helper()
	s, problems := topology.Compile("test.yaml", []byte(doc))
	if s == nil {
		t.Fatal(problems)
	}
	for _, r := range s.Routes {
		if r.Name == "hidden" {
			r.AlternateCallerID = "" // Compile does not allow it; Decide must still hide the caller
		}
	}
	return s
}

// fake is a State that a test sets.
type fake struct {
	states map[int]health.State
	turn   int
}

func (f *fake) TrunkState(t *topology.Trunk) health.State { return f.states[t.Index] }
func (f *fake) Turn(_ *topology.Route, n int) int         { return f.turn % n }

func with(s *topology.Snapshot, state health.State, trunks ...string) *fake {
	f := &fake{states: map[int]health.State{}}
	for _, name := range trunks {
		f.states[s.TrunkByName(name).Index] = state
	}
	return f
}

// ask makes a query: from is a trunk or "user NAME".
func ask(s *topology.Snapshot, from, called, calling string) *Query {
	q := &Query{Called: called, Calling: calling, Server: s.ServerByName("med1.example.com")}
	if name, found := strings.CutPrefix(from, "user "); found {
		q.User = userNamed(s, name)
	} else {
		q.Trunk = s.TrunkByName(from)
	}
	return q
}

// brief says a decision in one line: "user bob via uc", "gw1:4255551234 itsp:14255551234", "refused no-route".
func brief(d *Decision) string {
	if d.Kind == Refused {
		return "refused " + d.Reason.ID
	}
	var b strings.Builder
	switch d.Kind {
	case ToUser:
		b.WriteString("user " + d.User.Name + " via ")
	case Emergency:
		b.WriteString("emergency ")
	}
	for i, t := range d.Targets {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.Trunk.Name + ":" + t.Called)
	}
	return b.String()
}

func explain(d *Decision) string { return "\n  " + strings.Join(d.Explain(), "\n  ") }
