package server

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/siptest"
)

// thin is a network whose link to the gateway carries one call of G.711.
const thin = `network:
  profiles: {thin: {audio: {total: 150, perSession: 100}}, open: {audio: {perSession: 400}}}
  regions: {emea: {}}
  sites:
    hq: {subnets: [NET.1, NET.2]}
    branch: {subnets: [NET.3], bandwidthPolicy: thin}
    lab: {subnets: [NET.9], bandwidthPolicy: open}
`

// CAC-06: what links carry and have refused, for people and for metrics. A new document keeps the calls that are on a link.
func TestCAC06Network(t *testing.T) {
	t.Parallel()
	r := start(t, basic+thin)
	pbx, gw := r.agent(2), r.agent(3)
	links := func() (list []LinkView) {
		r.view("/network", &list)
		return list
	}
	out, in := r.call(pbx, gw)
	second := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
	r.tester.Wait(second, siptest.Ended)
	r.applyGood(strings.Replace(basic+thin, "total: 150", "total: 250", 1))
	list := links()
	if len(list) != 2 {
		t.Fatalf("links: %+v", list)
	}
	b, l := list[0], list[1]
	if b.Name != `site "branch"` || b.Profile != "thin" || *b.Total != 250 || *b.Share != 250 || *b.PerSession != 100 || b.Used != 85 || b.Calls != 1 || b.Refused != 1 {
		t.Errorf("branch: %+v", b)
	}
	if l.Name != `site "lab"` || l.Total != nil || l.Share != nil || *l.PerSession != 400 || l.Used != 0 {
		t.Errorf("lab: %+v", l)
	}
	page := r.get("http://" + r.net + "1:9090/metrics")
	for _, want := range []string{`directsip_link_kbps{kind="audio",link="site \"branch\""} 85`, `directsip_link_kbps_limit{kind="audio",link="site \"branch\""} 250`,
		`directsip_link_refused_total{kind="audio",link="site \"branch\""} 1`, `directsip_link_kbps{kind="audio",link="site \"lab\""} 0`, "directsip_calls_bypassed_total 0"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	if strings.Contains(page, `directsip_link_kbps_limit{kind="audio",link="site \"lab`) {
		t.Error("a link without a limit has one")
	}
	r.hangup(in, out)
	r.records(2)
	if b := links()[0]; b.Used != 0 || b.Calls != 0 {
		t.Errorf("after the call: %+v", b)
	}
}
