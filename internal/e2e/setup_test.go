package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A caller that gives up: the callee is cancelled, the caller gets 487 (RFC 3261 §9).
func TestCancelEndsTheRingingLeg(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		callee := l.sipp(peer{scenario: "uas-ring", n: 3, tcp: tcp})
		caller := l.sipp(peer{scenario: "uac-cancel", n: 2, port: 5070, tcp: tcp})
		together(caller, callee)
		checkRecord(t, s.record(), "caller-cancelled", 487, "caller")
	})
}

// RTE-20: the called party's verdict goes to the caller and no other trunk is tried.
func TestVerdictOfTheCalleeIsFinal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ status, code, reason string }{
		{"486 Busy Here", "486", "busy"}, {"603 Decline", "603", "declined"}, {"404 Not Found", "404", "not-found"},
	} {
		t.Run(c.code, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(l.document("UDP"))
			gw1 := l.sipp(peer{scenario: "uas-refuse", n: 3, status: c.status})
			gw2 := l.sipp(peer{scenario: "uas-call", n: 4})
			caller := l.sipp(peer{scenario: "uac-refused", n: 2, port: 5070, status: c.code, expect: "Reason: Q.850;cause="})
			together(caller, gw1)
			r := s.record()
			if r.Reason != c.reason || len(r.Attempts) != 1 {
				t.Errorf("reason %s after %d attempts, want %s after 1", r.Reason, len(r.Attempts), c.reason)
			}
			if n := gw2.count("(?m)^INVITE "); n != 0 {
				t.Errorf("the second gateway got %d INVITEs", n)
			}
		})
	}
}

// RTE-16, RTE-17: what is the fault of a gateway makes the next trunk carry the call.
func TestFaultOfAGatewayLeadsToTheNextTrunk(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		gw1 := l.sipp(peer{scenario: "uas-refuse", n: 3, tcp: tcp, status: "503 Service Unavailable"})
		gw2 := l.sipp(peer{scenario: "uas-call", n: 4, tcp: tcp})
		caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, tcp: tcp})
		together(caller, gw1, gw2)
		r := s.record()
		checkRecord(t, r, "normal-clearing", 200, "caller")
		if len(r.Attempts) != 2 || r.Attempts[0].Trunk != "gw1" || r.Attempts[0].Status != 503 || r.Attempts[1].Trunk != "gw2" || r.Out.Trunk != "gw2" {
			t.Errorf("attempts: %+v", r.Attempts)
		}
	})
}

// A gateway that refuses the connection: the attempt fails at once, not after a timer.
func TestClosedPortLeadsToTheNextTrunk(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("TCP", "noResponseTimeout: 9s"))
	gw2 := l.sipp(peer{scenario: "uas-call", n: 4, tcp: true})
	caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, tcp: true})
	together(caller, gw2)
	r := s.record()
	if len(r.Attempts) != 2 || r.Attempts[0].Reason != "transport-failed" || r.Attempts[0].Took > 2*time.Second {
		t.Errorf("attempts: %+v", r.Attempts)
	}
}

// NEW-08, TRK-17: a gateway that says nothing is left after noResponseTimeout.
func TestSilentGatewayIsLeftAfterNoResponseTimeout(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport, "noResponseTimeout: 1s"))
		gw1 := l.sipp(peer{scenario: "uas-silent", n: 3, tcp: tcp, talk: 2500})
		gw2 := l.sipp(peer{scenario: "uas-call", n: 4, tcp: tcp})
		caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, tcp: tcp})
		together(caller, gw2)
		r := s.record()
		if len(r.Attempts) != 2 || r.Attempts[0].Reason != "no-response" || r.Attempts[0].Took < time.Second || r.Attempts[0].Took > 3*time.Second {
			t.Errorf("attempts: %+v", r.Attempts)
		}
		gw1.wait()
		if gw1.count("(?m)^INVITE ") == 0 {
			t.Error("the first gateway got no INVITE")
		}
		if gw1.count("(?m)^CANCEL ") != 0 {
			t.Error("a CANCEL went to a gateway that had not answered (RFC 3261 §9.1)")
		}
	})
}

// TRK-17: a gateway that took the call and shows no progress is left after noProgressTimeout, with a CANCEL.
func TestGatewayWithoutProgressIsCancelled(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "noResponseTimeout: 1s", "noProgressTimeout: 1500ms"))
	gw1 := l.sipp(peer{scenario: "uas-trying", n: 3})
	gw2 := l.sipp(peer{scenario: "uas-call", n: 4})
	caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070})
	together(caller, gw1, gw2)
	if r := s.record(); len(r.Attempts) != 2 || r.Attempts[0].Reason != "no-progress" {
		t.Errorf("attempts: %+v", r.Attempts)
	}
}

// Every target fails: the caller gets one refusal that says why, after one attempt for each trunk.
func TestAllGatewaysFail(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	gw1 := l.sipp(peer{scenario: "uas-refuse", n: 3, status: "500 Server Internal Error"})
	gw2 := l.sipp(peer{scenario: "uas-refuse", n: 4, status: "503 Service Unavailable"})
	caller := l.sipp(peer{scenario: "uac-refused", n: 2, port: 5070, status: "503", expect: "Reason: Q.850;cause="})
	together(caller, gw1, gw2)
	if r := s.record(); len(r.Attempts) != 2 || r.EndedBy == "caller" {
		t.Errorf("ended by %s after %d attempts", r.EndedBy, len(r.Attempts))
	}
}

// A number that no route carries is refused by us, with a record.
func TestUnroutableNumberIsRefused(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	l.sipp(peer{scenario: "uac-refused", n: 2, port: 5070, status: "404", number: "+33155550100", expect: "no-route"}).wait()
	checkRecord(t, s.record(), "no-route", 404, "directsip")
}

// SIG-06: early media reaches the caller as 183 with SDP, before the answer.
func TestEarlyMediaReachesTheCaller(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		callee := l.sipp(peer{scenario: "uas-early", n: 3, tcp: tcp})
		caller := l.sipp(peer{scenario: "uac-early", n: 2, port: 5070, tcp: tcp})
		together(caller, callee)
		r := s.record()
		if !r.Ringing.Before(r.Answered) {
			t.Errorf("ringing %v, answered %v", r.Ringing, r.Answered)
		}
	})
}

// An INVITE without SDP: the callee's offer and the caller's answer pass in 200 and ACK (RFC 3261 §13.2.1).
func TestOfferlessInvite(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		callee := l.sipp(peer{scenario: "uas-offerless", n: 3, tcp: tcp})
		caller := l.sipp(peer{scenario: "uac-offerless", n: 2, port: 5070, tcp: tcp})
		together(caller, callee)
		checkRecord(t, s.record(), "normal-clearing", 200, "caller")
	})
}

// RFC 3261 §18.1.1: a request of more than 1300 bytes does not leave over UDP.
func TestLargeInviteLeavesOverTCP(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	callee := l.sipp(peer{scenario: "uas-call", n: 3, tcp: true})
	caller := l.sipp(peer{scenario: "uac-large", n: 2, port: 5070})
	together(caller, callee)
	if r := s.record(); r.Out == nil || r.Out.Transport != "TCP" || r.Attempts[0].Trunk != "gw1" {
		t.Errorf("the callee's leg: %+v", r.Out)
	}
}

// RFC 3261 §18.1.1: a peer that does not listen on TCP gets the large request over UDP after all.
func TestLargeInviteFallsBackToUDP(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	callee := l.sipp(peer{scenario: "uas-call", n: 3})
	caller := l.sipp(peer{scenario: "uac-large", n: 2, port: 5070})
	together(caller, callee)
	if r := s.record(); len(r.Attempts) != 1 || r.Attempts[0].Trunk != "gw1" {
		t.Errorf("attempts: %+v", r.Attempts)
	}
}

// RFC 3261 §8.1.3.5: a caller that is refused may try again at once with the same Call-ID and a higher CSeq, as after 422, 488 or 503.
func TestCallerTriesAgainWithTheSameCallID(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	gw := l.udp(3, 5060)
	a := l.udp(2, 5070)
	target := "sip:+14255550100@" + l.ip(1)
	attempt := func(cseq int) string {
		return a.request("INVITE", target, "<"+target+">", "again", cseq, fmt.Sprint("again", cseq), audio(a.ip, 6000))
	}
	a.send(attempt(1))
	gw.send(gw.reply(gw.expect("INVITE "), 486, ""))
	r := a.final("INVITE")
	if status(r) != 486 {
		t.Fatal(r)
	}
	a.send(a.request("ACK", target, header(r, "To"), "again", 1, "again1", ""))
	a.send(attempt(2))
	gw.send(gw.reply(gw.expect("INVITE "), 200, audio(gw.ip, 6000)))
	r = a.final("INVITE")
	if status(r) != 200 {
		t.Fatal(r)
	}
	a.send(a.ack(r))
	gw.expect("ACK sip:hand@")
	a.send(a.request("BYE", uri(header(r, "Contact")), header(r, "To"), "again", 3, "again3", ""))
	a.final("BYE")
	gw.send(gw.reply(gw.expect("BYE "), 200, ""))
	list := s.records(2)
	checkRecord(t, list[0], "busy", 486, "callee")
	checkRecord(t, list[1], "normal-clearing", 200, "caller")
}

// NEW-12, OPS-08: the commands tell of a call while it runs and when it is over.
func TestCommandsShowACall(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	callee := l.sipp(peer{scenario: "uas-call", n: 3})
	caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, talk: 4000})
	s.waitAnswered(1)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"status"}, []string{"med1.test", "calls     1"}},
		{[]string{"calls", "--live"}, []string{"+14255550100", "talking", "gw1"}},
		{[]string{"trunks"}, []string{"gw1", "gw2", "pbx", l.ip(3) + ":5060"}},
	} {
		if out := s.cli(0, c.args...); !containsAll(out, c.want) {
			t.Errorf("directsip %s does not say %q:\n%s", strings.Join(c.args, " "), c.want, out)
		}
	}
	together(caller, callee)
	r := s.record()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"calls"}, []string{r.ID, "+14255550100", "normal-clearing"}},
		{[]string{"calls", "--number", "5550100"}, []string{r.ID}},
		{[]string{"why", r.In.CallID}, []string{r.ID, "decision", "outward", "attempts", "b1", "ladder", "media"}},
		{[]string{"why", r.Out.CallID}, []string{r.ID}},
		{[]string{"ladder", r.ID[:8]}, []string{"INVITE", "180 Ringing", "200 OK (INVITE)", "ACK", "BYE"}},
	} {
		if out := s.cli(0, c.args...); !containsAll(out, c.want) {
			t.Errorf("directsip %s does not say %q:\n%s", strings.Join(c.args, " "), c.want, out)
		}
	}
	s.cli(1, "why", "no-such-call")
}
