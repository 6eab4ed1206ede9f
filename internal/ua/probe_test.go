package ua_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// TestLateAddresses: addresses that come after the document has changed are for the trunk that asked, and for no other in its place.
func TestLateAddresses(t *testing.T) {
	const one = "  one: {host: one.test, root: {transport: UDP}}\n"
	const doc = "pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10]}}}}\ngateways:\n" + one + "  two: {host: two.test, root: {transport: UDP}}\n"
	core, now := rigOf(t, doc).core, begin
	var out ua.Out
	for len(out.Resolve) < 2 {
		now = core.Deadline()
		core.Advance(now, &out)
	}
	core.Configure(now, compile(t, strings.Replace(doc, one, "", 1)))
	for _, q := range out.Resolve {
		out.Sends = nil
		core.Resolved(now, q.Session, q.Attempt, []b2bua.Addr{{Remote: netip.MustParseAddrPort("198.51.100.7:5060")}}, "", &out)
		if got, want := len(out.Sends), strings.Count(q.Host, "two"); got != want {
			t.Errorf("%s has addresses: %d OPTIONS, want %d", q.Host, got, want)
		}
	}
}

// TestDownSaysWhy: a trunk whose OPTIONS do not leave is down for the reason that the transport or DNS has, which is what somebody can mend.
func TestDownSaysWhy(t *testing.T) {
	for host, want := range map[string]string{"198.51.100.9": "OPTIONS could not be sent: dial tcp: connection refused",
		"one.test": "OPTIONS could not be sent: the name of the gateway does not resolve to an address: one.test: no such name in DNS"} {
		snap := compile(t, "pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10]}}}}\ngateways:\n  one: {host: "+host+", root: {transport: TCP}}\n")
		var last health.Status
		core := ua.New(ua.Config{Env: newEnv(snap, 2), Snapshot: snap, Health: func(_ *topology.Trunk, _ health.Event, st health.Status) { last = st }}, begin)
		var out ua.Out
		for range 100 {
			now := core.Deadline()
			core.Advance(now, &out)
			for _, m := range out.Sends {
				core.SendFailed(now, m.CallID, m.Branch, "dial tcp: connection refused", &out)
			}
			for _, q := range out.Resolve {
				core.Resolved(now, q.Session, q.Attempt, nil, q.Host+": no such name in DNS", &out)
			}
			out.Reset()
		}
		if last.State != health.Down || last.Why != want {
			t.Errorf("%s is %v: %s", host, last.State, last.Why)
		}
	}
}

// TestProbesFindWhoAnswers: of the hosts of a name, which DNS turns at every answer, some are dead or out of service. The trunk is up as long as one is there, and its
// OPTIONS do not go from one dead host to the next meanwhile.
func TestProbesFindWhoAnswers(t *testing.T) {
	const doc = "pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10]}}}}\ngateways:\n  one: {host: one.test, root: {transport: UDP, gatewayPort: dns}}\n"
	for name, c := range map[string]struct {
		answers []int // of each host; 0: none
		down    bool
	}{
		"one of two is silent":          {[]int{0, 200}, false},
		"one of two is out of service":  {[]int{503, 200}, false},
		"two of three are silent":       {[]int{200, 0, 0}, false},
		"both are silent":               {[]int{0, 0}, true},
		"a silent one and one with 503": {[]int{0, 503}, true},
	} {
		t.Run(name, func(t *testing.T) {
			snap := compile(t, doc)
			worst, asked := health.Up, make(map[netip.Addr]int)
			core := ua.New(ua.Config{Env: newEnv(snap, 2), Snapshot: snap, Health: func(_ *topology.Trunk, _ health.Event, st health.Status) { worst = max(worst, st.State) }}, begin)
			var out ua.Out
			rnd := rand.New(rand.NewPCG(1, 1))
			for range 2000 {
				now := core.Deadline()
				core.Advance(now, &out)
				for _, q := range out.Resolve {
					var list []b2bua.Addr
					for _, i := range rnd.Perm(len(c.answers)) {
						list = append(list, b2bua.Addr{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 5060)})
					}
					core.Resolved(now, q.Session, q.Attempt, list, "", &out)
				}
				for _, s := range out.Sends {
					m, err := sip.Parse(s.Data, nil)
					if err != nil {
						t.Fatal(err)
					}
					asked[s.Hop.Remote.Addr()]++
					if code := c.answers[s.Hop.Remote.Addr().As4()[3]]; code != 0 {
						answer := ua.Refusal(m, diag.BadRequest, code, "")
						core.Receive(now, sip.Source{Transport: sip.UDP, Local: s.Hop.Local, Remote: s.Hop.Remote}, answer, &out)
					}
				}
				out.Reset()
			}
			if (worst == health.Down) != c.down {
				t.Errorf("the trunk was %v; asked: %v", worst, asked)
			}
			if len(asked) != len(c.answers) && c.down {
				t.Errorf("asked: %v", asked)
			}
		})
	}
}
