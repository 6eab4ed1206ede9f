package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// sipp is one SIPp that plays one scenario of testdata/sipp.
type sipp struct {
	t        *testing.T
	scenario string
	cmd      *exec.Cmd
	exited   chan struct{}
	messages string // file of its messages
	errors   string
	out      bytes.Buffer
}

// peer says who SIPp is and what it does.
type peer struct {
	scenario string
	n        int    // address in the lab
	ip       string // instead of n
	port     int    // default 5060
	tcp      bool
	status   string // STATUS of the scenario, "486 Busy Here"
	expect   string // EXPECT of the scenario; default: anything
	talk     int    // TALK of the scenario, ms; default 50
	calls    int    // default 1
	rate     int    // calls per second; default 10
	number   string // called by a caller; default +14255550100
	to       string // host:port that a caller calls; default the server's port 5060
	args     []string
	prefix   []string // runs it in a network namespace
}

var sipps atomic.Int32

// sipp starts SIPp. A callee has its socket open when this returns.
func (l *lab) sipp(p peer) *sipp {
	l.t.Helper()
	path := need(l.t, "sipp", "sip-tester")
	n := sipps.Add(1)
	if p.ip == "" {
		p.ip = l.ip(p.n)
	}
	setDefault(&p.port, 5060)
	setDefault(&p.talk, 50)
	setDefault(&p.calls, 1)
	setDefault(&p.rate, 10)
	if p.expect == "" {
		p.expect = "SIP"
	}
	base := fmt.Sprintf("%s-%d", p.scenario, n)
	s := &sipp{t: l.t, scenario: p.scenario, exited: make(chan struct{}), messages: filepath.Join(l.dir, base+".msg"), errors: filepath.Join(l.dir, base+".err")}
	xml, err := os.ReadFile(filepath.Join("testdata", "sipp", p.scenario+".xml"))
	if err != nil {
		l.t.Fatal(err)
	}
	status := p.status
	if strings.HasPrefix(p.scenario, "uac") {
		status, _, _ = strings.Cut(status, " ")
	}
	sf := l.file(base+".xml", strings.NewReplacer("@STATUS@", status, "@EXPECT@", p.expect, "@TALK@", strconv.Itoa(p.talk)).Replace(string(xml)))
	transport := "u1"
	if p.tcp {
		transport = "t1"
	}
	args := append(p.prefix[:len(p.prefix):len(p.prefix)], path, "-sf", sf, "-i", p.ip, "-p", strconv.Itoa(p.port), "-t", transport, "-mi", p.ip, "-m", strconv.Itoa(p.calls),
		"-nostdin", "-trace_msg", "-message_file", s.messages, "-trace_err", "-error_file", s.errors,
		"-timeout", "40s", "-timeout_error", "-bind_local")
	caller := strings.HasPrefix(p.scenario, "uac")
	if caller {
		if p.number == "" {
			p.number = "+14255550100"
		}
		if p.to == "" {
			p.to = l.ip(1) + ":5060"
		}
		args = append(args, "-s", p.number, "-r", strconv.Itoa(p.rate), "-recv_timeout", "25000")
		args = append(append(args, p.args...), p.to)
	} else {
		args = append(args, p.args...)
	}
	s.cmd = child(args...)
	s.cmd.Env = append(os.Environ(), "TERM=dumb")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	go func() { s.cmd.Wait(); close(s.exited) }()
	l.t.Cleanup(s.kill)
	if !caller && p.prefix == nil {
		until(l.t, "SIPp "+p.scenario+" listens", func() bool { return bound(p.ip, p.port, p.tcp) || s.over() })
	}
	return s
}

func setDefault(v *int, def int) {
	if *v == 0 {
		*v = def
	}
}

func (s *sipp) over() bool { return over(s.exited) }

// kill makes the peer vanish.
func (s *sipp) kill() {
	if !s.over() {
		s.cmd.Process.Kill()
		<-s.exited
	}
}

// wait expects that every call of SIPp went as its scenario says.
func (s *sipp) wait() {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(45 * time.Second):
		s.kill()
		s.t.Errorf("SIPp %s does not end", s.scenario)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		errs, _ := os.ReadFile(s.errors)
		msgs, _ := os.ReadFile(s.messages)
		s.t.Fatalf("SIPp %s: exit status %d\n%s\nmessages:\n%s\n%s", s.scenario, code, clip(errs), clip(msgs), clip(s.out.Bytes()))
	}
}

func clip(b []byte) []byte {
	if len(b) > 12000 {
		return b[:12000]
	}
	return b
}

// count is how many messages SIPp has received that match.
func (s *sipp) count(pattern string) int {
	s.t.Helper()
	b, err := os.ReadFile(s.messages)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	n := 0
	for _, part := range strings.Split(string(b), "-----------------------------------------------") {
		if strings.Contains(part, "message received") && re.MatchString(part) {
			n++
		}
	}
	return n
}

// together waits for several.
func together(list ...*sipp) {
	for _, s := range list {
		s.t.Helper()
		s.wait()
	}
}
