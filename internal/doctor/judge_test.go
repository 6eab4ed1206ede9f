package doctor

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

func compile(t *testing.T, rest string) *topology.Snapshot {
	t.Helper()
	snap, problems := topology.Compile("x", []byte("pools: {pool.test: {servers: {med1.test: {addresses: [127.0.0.3]}}}}\n"+rest))
	if snap == nil {
		t.Fatal(problems.Error())
	}
	return snap
}

// TestJudge is the table of what facts mean: those that sockets of a test cannot make, and the words.
func TestJudge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := netip.MustParseAddrPort("192.0.2.20:5060")
	good := Answer{Status: 200, Phrase: "OK", From: at, RoundTrip: 3 * time.Millisecond, Sent: 1, Allow: []string{"INVITE", "ACK", "BYE", "CANCEL", "INFO", "REFER"}}
	cert := Certificate{Subject: "CN=a", Issuer: "CN=ca", Names: []string{"a.test"}, From: now.AddDate(0, -1, 0), Until: now.AddDate(1, 0, 0), Client: true}
	hop := func(change func(*Hop)) []Hop {
		a := good
		h := Hop{Address: at, Local: netip.MustParseAddrPort("127.0.0.1:5060"), Answer: &a, CountsFor: "gw"}
		change(&h)
		return []Hop{h}
	}
	failed := func(s Stage, text string) []Hop {
		return hop(func(h *Hop) { h.Answer, h.Failed, h.Error = nil, s, text })
	}
	for name, c := range map[string]struct {
		facts Facts
		want  string // of the last finding: severity id: words of it
	}{
		"good":             {Facts{Hops: hop(func(*Hop) {})}, "ok answers: 200 OK after 3ms"},
		"slow":             {Facts{Hops: hop(func(h *Hop) { h.Answer.RoundTrip = 4500 * time.Millisecond })}, "error slow: taken for down"},
		"NAT":              {Facts{Hops: hop(func(h *Hop) { h.Answer.SeenAs = "203.0.113.9" })}, "note nat: sees us as 203.0.113.9"},
		"clock":            {Facts{Hops: hop(func(h *Hop) { h.Answer.Skew = -6 * time.Minute })}, "warning clock: by -6m0s"},
		"other trunk":      {Facts{Hops: hop(func(h *Hop) { h.CountsFor = "other" })}, `note other-trunk: count for trunk "other"`},
		"other port":       {Facts{Hops: hop(func(h *Hop) { h.Answer.From = netip.MustParseAddrPort("192.0.2.20:7000") })}, "note answers-other-port: from port 7000"},
		"elsewhere":        {Facts{Hops: hop(func(h *Hop) { h.Elsewhere = true })[:1]}, "ok answers: 200 OK"},
		"Retry-After":      {Facts{Hops: hop(func(h *Hop) { h.Answer.Status, h.Answer.RetryAfter = 503, "30" })}, "error options-503: Retry-After 30"},
		"481":              {Facts{Hops: hop(func(h *Hop) { h.Answer.Status = 481 })}, "note options-481: of a call that it does not know"},
		"unreachable":      {Facts{Hops: failed(Unreachable, "no route to host")}, "error unreachable: no route to host"},
		"closed":           {Facts{Hops: failed(Closed, "the peer ended the connection")}, "error closed: the peer ended the connection"},
		"no TLS 1.2":       {Facts{Hops: failed(TLSFailed, "remote error: tls: protocol version not supported")}, "error tls-handshake: needs TLS 1.2 or 1.3"},
		"no common cipher": {Facts{Hops: failed(TLSFailed, "remote error: tls: handshake failure")}, "error tls-handshake: no cipher suite in common"},
		"name not known":   {Facts{Hops: failed(TLSFailed, "remote error: tls: unrecognized name")}, "error tls-handshake: does not know the name"},
		"too many":         {Facts{Found: 9, Host: "many.test", DNS: []DNS{{Type: "SRV", Records: []string{"x"}}}}, "note dns-many: many.test has 9 addresses, of which 0"},
		"ours not yet":     {Facts{Ours: &Certificate{From: now.AddDate(0, 0, 1), Until: now.AddDate(1, 0, 0), Client: true}}, "error our-not-yet: clock"},
		"ours soon":        {Facts{Ours: &Certificate{From: now.AddDate(0, -1, 0), Until: now.AddDate(0, 0, 1), Client: true}}, "warning our-expires: in 1 day"},
		"ours for servers": {Facts{Ours: &Certificate{From: now.AddDate(0, -1, 0), Until: now.AddDate(1, 0, 0)}}, "note our-usage: for servers only"},
		"ours wrong issuer": {Facts{Ours: &cert, Hops: hop(func(h *Hop) {
			h.TLS = &Handshake{Chain: []Certificate{cert}, ClientAsked: true, ClientIssuers: []string{"CN=x"}}
			h.Answer = nil
		})}, "warning tls-client-issuer: from CN=x, and ours is from CN=ca"},
		"self-signed": {Facts{Ours: &cert, Hops: hop(func(h *Hop) {
			own := cert
			own.selfMade = true
			h.TLS, h.Answer = &Handshake{Chain: []Certificate{own}, TrustError: "x509", ClientAsked: true, ClientFits: true}, nil
		})}, "error tls-untrusted: issued by itself"},
		"name of no trunk": {Facts{Ours: &cert, Hops: hop(func(h *Hop) {
			h.TLS, h.CountsFor = &Handshake{Chain: []Certificate{cert}, ClientAsked: true, ClientFits: true}, ""
		})}, "ok answers: 200"},
	} {
		snap := compile(t, "gateways: {gw: {host: 192.0.2.20, root: {transport: UDP}}}")
		list := Judge(snap.Trunks[0], snap.Servers[0], &c.facts, now)
		if len(list) == 0 {
			t.Errorf("%s: nothing found", name)
			continue
		}
		f := list[len(list)-1]
		head, words, _ := strings.Cut(c.want, ": ")
		if f.Severity.String()+" "+f.ID != head || !strings.Contains(f.What+" "+f.Why+" "+f.Fix, words) {
			t.Errorf("%s: %+v, want %s", name, list, c.want)
		}
	}
}

// TestJudgeKnowsCredentials: who has them is not told to get them (NEW-02).
func TestJudgeKnowsCredentials(t *testing.T) {
	snap := compile(t, "gateways: {gw: {host: 192.0.2.20, root: {transport: UDP}}}")
	at := netip.MustParseAddrPort("192.0.2.20:5060")
	facts := Facts{Hops: []Hop{{Address: at, Local: netip.MustParseAddrPort("127.0.0.3:5060"), CountsFor: "gw", Answer: &Answer{Status: 401, From: at, Sent: 1}}}}
	for _, has := range []bool{false, true} {
		if has {
			snap.Trunks[0].Credentials = &topology.Credentials{}
		}
		if list := Judge(snap.Trunks[0], snap.Servers[0], &facts, time.Now()); len(list) != 1 || (list[0].Fix == "") != has {
			t.Errorf("%v: %+v", has, list)
		}
	}
}

// TestJudgeSaysThingsOnce although two addresses show them.
func TestJudgeSaysThingsOnce(t *testing.T) {
	snap := compile(t, "gateways: {gw: {host: 192.0.2.20, root: {transport: UDP}}}")
	h := Hop{Address: netip.MustParseAddrPort("192.0.2.20:5060"), Elsewhere: true, PortHeld: true, Failed: Silent}
	list := Judge(snap.Trunks[0], snap.Servers[0], &Facts{Hops: []Hop{h, h}}, time.Now())
	if len(list) != 3 || list[2].ID != "silent" {
		t.Errorf("%+v", list)
	}
}
