package e2e

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/siptest"
)

// chain is a PBX behind a first pool and a gateway behind a second one, with a trunk between the two that has SRTP, session timers and reliable
// responses.
const chain = `
pools:
  one.test: {servers: {med1.test: {addresses: [NET.1], metrics: "NET.1:9090"}}}
  two.test: {servers: {med2.test: {addresses: [NET.20], metrics: "NET.20:9090"}}}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {pool: one.test, transport: UDP}}
  far: {kind: sbc, host: NET.20, root: {pool: one.test, transport: TCP, port: 5068, gatewayPort: 5068}}
  near: {kind: sbc, host: NET.1, root: {pool: two.test, transport: TCP, port: 5068, gatewayPort: 5068}}
  gw: {kind: gateway, host: NET.3, root: {pool: two.test, transport: UDP}}
usages: [one out, one in, two out, two in]
routes:
  - {name: to the other pool, pattern: '^\+1', usages: [one out], trunks: [far]}
  - {name: to the PBX, pattern: '^\+49', usages: [one in], trunks: [pbx]}
  - {name: to the gateway, pattern: '^\+1', usages: [two in], trunks: [gw]}
  - {name: back, pattern: '^\+49', usages: [two out], trunks: [near]}
trunkSettings:
  global: {options: false}
  trunk:pbx: {options: false, usages: [one out]}
  trunk:far: {usages: [one in], srtpMode: required, enableSessionTimer: true, acceptRefer: true}
  trunk:near: {usages: [two in], srtpMode: required, enableSessionTimer: true, acceptRefer: true}
  trunk:gw: {options: false, usages: [two out]}
`

// A second directsip is a peer like others: calls go through both in either direction, with RTP at the ends and SRTP between, and are held and
// resumed.
func TestSecondDirectsip(t *testing.T) {
	l := newLab(t)
	doc := l.expand(chain)
	one, two := l.serve(doc), l.serveAs("med2.test", 20, doc)
	agents, pbx, gw := speakers(t, l, "", "")
	for _, way := range []struct {
		from, to       *siptest.Agent
		by             int
		number         string
		tone, backTone float64
	}{{pbx, gw, 1, "+14255550100", 400, 700}, {gw, pbx, 20, "+493012345", 700, 400}} {
		out := agents.Dial(way.from, l.ip(way.by)+":5060", "sip:"+way.number+"@"+l.ip(way.by))
		in := agents.Incoming(way.to, 1)
		agents.Wait(in, siptest.Acked)
		hear := func() {
			t.Helper()
			agents.Must(out.WaitTone(agents.Context(), way.backTone))
			agents.Must(in.WaitTone(agents.Context(), way.tone))
		}
		hear()
		for _, d := range []siptest.Direction{siptest.SendOnly, siptest.SendRecv} {
			if r, err := out.Reinvite(agents.Context(), d); err != nil || r.Status != 200 {
				t.Fatal(r, err)
			}
		}
		hear()
		in.Hangup()
		agents.Wait(out, siptest.Ended)
	}
	for _, r := range one.records(2) { // RFC 7989: by what the first server has of a call the second one finds it
		id := r.In.Session
		if out := two.cli(0, "why", id); !strings.Contains(out, "on med2.test") || !strings.Contains(out, "Session-ID: "+id+" of the caller") {
			t.Errorf("%s of %s at the other server:\n%s", id, r.ID, out)
		}
	}
	for _, s := range []*server{one, two} {
		s.want = 2
		for _, r := range s.records(2) {
			checkRecord(t, r, "normal-clearing", 200, "callee")
			secured := 0
			for _, m := range r.Media {
				if m.SRTP != "" {
					secured++
				}
			}
			if secured != 1 {
				t.Errorf("%s has SRTP in %d directions", r.Server, secured)
			}
		}
	}
}
