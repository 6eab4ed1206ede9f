package e2e

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/siptest"
)

// netsip is a provider played by Perl's Net::SIP.
type netsip struct {
	t     *testing.T
	lines chan string
	do    io.Writer
}

func (l *lab) netsip(ip, user, password, contact string) *netsip {
	l.t.Helper()
	perl := need(l.t, "perl", "perl")
	if child(perl, "-MNet::SIP", "-e", "1").Run() != nil {
		lack.Of(l.t, "Net::SIP", " is not installed: it is in Debian's package libnet-sip-perl")
	}
	cmd := child(perl, "testdata/netsip/provider.pl", ip, user, password, contact)
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	var faults strings.Builder
	cmd.Stderr = &faults
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	p := &netsip{l.t, make(chan string, 1000), in}
	exited := make(chan struct{})
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
		close(p.lines)
		cmd.Wait()
		close(exited)
	}()
	l.t.Cleanup(func() {
		in.Close() // it ends with its input
		select {
		case <-exited:
		case <-time.After(timeout):
			cmd.Process.Kill()
			<-exited
		}
		if faults.Len() > 0 {
			l.t.Logf("Net::SIP:\n%s", faults.String())
		}
	})
	p.wait("listens")
	return p
}

// wait passes over what the provider says until it says this.
func (p *netsip) wait(line string) {
	p.t.Helper()
	var said []string
	deadline := time.After(timeout)
	for {
		select {
		case s, ok := <-p.lines:
			if s == line {
				return
			}
			if said = append(said, s); !ok {
				p.t.Fatalf("Net::SIP has ended and not said %q but %q", line, said)
			}
		case <-deadline:
			p.t.Fatalf("Net::SIP does not say %q but %q", line, said)
		}
	}
}

func (p *netsip) says(command, answer string) {
	p.t.Helper()
	io.WriteString(p.do, command+"\n")
	p.wait(answer)
}

// NEW-02: registered with Net::SIP, which grants seconds, we are asked for a password when we call, are called at our contact, refresh in time and say good-bye.
func TestRegistersWithNetSIP(t *testing.T) {
	l := newLab(t)
	const password = "hunter2"
	provider := l.netsip(l.ip(9), "directsip", password, "+493012345")
	doc := strings.Replace(l.expand(registered), "SECRETFILE", l.file("secret", password+"\n"), 1)
	s := l.serve(doc + "  global: {rtcpActiveCalls: false}\n")
	s.waitLog("msg=registration", "trunk=itsp", "state=registered")
	provider.wait("registers 60")

	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060"})
	out := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	agents.Wait(out, siptest.Acked)
	provider.wait("established")
	out.Hangup()
	agents.Wait(out, siptest.Ended)
	provider.wait("ended")

	provider.says("call", "call OK")
	in := agents.Incoming(pbx, 1)
	agents.Wait(in, siptest.Acked)
	provider.says("reinvite", "reinvite OK")
	provider.says("bye", "gone")
	agents.Wait(in, siptest.Ended)

	provider.wait("registers 60")
	s.want = 2
	for _, r := range s.records(2) {
		if r.Reason != "normal-clearing" || r.Status != 200 {
			t.Errorf("record: %s %d %s", r.Reason, r.Status, r.Detail)
		}
	}
	s.stop()
	provider.wait("registers 0")
}
