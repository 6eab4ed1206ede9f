package e2e

import (
	"fmt"
	"testing"
)

const poolDocument = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: [NET.1], metrics: "NET.1:9090"}
      med2.test: {addresses: [NET.20], metrics: "NET.20:9090"}
gateways:
  gw1: {kind: gateway, host: NET.2, root: {transport: UDP, gatewayPort: 5060}}
  gw2: {kind: pbx, host: NET.3, root: {transport: UDP, gatewayPort: 5060}}
  gw3: {kind: sbc, host: NET.4, root: {transport: UDP, gatewayPort: 5060}}
trunks:
  gw1-tcp: {gateway: gw1, pool: pool.test, transport: TCP, port: 5068, gatewayPort: 5060}
  gw2-tcp: {gateway: gw2, pool: pool.test, transport: TCP, port: 5068, gatewayPort: 5060}
  gw3-tcp: {gateway: gw3, pool: pool.test, transport: TCP, port: 5068, gatewayPort: 5060}
usages: [g1, g2, g3, t1, t2, t3]
routes:
  - {name: g1, pattern: '^\+', usages: [g1], trunks: [gw1]}
  - {name: g2, pattern: '^\+', usages: [g2], trunks: [gw2]}
  - {name: g3, pattern: '^\+', usages: [g3], trunks: [gw3]}
  - {name: g1 by TCP, pattern: '^\+', usages: [t1], trunks: [gw1-tcp]}
  - {name: g2 by TCP, pattern: '^\+', usages: [t2], trunks: [gw2-tcp]}
  - {name: g3 by TCP, pattern: '^\+', usages: [t3], trunks: [gw3-tcp]}
trunkSettings:
  trunk:gw1: {usages: [g2], options: false}
  trunk:gw2: {usages: [g3], options: false}
  trunk:gw3: {usages: [g1], options: false}
  trunk:gw1-tcp: {usages: [t2], options: false}
  trunk:gw2-tcp: {usages: [t3], options: false}
  trunk:gw3-tcp: {usages: [t1], options: false}
`

// TOP-05, TOP-06: two servers of a pool, three gateways, six trunks. Each gateway reaches the next one through each server over
// each of its trunks, and so each server reaches each gateway.
func TestEveryGatewayReachesEveryServerAndBack(t *testing.T) {
	l := newLab(t)
	doc := l.expand(poolDocument)
	one, two := l.serve(doc), l.serveAs("med2.test", 20, doc)
	var peers []*sipp
	for g := range 3 { // each is called by one gateway over two servers
		for _, tcp := range []bool{false, true} {
			peers = append(peers, l.sipp(peer{scenario: "uas-call", n: 2 + g, tcp: tcp, calls: 2}))
		}
	}
	for g := range 3 {
		for i, host := range []int{1, 20} {
			for k, tcp := range []bool{false, true} {
				to := fmt.Sprintf("%s:%d", l.ip(host), []int{5060, 5068}[k])
				peers = append(peers, l.sipp(peer{scenario: "uac-call", n: 2 + g, port: 5070 + 2*i + k, tcp: tcp, to: to}))
			}
		}
	}
	together(peers...)
	for _, s := range []*server{one, two} {
		ways := map[string]int{}
		for _, r := range s.records(6) {
			if r.Server != s.name || r.Reason != "normal-clearing" {
				t.Errorf("record of %s: %s %s", r.Server, r.Reason, r.Detail)
			}
			ways[r.In.Trunk+" to "+r.Out.Trunk]++
		}
		for _, w := range []string{"gw1 to gw2", "gw2 to gw3", "gw3 to gw1", "gw1-tcp to gw2-tcp", "gw2-tcp to gw3-tcp", "gw3-tcp to gw1-tcp"} {
			if ways[w] != 1 {
				t.Errorf("%d calls went from %s on %s", ways[w], w, s.name)
			}
		}
	}
}

// SIG-16, NEW-06: gateways are asked by OPTIONS. One that falls silent goes down and calls avoid it; when it answers again it is used.
func TestSilentGatewayGoesDownAndComesBack(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + "  trunk:gw1: {optionsInterval: 1s, optionsIntervalDown: 1s, optionsTimeout: 500ms, optionsMisses: 2}\n")
	state := func(trunk string) string {
		var list []struct{ Name, State string }
		if err := s.get("/trunks", &list); err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			if v.Name == trunk {
				return v.State
			}
		}
		return "no such trunk"
	}
	probed := l.sipp(peer{scenario: "uas-options", n: 3, calls: 2, status: "200 OK"})
	probed.wait()
	until(t, "gw1 up", func() bool { return state("gw1") == "up" })
	until(t, "gw1 down", func() bool { return state("gw1") == "down" })
	s.waitLog("trunk state", "trunk=gw1", "to=down") // OPS-13
	gw2 := l.sipp(peer{scenario: "uas-call", n: 4})
	l.sipp(peer{scenario: "uac-call", n: 2, port: 5070}).wait()
	gw2.wait()
	if r := s.record(); r.Attempts[0].Trunk != "gw2" {
		t.Errorf("the call was tried at %s, which is down", r.Attempts[0].Trunk)
	}
	back := l.sipp(peer{scenario: "uas-options", n: 3, calls: 100, status: "200 OK"})
	until(t, "gw1 takes calls again", func() bool { st := state("gw1"); return st == "up" || st == "half-open" })
	back.kill()
}
