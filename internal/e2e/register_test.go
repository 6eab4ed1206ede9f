package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

const providerSecret = "hunter2 with \"quotes\""

// kamailio runs Kamailio with a configuration until the test ends.
func (l *lab) kamailio(cfg, ip string) {
	l.t.Helper()
	path := need(l.t, "kamailio", "kamailio")
	var log bytes.Buffer
	run := filepath.Join(l.dir, "kamailio")
	if err := os.Mkdir(run, 0o755); err != nil {
		l.t.Fatal(err)
	}
	cmd := child(path, "-f", cfg, "-DD", "-E", "-m", "32", "-M", "4", "-Y", run, "-P", filepath.Join(run, "pid"))
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGTERM // it takes its children with it
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	l.t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-exited
		}
		if l.t.Failed() {
			l.t.Logf("Kamailio:\n%s", clip(log.Bytes()))
		}
	})
	until(l.t, "Kamailio listens", func() bool {
		select {
		case <-exited:
			l.t.Fatalf("Kamailio has ended:\n%s", clip(log.Bytes()))
		default:
		}
		return bound(ip, 5060, false)
	})
}

// registered is a PBX and a provider that is registered with.
const registered = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: [NET.1], metrics: "NET.1:9090"}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {transport: UDP}}
  itsp:
    kind: sbc
    host: NET.9
    root:
      transport: UDP
      credentials: {user: directsip, passwordFile: SECRETFILE, realm: provider.test}
      registration: {user: '+493012345', domain: provider.test, calledFrom: to, expires: 1m}
usages: [in, out]
routes:
  - {name: inward, pattern: '^\+49', usages: [in], trunks: [pbx]}
  - {name: outward, pattern: '^\+1', usages: [out], trunks: [itsp]}
trunkSettings:
  trunk:pbx: {usages: [out]}
  trunk:itsp: {usages: [in]}
`

// NEW-02: registered with Kamailio, calls leave with the password and calls to the registered contact arrive.
func TestRegistersWithKamailio(t *testing.T) {
	l := newLab(t)
	secret := l.file("secret", providerSecret+"\n")
	cfg, err := os.ReadFile("testdata/kamailio/registrar.cfg")
	if err != nil {
		t.Fatal(err)
	}
	l.kamailio(l.file("kamailio.cfg", strings.NewReplacer("NET.", l.prefix, "USER", "directsip", "SECRET", strings.ReplaceAll(providerSecret, `"`, `\"`),
		"CALLEE", l.ip(3)+":5060").Replace(string(cfg))), l.ip(9))
	s := l.serve(strings.Replace(l.expand(registered), "SECRETFILE", secret, 1))
	s.waitLog("msg=registration", "trunk=itsp", "state=registered")
	if text := s.cli(0, "trunks"); !strings.Contains(text, "until ") {
		t.Errorf("directsip trunks:\n%s", text)
	}
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060"})
	world := agents.Agent(siptest.Config{Name: "world", Listen: l.ip(3) + ":5060"})
	for i := range 3 {
		out := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
		agents.Wait(out, siptest.Answered)
		in := agents.Incoming(world, i+1)
		agents.Wait(in, siptest.Acked)
		out.Hangup() // the BYE is asked for the password too
		agents.Wait(in, siptest.Ended)
		agents.Wait(out, siptest.Ended)
	}
	// A call from outside: Kamailio sends it to the contact, and who is called stands in To.
	in := agents.Dial(world, l.ip(9)+":5060", "sip:+493012345@provider.test", siptest.WithTo("sip:+493099999@provider.test"))
	agents.Wait(in, siptest.Answered)
	called := agents.Incoming(pbx, 1)
	agents.Wait(called, siptest.Acked)
	if uri := called.Invite().URI; !strings.Contains(uri, "+493099999") {
		t.Errorf("the PBX was called as %s", uri)
	}
	in.Hangup() // by way of Kamailio, which has put itself on it: from elsewhere nothing is taken
	agents.Wait(called, siptest.Ended)
	agents.Wait(in, siptest.Ended)
	s.want = 4
	for _, r := range s.records(4) {
		if r.Reason != "normal-clearing" || r.Status != 200 {
			t.Errorf("record: %s %d %s", r.Reason, r.Status, r.Detail)
		}
	}
	if strings.Contains(strings.Join(s.log, "\n"), "hunter2") {
		t.Error("the password is in the log")
	}
}

// NEW-02: SIPp, which knows MD5 alone, checks the answer to its challenge.
func TestSIPpChecksCredentials(t *testing.T) {
	l := newLab(t)
	s := l.serve(replaceOnce(t, l.document("UDP"), "host: "+l.ip(3)+", root: {", "host: "+l.ip(3)+", root: {credentials: {user: directsip, password: hunter2}, "))
	callee := l.sipp(peer{scenario: "uas-auth", n: 3})
	caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070})
	together(caller, callee)
	s.want++
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}
