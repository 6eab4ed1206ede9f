package e2e

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/siptest"
)

// asking is the document whose gateway at NET.2 must give a password when it calls.
func (l *lab) asking(set string) string {
	return replaceOnce(l.t, l.document("UDP"), "host: "+l.ip(2)+", root: {", "host: "+l.ip(2)+", root: {authenticate: {user: pbx, password: hunter2, "+set+"}, ")
}

// NEW-02: SIPp, which knows MD5 alone, answers our challenge and is let in.
func TestSIPpCallsWithPassword(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.asking("algorithms: [MD5]"))
	callee := l.sipp(peer{scenario: "uas-call", n: 3, calls: 3})
	caller := l.sipp(peer{scenario: "uac-auth", n: 2, port: 5070, calls: 3,
		args: []string{"-au", "pbx", "-ap", "hunter2", "-auth_uri", "+14255550100@" + l.ip(1) + ":5060"}})
	together(caller, callee)
	s.want += 3
	for _, r := range s.records(3) {
		if r.Reason != "normal-clearing" || r.Status != 200 {
			t.Errorf("record: %s %d %s", r.Reason, r.Status, r.Detail)
		}
	}
	if n := s.metric("directsip_sip_events_total{", `event="authenticated"`); n != 3 {
		t.Errorf("%v calls have proved their peer", n)
	}
}

// NEW-02, RFC 3261 §22: without the password nothing is kept and no call leaves; who guesses is locked out; nothing shows the password.
func TestWrongPasswordGetsNoCall(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.asking("realm: pool.test"))
	agents := siptest.T(t)
	gw := agents.Agent(siptest.Config{Name: "gw", Listen: l.ip(3) + ":5060"})
	pbx := func(name, password, port string) *siptest.Agent {
		return agents.Agent(siptest.Config{Name: "pbx" + port, Listen: l.ip(2) + ":" + port, User: name, Password: password})
	}
	number, server := "sip:+14255550100@"+l.ip(1), l.ip(1)+":5060"
	right := agents.Dial(pbx("pbx", "hunter2", "5061"), server, number)
	agents.Wait(right, siptest.Answered)
	in := agents.Incoming(gw, 1)
	agents.Wait(in, siptest.Acked)

	none := agents.Dial(pbx("", "", "5062"), server, number)
	agents.Wait(none, siptest.Failed)
	if none.Status() != 401 {
		t.Errorf("without a password: %d", none.Status())
	}
	guesser := pbx("pbx", "hunter3", "5063")
	for i := range 12 {
		c := agents.Dial(guesser, server, number)
		agents.Wait(c, siptest.Failed)
		if want := 401 + 2*(i/10); c.Status() != want {
			t.Errorf("guess %d: %d, want %d", i+1, c.Status(), want)
		}
		if i == 0 { // no record tells of it
			s.waitLog("a call with a wrong password is challenged again", "from="+l.ip(2))
		}
	}
	s.waitLog("too many wrong passwords", "from="+l.ip(2))
	right.Hangup() // calls that run go on
	agents.Wait(in, siptest.Ended)
	agents.Wait(right, siptest.Ended)
	s.want++
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
	for event, want := range map[string]float64{"authenticated": 1, "wrong-password": 10, "password-guessed": 2, "call": 1} {
		if n := s.metric("directsip_sip_events_total{", `event="`+event+`"`); n != want {
			t.Errorf("%s: %v, want %v", event, n, want)
		}
	}
	if strings.Contains(strings.Join(s.log, "\n"), "hunter") {
		t.Error("a password is in the log")
	}
}
