package ua_test

import (
	"net/netip"
	"strings"
	"testing"
)

// Video that is left out of what the target of a transfer is offered, as there is no room for it on the way there, is none of the two who go on when that has failed: who asks for an
// offer is offered it.
func TestVideoLeftOutForATarget(t *testing.T) {
	r := rigOf(t, strings.NewReplacer(`"trunk:uc": {`, `"trunk:uc": {acceptRefer: true, `,
		"trunkSettings:", "  third: {kind: gateway, host: 203.0.113.3, root: {transport: UDP}}\ntrunkSettings:",
		"routes:", `routes:`+"\n"+`  - {name: third, pattern: '^\+14255550123$', usages: [all], trunks: [third]}`).Replace(document)+`
network:
  profiles:
    narrow: {audio: {total: 2000}, video: {total: 2000, perSession: 100}}
  regions:
    here: {}
  sites:
    hq: {region: here, subnets: [192.0.2.0/24, 198.51.100.0/24]}
    branch: {region: here, subnets: [203.0.113.0/24], bandwidthPolicy: narrow}
`)
	caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+video))
	caller.ack(1)
	caller.says("INVITE", described(0, 1, speech+"a=sendonly\r\n"+video+"a=sendonly\r\n"))
	callee.answers("200 OK", r.first("INVITE"), described(1, 1, speech+"a=recvonly\r\n"+video+"a=recvonly\r\n"))
	caller.ack(caller.seq)
	invite := refer(r, caller)
	if offer := string(invite); !strings.Contains(offer, "m=video 0 ") {
		t.Fatalf("the target is offered\n%s", offer)
	}
	r.out.Reset()
	third := thirdSource
	third.Remote = netip.MustParseAddrPort("203.0.113.3:5060")
	r.in(third, response("486 Busy Here", invite, "target", ""))
	caller.says("INVITE", "")
	callee.answers("488 Not Acceptable Here", r.first("INVITE"), "")
	if ok, said := r.told("SIP/2.0 200"); kinds(said) != "audio video" {
		t.Errorf("who asks for an offer is told\n%s", ok)
	}
}
