package siptest

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// pairTest is the service with an SBC.
type pairTest struct {
	*Tester
	t   *testing.T
	svc *Teams
	sbc *Agent
}

func newPair(t *testing.T, window time.Duration, names ...string) *pairTest {
	t.Helper()
	ca := NewAuthority(t, t.TempDir(), "authority")
	config := func(file string, names ...string) *tls.Config { return ca.Config(ca.Issue(file, time.Hour, names...)) }
	p := &pairTest{Tester: T(t), t: t}
	p.sbc = p.Agent(Config{Name: "sbc", SRTP: "AES_CM_128_HMAC_SHA1_80", Network: "tls", Host: "sbc.example.com", TLS: config("sbc", names...), ServerName: "sip.pstnhub.test"})
	var err error
	p.svc, err = NewTeams(TeamsConfig{Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}, TLS: config("service", "sip.pstnhub.test", "sip2.pstnhub.test"), Window: window,
		SBCs: map[string]string{"sbc.example.com": p.sbc.Addr(), "other.example.com": p.sbc.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.svc.Close() })
	return p
}

// options sends the service an OPTIONS with a Contact and returns the status of the answer.
func (p *pairTest) options(contact, from string) int {
	p.t.Helper()
	got := make(chan int, 1)
	m := sip.NewRequest("OPTIONS", "sip:sip.pstnhub.test:5061;transport=tls")
	m.Add(sip.IDFrom, "<sip:"+from+">;tag=1")
	m.Add(sip.IDTo, "<sip:sip.pstnhub.test>")
	m.Add(sip.IDCallID, token())
	m.Add(sip.IDCSeq, "1 OPTIONS")
	m.Add(sip.IDMaxForwards, "70")
	if contact != "" {
		m.Add(sip.IDContact, contact)
	}
	p.sbc.mu.Lock()
	p.sbc.request(nil, m, peer{addr: p.svc.Proxy(0).AddrPort()}, func(r *sip.Message) {
		if r == nil {
			got <- 0
		} else if r.Status >= 200 {
			got <- r.Status
		}
	})
	p.sbc.mu.Unlock()
	select {
	case n := <-got:
		return n
	case <-p.Context().Done():
		p.t.Fatal("no answer to OPTIONS")
	}
	return 0
}

// DR-02: who names itself by an address, by a name that no tenant has, or by one that its certificate does not carry, gets 403.
func TestTeamsKnowsAnSBCByItsContact(t *testing.T) {
	p := newPair(t, time.Minute, "sbc.example.com", "*.sbc.example.com")
	p.sbc.Respond("OPTIONS", 200, "Contact: <sip:sbc.example.com:5061;transport=tls>")
	for _, c := range []struct {
		contact, from string
		want          int
	}{
		{"", "sbc.example.com", 403}, {"<sip:192.0.2.1:5061>", "sbc.example.com", 403}, {"<sip:[2001:db8::1]>", "sbc.example.com", 403},
		{"<sip:nobody.test>", "sbc.example.com", 403}, {"<sip:other.example.com>", "sbc.example.com", 403}, {"<sip:sbc.example.com>", "192.0.2.1", 403},
		{"<sip:sbc.example.com:5061;transport=tls>", "sbc.example.com", 200}, {"<sip:contoso.sbc.example.com>", "contoso.sbc.example.com", 200},
	} {
		if got := p.options(c.contact, c.from); got != c.want {
			t.Errorf("Contact %s, From %s: %d, want %d; %q", c.contact, c.from, got, c.want, p.svc.Refusals())
		}
	}
	p.Must(p.svc.WaitHealthy(p.Context(), "contoso.sbc.example.com", true))
}

// DR-04, DR-05: an SBC is called while it sends OPTIONS and answers those of the service with a name of its own, and not afterwards.
func TestTeamsCallsOnlyWhoIsPaired(t *testing.T) {
	p := newPair(t, 300*time.Millisecond, "sbc.example.com")
	if _, err := p.svc.Dial(0, "sbc.example.com", "+14255550100"); !errors.Is(err, ErrDemoted) {
		t.Fatalf("an SBC that has said nothing is called: %v", err)
	}
	refused := func(want string) {
		t.Helper()
		p.options("<sip:sbc.example.com>", "sbc.example.com")
		for {
			p.svc.mu.Lock()
			changed := p.svc.changed // before it is looked whether it is there
			p.svc.mu.Unlock()
			if list := p.svc.Refusals(); len(list) > 0 && strings.Contains(list[len(list)-1], want) {
				break
			}
			select {
			case <-changed:
			case <-p.Context().Done():
				t.Fatalf("no %q in %q", want, p.svc.Refusals())
			}
		}
		if p.svc.Healthy("sbc.example.com") {
			t.Errorf("healthy although: %s", want)
		}
	}
	refused("neither Contact nor Record-Route")
	p.sbc.Respond("OPTIONS", 503)
	refused("with 503")
	p.sbc.Respond("OPTIONS", 200, "Contact: <sip:sbc.example.com>")
	p.options("<sip:sbc.example.com>", "sbc.example.com")
	p.Must(p.svc.WaitHealthy(p.Context(), "sbc.example.com", true))
	call, err := p.svc.Dial(1, "sbc.example.com", "+14255550100", Asserted("+12065550101"), ForwardedBy("+14255550111"), MediaHints("external", "sbc.example.com", "Oslo"))
	p.Must(err)
	in := p.Incoming(p.sbc, 1)
	p.Wait(call, Acked)
	p.Must(in.WaitTone(p.Context(), 440))
	for _, name := range []string{"Record-Route", "Session-Expires", "P-Asserted-Identity", "History-Info", "X-MS-UserLocation", "X-MS-MediaPath", "X-MS-UserSite"} {
		if in.Invite().GetName(name) == "" {
			t.Errorf("no %s", name)
		}
	}
	call.Hangup()
	p.Wait(in, Ended)
	p.Must(p.svc.WaitHealthy(p.Context(), "sbc.example.com", false))
	if _, err := p.svc.Dial(0, "sbc.example.com", "+14255550100"); !errors.Is(err, ErrDemoted) {
		t.Errorf("an SBC that has fallen silent is called: %v", err)
	}
}

// The service takes E.164 numbers in sip URIs, an offer, and no Replaces.
func TestTeamsTakesInvites(t *testing.T) {
	p := newPair(t, time.Minute, "sbc.example.com")
	for i, c := range []struct {
		uri  string
		opts []Option
		want int
	}{
		{"sip:+14255550100@sip.pstnhub.test", nil, 200},
		{"sip:4255550100@sip.pstnhub.test", nil, 400},
		{"sips:+14255550100@sip.pstnhub.test", nil, 400},
		{"sip:+14255550100@sip.pstnhub.test", []Option{NoSDP()}, 400},
		{"sip:+14255550100@sip.pstnhub.test", []Option{WithHeader("Replaces: a;to-tag=b;from-tag=c")}, 400},
		{"sip:+14255550100@sip.pstnhub.test", []Option{WithFrom("sip:alice@sbc.example.com")}, 400},
	} {
		c.opts = append([]Option{WithFrom("sip:+12065550100@sbc.example.com")}, c.opts...)
		call := p.Dial(p.sbc, p.svc.Proxy(0).Addr(), c.uri, c.opts...)
		want := Answered
		if c.want >= 300 {
			want = Failed
		}
		p.Wait(call, want)
		if call.Status() != c.want {
			t.Errorf("%d: %d, want %d", i, call.Status(), c.want)
		}
		call.Hangup()
	}
}
