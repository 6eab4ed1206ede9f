package server

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/transport"
)

// authority is one whose certificates a rig's document may name: a .pem and a .key for each name.
func (r *rig) authority(names ...string) *siptest.Authority {
	r.t.Helper()
	ca := siptest.NewAuthority(r.t, r.dir, "authority")
	for _, name := range names {
		ca.Issue(name, time.Hour, name, "med1.test", "pool.test")
	}
	return ca
}

// presented is the common name of the certificate that a listener shows, or the error.
func presented(at string) string {
	name := ""
	conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		name = s.PeerCertificates[0].Subject.CommonName
		return nil
	}})
	if err != nil && name == "" {
		return err.Error()
	}
	if err == nil {
		conn.Close()
	}
	return name
}

// withTLS adds a provider behind TLS to a document, and a certificate.
func (r *rig) withTLS(doc string) string {
	ca := r.authority("one.test")
	file := filepath.Join(r.dir, "one.test")
	doc = strings.ReplaceAll(doc, "\nusages:", "\n  sbc: {kind: sbc, host: sbc.test, root: {port: 5061}}\nusages:")
	return strings.ReplaceAll(doc, "mediaPorts", "cert: "+file+".pem, key: "+file+".key, ca: "+ca.File+", mediaPorts")
}

// DR-31: when our certificate expires is a metric.
func TestDR_31CertificateDays(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	hours := func() float64 {
		families, err := r.metrics.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "directsip_certificate_expiry_timestamp_seconds" {
				return (f.GetMetric()[0].GetGauge().GetValue() - float64(time.Now().Unix())) / 3600
			}
		}
		return -1
	}
	if h := hours(); h != -1 {
		t.Errorf("%v hours without TLS", h)
	}
	r.applyGood(r.withTLS(basic))
	if h := hours(); h < 0.9 || h > 1.001 {
		t.Errorf("%v hours of a certificate for one", h)
	}
}

// TestPortGoesFromTCPToTLS and back; certificates change with the document, and a bad one changes nothing.
func TestPortGoesFromTCPToTLS(t *testing.T) {
	t.Parallel()
	tcp := strings.ReplaceAll(basic, "host: NET.3, root: {transport: UDP, port: 5070}", "host: gw.test, addresses: [NET.3], root: {transport: TCP, port: 5070, gatewayPort: 5066}")
	r := start(t, tcp)
	ca := r.authority("one.test", "two.test", "bad.test")
	if err := os.WriteFile(filepath.Join(r.dir, "bad.test.key"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(name string) string {
		file := filepath.Join(r.dir, name)
		return strings.ReplaceAll(strings.ReplaceAll(tcp, "transport: TCP", "transport: TLS"), "mediaPorts",
			"cert: "+file+".pem, key: "+file+".key, ca: "+ca.File+", mediaPorts")
	}
	at := r.net + "1:5070"
	refuse := func(while string) {
		t.Helper()
		before := r.Listening()
		_, _, err := r.Apply("test.yaml", []byte(expand(r.net, with("bad.test"))))
		if err == nil || !strings.Contains(err.Error(), "bad.test") {
			t.Errorf("%s: error %v", while, err)
		}
		if now := r.Listening(); now != before {
			t.Errorf("%s: half applied\n%s\n%s", while, before, now)
		}
	}
	refuse("TCP")
	r.applyGood(with("one.test"))
	if got := presented(at); got != "one.test" || strings.Contains(r.Listening(), "TCP "+at) {
		t.Errorf("presented %s; %s", got, r.Listening())
	}
	refuse("TLS")
	if got := presented(at); got != "one.test" {
		t.Errorf("after a refused document: presented %s", got)
	}
	r.applyGood(with("two.test"))
	if got := presented(at); got != "two.test" {
		t.Errorf("presented %s", got)
	}
	r.applyGood(tcp)
	if list := r.Listening(); !strings.Contains(list, "TCP "+at) || strings.Contains(list, "TLS") {
		t.Errorf("back on TCP: %s", list)
	}
}

// TestChangeBesideABrokenCertificate: a certificate that is being renewed, or was badly, keeps nobody from changing a route. What needs it anew is refused.
func TestChangeBesideABrokenCertificate(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	secure := r.withTLS(basic)
	r.applyGood(secure)
	at := r.net + "1:5061"
	if got := presented(at); got != "one.test" {
		t.Fatalf("presented %s", got)
	}
	key := filepath.Join(r.dir, "one.test.key")
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Minute)
	write := func(text []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(key, text, 0o600), os.Chtimes(key, past, past)); err != nil {
			t.Fatal(err)
		}
		past = past.Add(time.Second)
	}
	write([]byte("half a file"))
	changed := []byte(expand(r.net, strings.Replace(secure, "port: 5070", "port: 5080", 1)))
	const want = "the one that was read before stays in use, and a restart fails"
	if _, changes, problems, err := r.compare("test.yaml", changed, ""); err != nil || len(changes) != 1 || !strings.Contains(problems.Error(), want) {
		t.Errorf("a dry run: %v, %v, %v", changes, problems, err)
	}
	snap, problems, err := r.Apply("test.yaml", changed)
	if err != nil || problems.Failed() || !strings.Contains(problems.Error(), want) || !strings.Contains(problems.Error(), key) {
		t.Fatalf("%v, %v", problems, err)
	}
	if r.engine.Snapshot() != snap || presented(at) != "one.test" || !strings.Contains(r.Listening(), r.net+"1:5080") {
		t.Errorf("presented %s; %s", presented(at), r.Listening())
	}
	elsewhere := strings.Replace(secure, "port: 5061", "port: 5067", 1)
	if _, problems, err := r.Apply("test.yaml", []byte(expand(r.net, elsewhere))); elsewhere == secure || err == nil || !problems.Failed() {
		t.Errorf("another port of TLS: %v, %v", problems, err)
	}
	if got := presented(at); got != "one.test" {
		t.Errorf("after a refused document: presented %s", got)
	}
	write(good)
	r.applyGood(elsewhere)
}

// TestWhoComesFirstByTLS: who calls from an address of a gateway is a peer before it has shown a certificate, and others are heard all the same.
func TestWhoComesFirstByTLS(t *testing.T) {
	t.Parallel()
	r := named(t, basic, "sbc.test. 300 IN A NET.7")
	doc := r.withTLS(basic)
	r.applyGood(strings.Replace(doc, "host: sbc.test", "host: sbc.test, addresses: ["+r.net+"9]", 1))
	for at, want := range map[string]transport.Verdict{"7": transport.Accept, "9": transport.Accept, "8": transport.Unknown, "2": transport.Unknown} {
		if got := r.allow(netip.MustParseAddrPort(r.net+"1:5061"), sip.TLS, netip.MustParseAddr(r.net+at)); got != want {
			t.Errorf("%s is %v, want %v", r.net+at, got, want)
		}
	}
}

// TestCertificateThatBreaksWhileOldCallsRun is told once, not each time that it is asked whether the older document has calls still.
func TestCertificateThatBreaksWhileOldCallsRun(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	secure := r.withTLS(basic)
	r.applyGood(secure)
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	r.applyGood(strings.Replace(secure, "host: NET.3", "host: NET.4", 1))
	if n := len(r.engine.Older()); n == 0 {
		t.Fatal("no call runs under an older document")
	}
	key := filepath.Join(r.dir, "one.test.key")
	past := time.Now().Add(-time.Minute)
	if err := errors.Join(os.WriteFile(key, []byte("half a file"), 0o600), os.Chtimes(key, past, past)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.apply.Lock()
		r.retire()
		r.apply.Unlock()
	}
	if n := strings.Count(r.log.String(), "listeners, while calls run under an older document"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, r.log)
	}
	r.hangup(in, out)
}
