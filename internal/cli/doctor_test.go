package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/directsip/directsip/internal/siptest"
)

// clinic writes a document with three trunks: to a good peer, to one that is out of service, and of another pool.
func clinic(t *testing.T) string {
	good, bad := siptest.T(t).Agent(siptest.Config{Name: "good"}), siptest.T(t).Agent(siptest.Config{Name: "bad"})
	good.Respond("OPTIONS", 200, "Server: Asterisk PBX 20.1\x1b[2J", "Contact: <sip:good@127.0.0.1>")
	bad.Respond("OPTIONS", 503, "Retry-After: 30")
	path := filepath.Join(t.TempDir(), "directsip.yaml")
	doc := fmt.Sprintf(`
pools:
  pool.test: {servers: {med1.test: {addresses: [127.0.0.3], media: [127.0.0.2]}}}
  far.test: {servers: {far1.test: {addresses: [203.0.113.1]}, far2.test: {addresses: [203.0.113.2]}}}
gateways:
  good: {host: 127.0.0.1, root: {pool: pool.test, transport: UDP, gatewayPort: %d}}
  bad: {host: 127.0.0.1, root: {pool: pool.test, transport: UDP, port: 5061, gatewayPort: %d}}
  far: {host: 203.0.113.9, root: {pool: far.test, transport: UDP}}
`, good.AddrPort().Port(), bad.AddrPort().Port())
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDoctor(t *testing.T) {
	doc := clinic(t)
	status, out, errs := command(t, "doctor", "good", doc)
	if status != 0 || errs != "" {
		t.Errorf("status %d\n%s", status, errs)
	}
	for _, want := range []string{`trunk "good": 127.0.0.1 over UDP, as server med1.test`, "  options ", "answers 200 OK", "Server: Asterisk PBX 20.1", "Contact: <sip:good@127.0.0.1>",
		"ok       answers: ", "note     profile-fits: ", "fix: Set gateways.good.profile: asterisk"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("what a terminal obeys came through:\n%q", out)
	}
	if status, out, errs = command(t, "doctor", "good", doc, "--media"); status != 0 || !strings.Contains(out, "  media    ") || !strings.Contains(out, "127.0.0.2 ports 49152-57500") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if status, out, _ = command(t, "doctor", "--all", doc, "--server", "med1.test"); status != 1 || !strings.Contains(out, "error    options-503: ") || !strings.Contains(out, `trunk "good"`) ||
		strings.Contains(out, `trunk "far"`) {
		t.Errorf("status %d\n%s", status, out)
	}
	if status, _, errs = command(t, "doctor", "far", doc); status != 2 || !strings.Contains(errs, "name one with --server") {
		t.Errorf("status %d\n%s", status, errs)
	}
	if status, _, errs = command(t, "doctor", "far", doc, "--server", "med1.test"); status != 1 || !strings.Contains(errs, `trunk "far" of pool "far.test"`) {
		t.Errorf("status %d\n%s", status, errs)
	}
}

// TestDoctorIsInterrupted says nothing of a peer that had no time to answer.
func TestDoctorIsInterrupted(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	path := filepath.Join(t.TempDir(), "directsip.yaml")
	doc := fmt.Sprintf("pools: {pool.test: {servers: {med1.test: {addresses: [127.0.0.3]}}}}\ngateways: {silent: {host: 127.0.0.1, root: {transport: UDP, gatewayPort: %d}}}\n",
		silent.LocalAddr().(*net.UDPAddr).Port)
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if _, _, err := silent.ReadFrom(make([]byte, 2048)); err == nil {
			syscall.Kill(os.Getpid(), syscall.SIGINT)
		}
	}()
	status, out, errs := command(t, "doctor", "silent", path, "--timeout", "1m")
	<-asked
	if status != 1 || errs != "directsip: interrupted\n" || strings.Contains(out, "does not answer") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

func TestDoctorAsJSON(t *testing.T) {
	status, out, errs := command(t, "doctor", "bad", clinic(t), "--json")
	var got []struct {
		Facts struct {
			Trunk string
			Hops  []struct{ Answer struct{ Status, Sent int } }
		}
		Steps    []struct{ What string }
		Findings []struct{ ID, Severity, What, Why, Fix string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != 1 || errs != "" || len(got) != 1 {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, errs)
	}
	r := got[0]
	if r.Facts.Trunk != "bad" || r.Facts.Hops[0].Answer.Status != 503 || r.Facts.Hops[0].Answer.Sent != 1 || r.Steps[0].What != "options" {
		t.Errorf("%+v", r)
	}
	if f := r.Findings[0]; f.ID != "options-503" || f.Severity != "error" || !strings.Contains(f.What, "Retry-After 30") || f.Why == "" || f.Fix == "" {
		t.Errorf("%+v", f)
	}
}
