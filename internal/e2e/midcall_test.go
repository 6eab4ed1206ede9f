package e2e

import "testing"

// pair runs one call of two scenarios.
func pair(t *testing.T, l *lab, s *server, tcp bool, caller, callee string) {
	t.Helper()
	b := l.sipp(peer{scenario: callee, n: 3, tcp: tcp})
	a := l.sipp(peer{scenario: caller, n: 2, port: 5070, tcp: tcp})
	together(a, b)
}

// SIG-12: hold and resume from either side; the direction is mirrored.
func TestHoldAndResumeFromEitherSide(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		pair(t, l, s, tcp, "uac-hold", "uas-held")
		checkRecord(t, s.record(), "normal-clearing", 200, "caller")
		pair(t, l, s, tcp, "uac-held", "uas-hold")
		checkRecord(t, s.records(2)[1], "normal-clearing", 200, "callee")
	})
}

// UPDATE with an offer and INFO with DTMF go to the other side and their results come back (RFC 3311, RFC 6086).
func TestUpdateAndInfoAreRelayed(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		pair(t, l, s, tcp, "uac-update-info", "uas-update-info")
		checkRecord(t, s.record(), "normal-clearing", 200, "caller")
	})
}

// A gateway that sends every response twice: each 200 gets the ACK again (RFC 3261 §13.2.2.4), and there is one call.
func TestGatewayThatAnswersTwice(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	gw := l.udp(3, 5060)
	caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, talk: 500})
	invite := gw.expect("INVITE ")
	for _, code := range []int{180, 180} {
		gw.send(gw.reply(invite, code, ""))
	}
	answer := gw.reply(invite, 200, audio(gw.ip, 6000))
	gw.send(answer)
	gw.send(answer)
	first := gw.expect("ACK ")
	if second := gw.expect("ACK "); second != first {
		t.Errorf("the second ACK is another:\n%s\n%s", first, second)
	}
	bye := gw.expect("BYE ")
	gw.send(gw.reply(bye, 200, ""))
	gw.send(gw.reply(bye, 200, ""))
	caller.wait()
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}

// A second 200 of a fork gets an ACK and a BYE of its own (RFC 3261 §13.2.2.4); the call goes on.
func TestSecondAnswerOfAForkIsEnded(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	callee := l.sipp(peer{scenario: "uas-forked", n: 3})
	caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, talk: 1500})
	together(caller, callee)
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}

// An answer that crosses the CANCEL gets ACK and BYE (RFC 3261 §9.1), while the caller has its 487.
func TestAnswerAfterCancelIsEnded(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	pair(t, l, s, false, "uac-cancel", "uas-late-answer")
	checkRecord(t, s.record(), "caller-cancelled", 487, "caller")
}
