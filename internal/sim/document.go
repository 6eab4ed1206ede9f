package sim

import (
	"fmt"

	"github.com/directsip/directsip/internal/topology"
)

// Document is the topology of the simulated world: two servers, two UC platforms that call, gateways by UDP and TCP, a
// provider by name.
const Document = `
sites:
  house: {location: house}
locations:
  house: {address: {country: DE, A3: "München", RD: "Straße <am> \"Tor\" & Wall", HNO: 1}}
pools:
  pool.sim.example:
    servers:
      med1.sim.example: {addresses: [192.0.2.11], mediaPorts: 20000-20999}
      med2.sim.example: {addresses: [192.0.2.12], mediaPorts: 20000-20999}
gateways:
  uca: {kind: uc, host: 198.51.100.1, root: {transport: UDP, credentials: {user: directsip, password: secret}}}
  ucb: {kind: uc, host: 198.51.100.2, root: {transport: TCP, port: 5070, gatewayPort: 5070}}
  gwa: {kind: gateway, host: 198.51.100.11, root: {transport: UDP, credentials: {user: directsip, password: secret}}}
  gwb: {kind: gateway, host: 198.51.100.12, root: {transport: UDP, credentials: {user: directsip, password: secret, realm: gwb}}}
  gwc: {kind: gateway, host: 198.51.100.13, root: {transport: TCP, gatewayPort: 5060, credentials: {user: directsip, password: secret}}}
  sbc: {kind: sbc, host: sbc.sim.example, root: {transport: UDP}}
trunkSettings:
  global: {relayMethods: [INFO, MESSAGE], usages: [all], acceptRefer: true, redirect: follow, redirectHosts: [198.51.100.12], maxAttempts: 6}
  trunk:uca: {usages: [all], relayMethods: [INFO, MESSAGE], acceptRefer: true, forwardPAI: true, forwardCallHistory: true}
  trunk:ucb: {usages: [all], enableSessionTimer: true, sessionExpires: 90s, musicOnHold: generate, ringback: generate, toneCountry: us}
  trunk:gwb: {failoverCodes: [486], enablePIDFLOSupport: true, enableSessionTimer: true, sessionExpires: 90s, musicOnHold: generate, musicOnHoldSource: closed, ringback: generate}
  trunk:gwc: {relayMethods: [INFO, MESSAGE], forwardPAI: true, identityHeaders: both, acceptGatewayPAIForOutboundCalls: true,
    forwardCallHistory: true, callHistoryForm: diversion,
    headerRules: {in: [{remove: Server}], out: [{add: X-Pool, value: sim, methods: [INVITE, OPTIONS]}, {copy: X-Customer}]}}
  trunk:sbc:
    relayMethods: [INFO, MESSAGE]
    forwardPAI: true
    forwardAnonymousCallGatewayPAI: true
    forwardCallHistory: true
    callHistoryForm: both
usages: [all, sos]
routes:
  - {name: sos, pattern: '^112$', usages: [sos], trunks: [gwa, gwb, gwc], selection: ordered}
  - {name: one, pattern: '^\+1', usages: [all], trunks: [gwa, gwb, gwc], selection: ordered}
  - {name: two, pattern: '^\+2', usages: [all], trunks: [gwc, gwa], selection: ordered}
  - {name: three, pattern: '^\+3', usages: [all], trunks: [sbc, gwa], selection: ordered}
  - {name: six, pattern: '^\+6', usages: [all], trunks: [gwb, gwa], selection: ordered}
emergency:
  - {number: 112, usage: sos}
announcements:
  nobody: {tone: unobtainable}
  closed: {tone: busy, country: uk, repeat: 3, answer: true}
  moved: {tone: busy, repeat: 2, target: {number: '+14255550100'}}
  greeting: {tone: busy, country: us, answer: true, target: {number: '+14255550100'}}
unassignedNumbers:
  - {name: greeted, numberRangeStart: '+7425561000', numberRangeEnd: '+7425561099', to: {announcement: greeting}}
  - {name: moved, numberRangeStart: '+7425560000', numberRangeEnd: '+7425560099', to: {announcement: moved}}
  - {name: nobody, numberRangeStart: '+7425550000', numberRangeEnd: '+7425554999', to: {announcement: nobody}}
  - {name: closed, numberRangeStart: '+7425555000', numberRangeEnd: '+7425559999', to: {announcement: closed, code: 410, cause: 22}}
users:
  ursula: {uri: "sip:ursula@example.com", lineURI: "tel:+4989123456", gateway: ucb}
`

// Compile compiles a document, or says what is wrong.
func Compile(doc string) (*topology.Snapshot, error) {
	snap, problems := topology.Compile("sim.yaml", []byte(doc))
	if snap == nil {
		return nil, fmt.Errorf("document: %v", problems)
	}
	return snap, nil
}
