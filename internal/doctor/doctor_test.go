package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

const day = 24 * time.Hour

// quiet is settings that ask nothing special of a peer.
const quiet = "relayMethods: [], enableReferSupport: false"

// TestGoodPeer over every transport: one OPTIONS, one answer, nothing to find.
func TestGoodPeer(t *testing.T) {
	for _, transport := range []string{"UDP", "TCP"} {
		c := newClinic(t)
		peer := siptest.T(t).Agent(siptest.Config{Network: strings.ToLower(transport), UserAgent: "Gear/1"})
		peer.Respond("OPTIONS", 200, "Server: Gear/1", "Contact: <sip:gw@127.0.0.1>", "Supported: timer, replaces")
		gw, root := to(peer, transport)
		r := c.examine(gw, root, quiet)
		has(t, r, "ok answers")
		a := r.Facts.Hops[0].Answer
		if a.Status != 200 || a.Server != "Gear/1" || a.Contact != "<sip:gw@127.0.0.1>" || len(a.Supported) != 2 || len(a.Allow) < 5 || a.Sent != 1 || a.RoundTrip <= 0 {
			t.Errorf("%+v", a)
		}
		if r.Worst() != OK || r.Facts.Hops[0].CountsFor != "gw" || r.Facts.Hops[0].PortHeld {
			t.Errorf("%+v", r.Facts.Hops[0])
		}
	}
}

func TestPeerOverTLS(t *testing.T) {
	c := newClinic(t)
	for _, p := range []struct {
		cert   string
		change func(*tls.Config)
		want   []string
	}{
		{c.ca.Issue("good", 300*day, "peer.test"), func(cfg *tls.Config) { cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, c.ca.Pool }, []string{"ok answers"}},
		{c.ca.Issue("good", 300*day, "peer.test"), nil, []string{"note tls-client-not-asked", "ok answers"}},
		{c.ca.Issue("wrong", 300*day, "other.test"), nil, []string{"error tls-name", "note tls-client-not-asked", "ok answers"}},
		{c.ca.Issue("expired", -3*day/2, "peer.test"), nil, []string{"error tls-expired", "note tls-client-not-asked", "ok answers"}},
		{c.ca.Issue("older", -30*day, "peer.test"), nil, []string{"error tls-expired", "note tls-client-not-asked", "ok answers"}}, // than its authority
		{c.ca.Issue("expires", 12*day+time.Hour, "peer.test"), nil, []string{"warning tls-expires", "note tls-client-not-asked", "ok answers"}},
		{siptest.NewAuthority(t, c.dir, "stranger").Issue("untrusted", 300*day, "peer.test"), nil, []string{"error tls-untrusted", "note tls-client-not-asked", "ok answers"}},
		{c.ca.Issue("wild", 300*day, "*.test"), nil, []string{"note tls-client-not-asked", "ok answers"}},
	} {
		cfg := c.ca.Config(p.cert)
		if p.change != nil {
			p.change(cfg)
		}
		peer := siptest.T(t).Agent(siptest.Config{Name: p.cert, Network: "tls", TLS: cfg})
		c.steps = nil
		gw, root := c.byName(peer.AddrPort())
		r := c.examine(gw, root, quiet)
		has(t, r, p.want...)
		hs := r.Facts.Hops[0].TLS
		if hs.Version != "TLS 1.3" || hs.Cipher == "" || hs.Name != "peer.test" || len(hs.Chain) != 1 || len(hs.Chain[0].SHA256) != 64 || r.Facts.Ours == nil ||
			hs.ClientAsked != (p.change != nil) || hs.ClientAsked && (!hs.ClientFits || hs.ClientIssuers[0] != "CN=ca") {
			t.Errorf("%s: %+v", p.cert, hs)
		}
		for _, f := range r.Findings {
			if f.ID == "tls-expires" && !strings.Contains(f.What, "expires in 12 days") {
				t.Errorf("%+v", f)
			}
		}
	}
}

// TestAuthorityHasExpired: it is the authority that has to be renewed, not added, whether the peer's own certificate has expired, too, or not.
func TestAuthorityHasExpired(t *testing.T) {
	c := newClinic(t)
	c.ca = siptest.ExpiredAuthority(t, c.dir, "past") // our own certificate is from another one
	for valid, want := range map[time.Duration][]string{
		300 * day:      {"error ca-expired", "warning our-chain", "error tls-untrusted", "note tls-client-not-asked", "ok answers"},
		-time.Hour / 2: {"error ca-expired", "warning our-chain", "error tls-expired", "error tls-untrusted", "note tls-client-not-asked", "ok answers"},
	} {
		peer := siptest.T(t).Agent(siptest.Config{Network: "tls", TLS: c.ca.Config(c.ca.Issue("peer", valid, "peer.test"))})
		c.steps = nil
		gw, root := c.byName(peer.AddrPort())
		r := c.examine(gw, root, quiet)
		has(t, r, want...)
		for _, f := range r.Findings {
			if f.ID == "tls-untrusted" && !strings.Contains(f.Fix, `Have the certificate of "CN=past" renewed`) {
				t.Errorf("%+v", f)
			}
		}
	}
}

// TestPeerRefusesOurCertificate: with TLS 1.3 that shows only after the handshake, with TLS 1.2 in it.
func TestPeerRefusesOurCertificate(t *testing.T) {
	c := newClinic(t)
	other := siptest.NewAuthority(t, c.dir, "other")
	for version, want := range map[uint16][]string{
		tls.VersionTLS13: {"error tls-client-refused", "warning tls-client-issuer"},
		tls.VersionTLS12: {"error tls-handshake"},
	} {
		cfg := c.ca.Config(c.ca.Issue("peer", 300*day, "peer.test"))
		cfg.ClientAuth, cfg.ClientCAs, cfg.MaxVersion = tls.RequireAndVerifyClientCert, other.Pool, version
		peer := siptest.T(t).Agent(siptest.Config{Network: "tls", TLS: cfg})
		c.steps = nil
		gw, root := c.byName(peer.AddrPort())
		has(t, c.examine(gw, root, ""), want...)
	}
}

func TestOurCertificate(t *testing.T) {
	c := newClinic(t)
	peer := siptest.T(t).Agent(siptest.Config{Network: "tls", TLS: c.ca.Config(c.ca.Issue("peer", 300*day, "peer.test"))})
	gw, root := c.byName(peer.AddrPort())
	for _, p := range []struct {
		ours string
		want []string
	}{
		{c.ca.Issue("elsewhere", 300*day, "med1.elsewhere"), []string{"warning our-name", "note tls-client-not-asked", "ok answers"}},
		{c.ca.Issue("old", -day, "med1.test", "pool.test"), []string{"error our-expired", "note tls-client-not-asked", "ok answers"}},
		{c.ca.Issue("older", -30*day, "med1.test", "pool.test"), []string{"error our-expired", "note tls-client-not-asked", "ok answers"}}, // than its authority
		{c.dir + "/absent", []string{"error our-certificate"}},
	} {
		c.ours, c.steps = p.ours, nil
		has(t, c.examine(gw, root, quiet), p.want...)
	}
}

// TestNotTLS: the port speaks something else.
func TestNotTLS(t *testing.T) {
	c := newClinic(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprint(nc, "220 mail.test ready\r\n")
		nc.Close()
	}()
	gw, root := c.byName(l.Addr().(*net.TCPAddr).AddrPort())
	r := c.examine(gw, root, "")
	l.Close()
	<-done
	has(t, r, "error tls-handshake")
	if !strings.Contains(r.Findings[0].Fix, "does not speak TLS") {
		t.Errorf("%+v", r.Findings[0])
	}
}

func TestStatuses(t *testing.T) {
	for _, p := range []struct {
		status   int
		settings string
		want     []string
	}{
		{403, "", []string{"warning options-403"}},
		{404, "", []string{"note options-404"}},
		{404, "optionsUpCodes: [200]", []string{"error options-404"}},
		{404, "optionsUpCodes: [404]", []string{"note options-404"}},
		{405, "", []string{"note options-405"}},
		{483, "", []string{"warning options-483"}},
		{500, "", []string{"warning options-500"}},
		{503, "", []string{"error options-503"}},
		{503, "options: false", []string{"warning options-503", "note options-off"}},
		{302, "", []string{"warning options-302"}},
		{603, "", []string{"warning options-603"}},
	} {
		c := newClinic(t)
		peer := siptest.T(t).Agent(siptest.Config{})
		peer.Respond("OPTIONS", p.status)
		gw, root := to(peer, "UDP")
		has(t, c.examine(gw, root, p.settings), p.want...)
	}
}

// TestAllow: what the peer does not allow and the trunk would use.
func TestAllow(t *testing.T) {
	for _, p := range []struct {
		headers, settings string
		want              []string
	}{
		{"Allow: INVITE, ACK, BYE, CANCEL", "", []string{"ok answers", "note allow-refer", "note allow-info"}},
		{"Allow: INVITE, ACK, BYE, CANCEL, REFER", "acceptRefer: true, relayMethods: []", []string{"ok answers", "note allow-notify"}},
		{"Allow: INVITE, ACK, BYE, CANCEL", "enable3pccRefer: true, relayMethods: [MESSAGE]", []string{"ok answers", "note allow-message"}},
		{"Allow: INVITE, ACK, BYE, CANCEL|Supported: 100rel", quiet + ", enableSessionTimer: true",
			[]string{"ok answers", "note allow-update", "warning allow-prack", "note no-timer"}},
		{"Allow: OPTIONS", quiet, []string{"ok answers", "error allow-invite", "error allow-ack", "error allow-bye", "error allow-cancel"}},
	} {
		c := newClinic(t)
		wire := serve(t, func(m *sip.Message) []*sip.Message {
			r := sip.NewResponse(m, 200, "")
			for _, h := range strings.Split(p.headers, "|") {
				name, value, _ := strings.Cut(h, ": ")
				r.AddName(name, value)
			}
			return []*sip.Message{r}
		})
		has(t, c.examine("host: 127.0.0.1", fmt.Sprintf("transport: UDP, gatewayPort: %d", wire.Port()), p.settings), p.want...)
	}
}

// serve answers requests over UDP by a function, until the test ends.
func serve(t *testing.T, answer func(*sip.Message) []*sip.Message) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, from, err := pc.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if m, err := sip.Parse(buf[:n], nil); err == nil {
				for _, r := range answer(m) {
					pc.WriteToUDPAddrPort(r.Append(nil), from)
				}
			}
		}
	}()
	t.Cleanup(func() {
		pc.Close()
		<-done
	})
	return pc.LocalAddr().(*net.UDPAddr).AddrPort()
}

// TestOnlyTheAnswerCounts: other messages and a 1xx are passed over, and what a hostile peer writes is bounded.
func TestOnlyTheAnswerCounts(t *testing.T) {
	c := newClinic(t)
	wire := serve(t, func(m *sip.Message) []*sip.Message {
		trying, other, branch, ok := sip.NewResponse(m, 100, ""), sip.NewResponse(m, 486, ""), sip.NewResponse(m, 487, ""), sip.NewResponse(m, 200, "")
		other.Set(sip.IDCallID, "somebody-else")
		branch.Set(sip.IDVia, "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKother")
		ok.Add(sip.IDServer, strings.Repeat("long ", 1000))
		ok.Add(sip.IDAllow, strings.Repeat("X, ", 1000)+"INVITE")
		ok.Add(sip.IDDate, time.Now().Add(-time.Hour).UTC().Format(time.RFC1123))
		return []*sip.Message{m, trying, other, branch, ok}
	})
	r := c.examine("host: 127.0.0.1", fmt.Sprintf("transport: UDP, gatewayPort: %d", wire.Port()), "")
	a := r.Facts.Hops[0].Answer
	if a == nil || a.Status != 200 || len(a.Server) > 2*maxText || len(a.Allow) != maxList || a.Skew > -59*time.Minute {
		t.Fatalf("%+v", a)
	}
	if r.Findings[1].ID != "clock" {
		t.Errorf("%+v", r.Findings)
	}
}

// TestSilence ends when the time is up, after the few repetitions that it has room for.
func TestSilence(t *testing.T) {
	c := newClinic(t)
	c.wait = 900 * time.Millisecond
	seen := make(chan struct{}, 10)
	wire := serve(t, func(*sip.Message) []*sip.Message { seen <- struct{}{}; return nil })
	has(t, c.examine("host: 127.0.0.1", fmt.Sprintf("transport: UDP, gatewayPort: %d", wire.Port()), ""), "error silent")
	if n := len(seen); n < 1 || n > 2 { // a busy machine may be late for the second
		t.Errorf("OPTIONS was sent %d times in %s", n, c.wait)
	}
}

// TestSilenceOverTCP: the connection is there, and nobody speaks.
func TestSilenceOverTCP(t *testing.T) {
	c := newClinic(t)
	c.wait = 200 * time.Millisecond
	peer := siptest.T(t).Agent(siptest.Config{Network: "tcp"})
	peer.Respond("OPTIONS", 0)
	gw, root := to(peer, "TCP")
	has(t, c.examine(gw, root, ""), "error silent")
}

func TestRefused(t *testing.T) {
	for _, transport := range []string{"UDP", "TCP"} {
		c := newClinic(t)
		root := fmt.Sprintf("transport: %s, gatewayPort: %d", transport, freePort(t, nobodys))
		has(t, c.examine("host: "+nobodys, root, ""), "error refused")
	}
}

// TestAnsweredTheSecondTime: the first packet is lost.
func TestAnsweredTheSecondTime(t *testing.T) {
	c := newClinic(t)
	n := 0
	wire := serve(t, func(m *sip.Message) []*sip.Message {
		if n++; n == 1 {
			return nil
		}
		return []*sip.Message{sip.NewResponse(m, 200, "")}
	})
	has(t, c.examine("host: 127.0.0.1", fmt.Sprintf("transport: UDP, gatewayPort: %d", wire.Port()), ""), "ok answers", "warning repeated", "note allow-absent")
}

// TestAnswerFromElsewhere: from an address that the document has, and from one that it has not.
func TestAnswerFromElsewhere(t *testing.T) {
	for gateway, want := range map[string][]string{
		"host: 127.0.0.1, addresses: [127.0.0.7]": {"ok answers", "note answers-elsewhere", "note allow-absent"},
		"host: 127.0.0.1":                         {"ok answers", "warning answers-elsewhere", "warning unknown-source", "note allow-absent"},
	} {
		c := newClinic(t)
		other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 7)})
		if err != nil {
			t.Fatal(err)
		}
		wire := serve(t, func(m *sip.Message) []*sip.Message {
			via, _ := m.TopVia()
			at := netip.AddrPortFrom(netip.MustParseAddr(via.Host), via.Port)
			other.WriteToUDPAddrPort(sip.NewResponse(m, 200, "").Append(nil), at)
			return nil
		})
		has(t, c.examine(gateway, fmt.Sprintf("transport: UDP, gatewayPort: %d", wire.Port()), ""), want...)
		other.Close()
	}
}

// TestPortHeld: a running server has the trunk's port; the examination takes another and says so.
func TestPortHeld(t *testing.T) {
	c := newClinic(t)
	peer := siptest.T(t).Agent(siptest.Config{})
	server := siptest.T(t).Agent(siptest.Config{Listen: ourAddress + ":0"})
	c.port = server.AddrPort().Port()
	gw, root := to(peer, "UDP")
	has(t, c.examine(gw, root, quiet), "note port-held", "ok answers")
}

// TestNames: a name that DNS does not have, a server that does not answer, SRV with two hosts of which one is dead.
func TestNames(t *testing.T) {
	c := newClinic(t)
	r := c.examine("host: nowhere.test", "transport: UDP, gatewayPort: dns", "")
	has(t, r, "error dns-none")
	if len(r.Facts.DNS) == 0 || r.Facts.DNS[0].Name != "_sip._udp.nowhere.test" {
		t.Errorf("%+v", r.Facts.DNS)
	}
	peer := siptest.T(t).Agent(siptest.Config{})
	c.record(
		fmt.Sprintf("_sip._udp.two.test. 60 IN SRV 10 0 %d dead.test.", freePort(t, nobodys)),
		fmt.Sprintf("_sip._udp.two.test. 60 IN SRV 20 0 %d alive.test.", peer.AddrPort().Port()),
		"dead.test. 60 IN A 127.0.0.9", "alive.test. 60 IN A 127.0.0.1")
	c.steps = nil
	r = c.examine("host: two.test", "transport: UDP, gatewayPort: dns", quiet)
	has(t, r, "warning refused", "ok answers")
	if d := r.Facts.DNS[0]; d.Type != "SRV" || len(d.Records) != 2 || !strings.Contains(d.Records[0], "priority 10") || r.Facts.Found != 2 {
		t.Errorf("%+v", r.Facts)
	}
	c.names, c.wait, c.steps = "127.0.0.1:1", 300*time.Millisecond, nil
	has(t, c.examine("host: two.test", "transport: UDP", ""), "error dns-broken")
}

// TestProfileFits: the Server header names the product.
func TestProfileFits(t *testing.T) {
	for profile, want := range map[string]string{"": "note profile-fits", "cucm": "", "asterisk": "warning profile-other", "generic-pbx": "note profile-fits"} {
		c := newClinic(t)
		peer := siptest.T(t).Agent(siptest.Config{})
		peer.Respond("OPTIONS", 200, "Server: Cisco-CUCM12.5")
		gw, root := to(peer, "UDP")
		if profile != "" {
			gw += ", profile: " + profile
		}
		findings := []string{"ok answers", want}
		if want == "" {
			findings = findings[:1]
		}
		has(t, c.examine(gw, root, quiet), findings...)
	}
}

// TestInterrupted: the examination ends when it is told to, not when its time is up.
func TestInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	wire := serve(t, func(*sip.Message) []*sip.Message { stop(); return nil })
	snap := compile(t, fmt.Sprintf("gateways: {gw: {host: 127.0.0.1, root: {transport: UDP, gatewayPort: %d}}}", wire.Port()))
	cfg := Config{Snapshot: snap, Server: snap.Servers[0], Timeout: time.Hour}
	has(t, Examine(ctx, cfg, snap.Trunks[0]), "error silent")
	if r := Examine(ctx, cfg, snap.Trunks[0]); len(r.Facts.Hops) != 0 {
		t.Errorf("%+v", r)
	}
}
