package ua_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestWhoIsSlowToBeJoinedGoesBack: who says 100 for a minute to the re-INVITE of an attended transfer, and 487 to its CANCEL, goes on talking in the call that it has. Who says nothing to
// that either is hung up.
func TestWhoIsSlowToBeJoinedGoesBack(t *testing.T) {
	for _, ends := range []bool{true, false} {
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {acceptRefer: true, enable3pccRefer: true, `, 1))
		a, b := r.acknowledged()
		x, y := r.acknowledged()
		a.joins(x, "198.51.100.1")
		asked := r.first("INVITE")
		if header(asked, "Call-ID") != b.callID {
			t.Fatalf("asked is\n%s", asked)
		}
		b.answers("100 Trying", asked, "")
		r.pass(61 * time.Second)
		cancel := r.first("CANCEL")
		if cancel == nil || r.first("BYE") != nil {
			t.Fatalf("after a minute:\n%s", r.lines())
		}
		if ends {
			b.answers("200 OK", cancel, "")
			b.answers("487 Request Terminated", asked, "")
		} else {
			r.pass(5 * time.Second)
		}
		back := append(r.out.Returns[:0:0], r.out.Returns...)
		if len(back) != 1 || back[0].Back() != ends || (r.first("BYE") == nil) != ends {
			t.Fatalf("ends %v: %d legs come back\n%s", ends, len(back), r.lines())
		}
		r.out.Reset()
		r.core.Returned(r.now, back[0], &r.out)
		r.relays()
		if ends {
			b.says("INVITE", directed(1, "sendonly"))
			if m := r.first("INVITE"); m == nil || header(m, "Call-ID") != a.callID {
				t.Errorf("who has come back is not in its call:\n%s", r.lines())
			}
		}
		y.says("INVITE", directed(1, "sendonly"))
		if m := r.first("INVITE"); m == nil || header(m, "Call-ID") != x.callID {
			t.Errorf("ends %v: the other call:\n%s", ends, r.lines())
		}
	}
}

// TestUnansweredInfoKeepsNobodyFromBeingJoined: an attended transfer goes on where an INFO, of who asks for it or of who stays, is not answered: who waits for that is told
// so after two seconds, and not after the 32 of its transaction (RFC 3261 §17.1.2.2, Timer F).
func TestUnansweredInfoKeepsNobodyFromBeingJoined(t *testing.T) {
	for name, fromReferrer := range map[string]bool{"of who refers": true, "of who stays": false} {
		t.Run(name, func(t *testing.T) {
			r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {acceptRefer: true, `, 1))
			a, b := r.acknowledged()
			x, y := r.acknowledged()
			b.says("UPDATE", "") // it takes INFO, by its Allow
			sends := b
			if fromReferrer {
				sends = a
			}
			sends.says("INFO", "")
			info := r.first("INFO")
			if info == nil {
				t.Fatal("nothing is handed over")
			}
			a.says("REFER", "", "Refer-To: <sip:x@198.51.100.1?Replaces="+x.callID+"%3Bto-tag%3D"+tagOf(x.to)+"%3Bfrom-tag%3D"+tagOf(x.from)+">", "Refer-Sub: false")
			r.pass(time.Second)
			if len(r.out.Passages) != 0 {
				t.Fatal("who stays has gone in the middle of a request")
			}
			r.pass(1500 * time.Millisecond)
			denied := r.first("SIP/2.0")
			if len(r.out.Passages) != 1 || header(denied, "CSeq") != strconv.Itoa(sends.seq-map[bool]int{true: 1}[fromReferrer])+" INFO" || header(denied, "Retry-After") == "" {
				t.Fatalf("%d legs leave; who waits for the answer is told\n%s", len(r.out.Passages), denied)
			}
			p := r.out.Passages[0]
			r.out.Reset()
			r.core.Seat(r.now, p, &r.out)
			b.answers("200 OK", r.first("INVITE"), bodies[1])
			y.answers("200 OK", r.first("INVITE"), bodies[1])
			r.core.Returned(r.now, r.out.Returns[0], &r.out)
			if fromReferrer { // nor later: it is asked whether it is there
				r.pass(30 * time.Second)
				b.answers("200 OK", r.first("INVITE"), bodies[1])
			} else {
				a.answers("200 OK", info, "")
			}
			b.says("BYE", "")
			if m := r.first("BYE"); m == nil || header(m, "Call-ID") != y.callID {
				t.Errorf("the two are not joined:\n%s", r.lines())
			}
		})
	}
}

// TestSlowToBeJoinedWhileOthersWantAChange: who talks already may hold the call a few seconds later, by asking again after 491, though somebody takes a minute to be joined.
func TestSlowToBeJoinedWhileOthersWantAChange(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {acceptRefer: true, `, 1))
	a, b := r.acknowledged()
	x, y := r.acknowledged()
	a.joins(x, "198.51.100.1")
	asked := r.first("INVITE")
	b.answers("100 Trying", asked, "")
	r.pass(3 * time.Second)
	y.says("INVITE", heldB)
	r.sent("SIP/2.0 491")
	r.pass(8 * time.Second)
	b.answers("200 OK", r.first("CANCEL"), "")
	b.answers("487 Request Terminated", asked, "")
	if len(r.out.Returns) != 1 || !r.out.Returns[0].Back() {
		t.Fatalf("who is slow does not go back to its call:\n%s", r.lines())
	}
	y.says("INVITE", heldB)
	if m := r.first("INVITE"); m == nil || header(m, "Call-ID") != x.callID {
		t.Errorf("the hold does not go on:\n%s", r.lines())
	}
}

// TestReplacedIsSlowToAnswerAChange: who takes a seat has it after seconds, though the one before it is asked for a change by who stays and takes a minute over that.
func TestReplacedIsSlowToAnswerAChange(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	callee.says("INVITE", heldB)
	asked := r.first("INVITE")
	caller.answers("100 Trying", asked, "")
	r.out.Reset()
	r.in(r.uc, with(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), "Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1"))
	r.sent()
	r.pass(time.Second)
	if r.first("CANCEL") != nil {
		t.Fatalf("too early:\n%s", r.lines())
	}
	r.pass(1500 * time.Millisecond)
	denied := r.first("SIP/2.0 491")
	if header(denied, "Call-ID") != callee.callID {
		t.Fatalf("who stays waits:\n%s", r.lines())
	}
	callee.ack(callee.seq)
	caller.answers("487 Request Terminated", asked, "")
	r.pass(500 * time.Millisecond)
	callee.answers("200 OK", r.first("INVITE"), heldB)
	if m := r.first("SIP/2.0 200"); m == nil || header(m, "Call-ID") != "other" {
		t.Errorf("who comes has no seat:\n%s", r.lines())
	}
}

// TestReplacedWaitsForAnAnswer: … but what it has offered is waited for, as its offer has an answer whatever becomes of who is to give it.
func TestReplacedWaitsForAnAnswer(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	callee.says("INVITE", "")
	caller.answers("200 OK", r.first("INVITE"), directed(0, "sendrecv"))
	r.out.Reset()
	r.in(r.uc, with(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), "Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1"))
	r.pass(3 * time.Second)
	callee.says("BYE", "")
	if m := r.first("ACK"); m == nil || header(m, "Call-ID") != caller.callID || !strings.Contains(string(m), "m=audio") {
		t.Errorf("no answer:\n%s", r.lines())
	}
}
