package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

// teamsDocument is an SBC for Teams Direct Routing with a gateway on its other side: docs/teams.md with the addresses of a lab.
const teamsDocument = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: [NET.1], metrics: "NET.1:9090", cert: DIR/server.pem, key: DIR/server.key, ca: DIR/ca.ca}
gateways:
  teams1: {kind: uc, host: sip.pstnhub.test, profile: teams-direct-routing, root: {port: 5061, gatewayPort: 5061, contactHost: sbc.example.com}}
  teams2: {kind: uc, host: sip2.pstnhub.test, profile: teams-direct-routing, root: {port: 5061, gatewayPort: 5061, contactHost: sbc.example.com}}
  teams3: {kind: uc, host: sip3.pstnhub.test, profile: teams-direct-routing, root: {port: 5061, gatewayPort: 5061, contactHost: sbc.example.com}}
  pstn: {host: NET.5, root: {transport: UDP, gatewayPort: 5060}}
usages: [teams, pstn]
routes:
  - {name: users, pattern: '^\+49', usages: [teams], trunks: [teams1, teams2, teams3], selection: ordered}
  - {name: world, pattern: '^\+1', usages: [pstn], trunks: [pstn]}
trunkSettings:
  global: {usages: [pstn], acceptRefer: true, optionsInterval: 1s, optionsTimeout: 1s, noResponseTimeout: 1s}
  trunk:pstn: {usages: [teams], options: false}
`

// teamsLab is the service, the gateway, and the SBC between them.
type teamsLab struct {
	*lab
	*siptest.Tester
	svc  *siptest.Teams
	pstn *siptest.Agent
	s    *server
}

// newTeamsLab begins with the proxies at the second to fourth address, which the SBC finds by a hosts file of its own.
func newTeamsLab(t *testing.T, doc string) *teamsLab {
	t.Helper()
	return newTeamsLabOf(t, doc, false)
}

// newTeamsLabOf is newTeamsLab with media bypass or without.
func newTeamsLabOf(t *testing.T, doc string, bypass bool) *teamsLab {
	t.Helper()
	needRoot(t)
	l := &teamsLab{lab: newLab(t)}
	ca := l.pki("ca")
	ca.Issue("server", soon, "med1.test", "pool.test", "sbc.example.com", "*.sbc.example.com")
	ca.Issue("service", soon, "sip.pstnhub.test", "sip2.pstnhub.test", "sip3.pstnhub.test")
	hosts, cfg := "127.0.0.1 localhost\n", siptest.TeamsConfig{Bypass: bypass, TLS: ca.config("service", ""), Window: 4 * time.Second, Agent: siptest.Config{Audio: siptest.Tone(700)},
		SBCs: map[string]string{"sbc.example.com": l.ip(1) + ":5061"}}
	for i, name := range []string{"sip", "sip2", "sip3"} {
		cfg.Listen = append(cfg.Listen, l.ip(2+i)+":5061")
		hosts += l.ip(2+i) + " " + name + ".pstnhub.test\n"
	}
	l.Tester = siptest.T(t)
	l.pstn = l.Agent(siptest.Config{Name: "pstn", Listen: l.ip(5) + ":5060"})
	var err error
	if l.svc, err = siptest.NewTeams(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.svc.Close()
		for i := range 3 {
			for _, v := range l.svc.Proxy(i).Violations() {
				t.Errorf("violation seen by %s", v)
			}
			if t.Failed() {
				t.Logf("ladder of %s\n%s", l.svc.Name(i), l.svc.Proxy(i).Ladder())
			}
		}
	})
	l.s = &server{lab: l.lab, name: "med1.test", metrics: l.ip(1) + ":9090",
		prefix: []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, l.file("hosts", hosts)}}
	l.s.setUp(t, l.fill(doc))
	l.s.start()
	return l
}

func (l *teamsLab) fill(doc string) string {
	return strings.ReplaceAll(l.expand(doc), "DIR/", l.dir+"/")
}

// apply gives the running server another document.
func (l *teamsLab) apply(doc string) {
	l.t.Helper()
	if out := l.s.cli(0, "apply", l.file("next.yaml", l.fill(doc))); !strings.Contains(out, "applied") {
		l.t.Fatal(out)
	}
}

// paired waits until the service has paired with the SBC.
func (l *teamsLab) paired() {
	l.t.Helper()
	l.Must(l.svc.WaitHealthy(l.Context(), "sbc.example.com", true))
}

// fromPSTN calls a user of the service.
func (l *teamsLab) fromPSTN(opts ...siptest.Option) *siptest.Call {
	l.t.Helper()
	return l.Dial(l.pstn, l.ip(1)+":5060", "sip:+498912345@"+l.ip(1), append([]siptest.Option{siptest.WithFrom("sip:+14255550100@" + l.ip(5))}, opts...)...)
}

// fromTeams has a user of the service call.
func (l *teamsLab) fromTeams(fqdn string, opts ...siptest.Option) *siptest.Call {
	l.t.Helper()
	call, err := l.svc.Dial(0, fqdn, "+14255550100", opts...)
	l.Must(err)
	return call
}

// talk waits for the audio of both sides, and ends the call.
func (l *teamsLab) talk(teams, pstn, by *siptest.Call) {
	l.t.Helper()
	l.Must(teams.WaitTone(l.Context(), 440))
	l.Must(pstn.WaitTone(l.Context(), 700))
	by.Hangup()
	l.Wait(teams, siptest.Ended)
	l.Wait(pstn, siptest.Ended)
}

// DR-01, DR-02, DR-04, DR-19, DR-20, DR-21: paired by OPTIONS, calls go both ways over TLS with certificates on both sides, under our FQDN.
func TestDRTeamsCallsBothWays(t *testing.T) {
	l := newTeamsLab(t, teamsDocument)
	l.paired()
	early := make(chan struct{}) // at the caller: what it has not confirmed yet (RFC 3262 §3) the answer would overtake
	l.svc.Proxy(0).Answer(siptest.Ring(0), siptest.EarlyMediaFor(0), siptest.Custom(func(*siptest.Call) bool { return opened(l.Context(), early) }), siptest.OK())
	out := l.fromPSTN()
	in := l.Incoming(l.svc.Proxy(0), 1)
	l.Wait(out, siptest.Ringing, siptest.EarlyMedia)
	close(early)
	l.Wait(out, siptest.Acked)
	m := in.Invite()
	contact, _ := m.Contact()
	via, _ := m.TopVia()
	if contact.URI != "sip:sbc.example.com:5061;transport=tls" || via.Host != "sbc.example.com" || m.From().URI != "sip:+14255550100@sbc.example.com;user=phone" {
		t.Errorf("we are not known by our name:\n%s", m)
	}
	l.talk(in, out, out)

	call := l.fromTeams("sbc.example.com", siptest.Asserted("+498912345"), siptest.ForwardedBy("+498912346"))
	at := l.Incoming(l.pstn, 1)
	l.Wait(call, siptest.Acked)
	if v := call.Response().Get(sip.IDSessionExpires); !strings.HasPrefix(v, "3600") {
		t.Errorf("the session timer of the service is answered with %q", v)
	}
	l.talk(call, at, call)
	records := l.s.records(2)
	checkRecord(t, records[0], "normal-clearing", 200, "caller")
	checkRecord(t, records[1], "normal-clearing", 200, "caller")
	if r := l.svc.Refusals(); len(r) > 0 {
		t.Errorf("the service refused: %q", r)
	}
}

// DR-03, DR-07, DR-08, DR-09, DR-10: the next proxy is tried after 503, for as long as Retry-After says at once, and after silence; 603 is final.
func TestDRTeamsFailover(t *testing.T) {
	l := newTeamsLab(t, teamsDocument)
	l.paired()
	attempts := func(n int) string {
		list := l.s.records(n)
		var b strings.Builder
		for _, a := range list[n-1].Attempts {
			fmt.Fprintf(&b, "%s %d %s, ", a.Trunk, a.Status, a.Reason)
		}
		return b.String()
	}
	l.svc.Proxy(0).Reject(503, "Retry-After: 60")
	out := l.fromPSTN()
	in := l.Incoming(l.svc.Proxy(1), 1)
	l.talk(in, out, out)
	if got, want := attempts(1), "teams1 503 peer-congestion, teams2 200 , "; got != want {
		t.Errorf("after 503: %s, want %s", got, want)
	}
	if out := l.s.cli(0, "trunks"); !strings.Contains(out, "paused") {
		t.Errorf("directsip trunks does not show the pause:\n%s", out)
	}
	l.svc.Proxy(1).Silent()
	l.svc.Proxy(2).Reject(603)
	out = l.fromPSTN()
	l.Wait(out, siptest.Failed)
	if got, want := attempts(2), "teams1 503 trunk-paused, teams2 504 no-response, teams3 603 declined, "; got != want || out.Status() != 603 {
		t.Errorf("while it lasts: %s, want %s; status %d", got, want, out.Status())
	}
	l.svc.Proxy(1).Reject(603)
	out = l.fromPSTN()
	l.Wait(out, siptest.Failed)
	if got, want := attempts(3), "teams1 503 trunk-paused, teams2 603 declined, "; got != want || out.Status() != 603 {
		t.Errorf("after 603: %s, want %s; status %d", got, want, out.Status())
	}
}

// DR-05, DR-11: out of service, the call that runs goes on, others are refused both ways, and the service demotes us because our OPTIONS stay out.
func TestDRTeamsDrain(t *testing.T) {
	l := newTeamsLab(t, teamsDocument)
	l.paired()
	call := l.fromTeams("sbc.example.com")
	at := l.Incoming(l.pstn, 1)
	l.Wait(call, siptest.Acked)
	l.apply(strings.ReplaceAll(teamsDocument, "contactHost: sbc.example.com", "contactHost: sbc.example.com, enabled: false"))
	if out := l.s.cli(0, "trunks"); strings.Count(out, "disabled") < 3 {
		t.Errorf("directsip trunks does not show it:\n%s", out)
	}
	late := l.fromTeams("sbc.example.com")
	l.Wait(late, siptest.Failed)
	out := l.fromPSTN()
	l.Wait(out, siptest.Failed)
	if late.Status() != 503 || out.Status() != 503 {
		t.Errorf("new calls are refused with %d and %d, want 503", late.Status(), out.Status())
	}
	l.Must(l.svc.WaitHealthy(l.Context(), "sbc.example.com", false))
	l.talk(call, at, at)
	list := l.s.records(3)
	var reasons []string
	for _, r := range list {
		reasons = append(reasons, r.Reason)
	}
	if got := strings.Join(reasons, " "); got != "trunk-disabled no-trunk normal-clearing" && got != "normal-clearing trunk-disabled no-trunk" {
		t.Errorf("records: %s", got)
	}
	l.apply(teamsDocument)
	l.paired()
}

// DR-15, DR-16: REFER is in our Allow, so the service transfers by it, and the new INVITE has its long tokens as they came, also where it is for
// another proxy of the service.
func TestDRTeamsTransfer(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"to the same proxy", "to another proxy"} {
		t.Run(name, func(t *testing.T) {
			l := newTeamsLab(t, teamsDocument)
			l.paired()
			call := l.fromTeams("sbc.example.com")
			at := l.Incoming(l.pstn, 1)
			l.Wait(call, siptest.Acked)
			target, referred, err := l.svc.Transfer(l.Context(), call, i, "+498912347")
			l.Must(err)
			second := l.Incoming(l.svc.Proxy(i), 1)
			if got := second.Invite().URI; got != target {
				t.Errorf("the INVITE is for\n%s\nnot\n%s", got, target)
			}
			if got := second.Invite().Get(sip.IDReferredBy); got != referred {
				t.Errorf("Referred-By is\n%s\nnot\n%s", got, referred)
			}
			l.talk(second, at, at)
			l.Wait(call, siptest.Ended)
			l.s.records(1)
		})
	}
}

// DR-17: the service puts an INVITE with Replaces in the place of a call of either direction, and who talks to it talks to the new one. We send it none.
func TestDR_17TeamsReplaces(t *testing.T) {
	l := newTeamsLab(t, teamsDocument)
	l.paired()
	first := l.fromTeams("sbc.example.com")
	at := l.Incoming(l.pstn, 1)
	l.Wait(first, siptest.Acked)
	second := l.fromTeams("sbc.example.com", siptest.Replacing(first))
	l.Wait(second, siptest.Acked)
	l.Wait(first, siptest.Ended)
	l.talk(second, at, at)

	out := l.fromPSTN()
	first = l.Incoming(l.svc.Proxy(0), 1)
	l.Wait(out, siptest.Acked)
	second = l.fromTeams("sbc.example.com", siptest.Replacing(first))
	l.Wait(second, siptest.Acked)
	l.Wait(first, siptest.Ended)
	l.talk(second, out, out)

	for _, r := range l.s.records(2) {
		if len(r.Transfers) != 1 || r.Transfers[0].How != "replaces" || r.Transfers[0].Status != 200 || r.Reason != "normal-clearing" {
			t.Errorf("%s, transfers %+v", r.Reason, r.Transfers)
		}
	}
	late := l.fromTeams("sbc.example.com", siptest.Replacing(first)) // it is no more
	l.Wait(late, siptest.Failed)
	if late.Status() != 481 && late.Status() != 603 {
		t.Errorf("in the place of a call that has ended: %d", late.Status())
	}
	if r := l.svc.Refusals(); len(r) > 0 {
		t.Errorf("the service refused: %q", r)
	}
}

// DR-28: tenants behind one carrier trunk, each under a name of its own; one pairing holds for all.
func TestDRTeamsTenants(t *testing.T) {
	doc := strings.Replace(teamsDocument, "usages: [teams, pstn]", `trunks:
  contoso: {carrier: teams1, contactHost: contoso.sbc.example.com}
  fabrikam: {carrier: teams1, contactHost: fabrikam.sbc.example.com}
usages: [teams, pstn]`, 1)
	doc = strings.Replace(doc, "trunks: [teams1, teams2, teams3]", "trunks: [fabrikam]", 1)
	l := newTeamsLab(t, doc)
	l.paired()
	call := l.fromTeams("contoso.sbc.example.com")
	l.Wait(call, siptest.Acked)
	if c, _ := call.Response().Contact(); c.URI != "sip:contoso.sbc.example.com:5061;transport=tls" {
		t.Errorf("contoso is answered by %s", c.URI)
	}
	l.talk(call, l.Incoming(l.pstn, 1), call)
	out := l.fromPSTN()
	in := l.Incoming(l.svc.Proxy(0), 1)
	if c, _ := in.Invite().Contact(); c.URI != "sip:fabrikam.sbc.example.com:5061;transport=tls" {
		t.Errorf("fabrikam is called by %s", c.URI)
	}
	l.talk(in, out, out)
	list := l.s.records(2)
	if list[0].In.Trunk != "contoso" || list[1].Out.Trunk != "fabrikam" {
		t.Errorf("in on %s, out on %s", list[0].In.Trunk, list[1].Out.Trunk)
	}
}

// Without a name for the trunk the service does not know us: the mistake that it answers with 403.
func TestDRTeamsWithoutItsNameForUs(t *testing.T) {
	l := newTeamsLab(t, strings.ReplaceAll(teamsDocument, ", contactHost: sbc.example.com", ""))
	until(t, "the refusal", func() bool {
		return strings.Contains(strings.Join(l.svc.Refusals(), "\n"), "no tenant has the FQDN med1.test")
	})
	if _, err := l.svc.Dial(0, "sbc.example.com", "+14255550100"); err != siptest.ErrDemoted {
		t.Error(err)
	}
}
