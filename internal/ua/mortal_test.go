package ua_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Messages that cross the end of a call, at each of its ends (RFC 5407 §3.1.2, §3.1.3, §3.2 and §3.3).
func TestRFC5407_3_2MessagesThatCrossTheEnd(t *testing.T) {
	const refer = "Refer-To: <sip:+14255550101@192.0.2.10>"
	hold := func(e *end) string {
		if e.src.Remote == e.r.uc.Remote {
			return held
		}
		return heldB
	}
	for name, hangsUp := range map[string]func(caller, callee *end) (who, other *end){
		"caller": func(caller, callee *end) (*end, *end) { return caller, callee },
		"callee": func(caller, callee *end) (*end, *end) { return callee, caller },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			who, other := hangsUp(r.acknowledged())
			who.says("BYE", "")
			r.sent("SIP/2.0 200", "BYE")
			ours := r.last()
			other.says("INVITE", hold(other)) // §3.2.2
			r.sent("SIP/2.0 481")
			other.ack(other.seq)
			other.says("REFER", "", refer) // §3.2.3
			r.sent("SIP/2.0 481")
			other.says("UPDATE", hold(other))
			r.sent("SIP/2.0 481")
			other.says("BYE", "") // §3.2.1
			r.sent("SIP/2.0 200")
			other.answers("481 Call/Transaction Does Not Exist", ours, "")
			r.sent()
			who.says("INVITE", hold(who))
			r.sent("SIP/2.0 481")
			if len(r.out.Records) > 0 || r.core.Live() != 0 {
				t.Errorf("%d calls live", r.core.Live())
			}
		})
		t.Run(name+" in the middle of a change", func(t *testing.T) { // §3.2.4
			r := newRig(t)
			who, other := hangsUp(r.acknowledged())
			who.says("INVITE", hold(who))
			r.sent("INVITE")
			ours := r.last()
			who.says("BYE", "")
			r.sent("SIP/2.0 200", "SIP/2.0 487", "BYE")
			bye := r.last()
			other.answers("200 OK", ours, strings.Replace(hold(other), "sendonly", "recvonly", 1))
			r.sent("ACK")
			other.answers("200 OK", ours, strings.Replace(hold(other), "sendonly", "recvonly", 1))
			r.sent("ACK")
			other.answers("200 OK", bye, "")
			r.pass(2 * time.Minute)
			if r.core.Held() != 0 {
				t.Errorf("%d calls are in memory", r.core.Held())
			}
		})
		t.Run(name+" before its change is through", func(t *testing.T) {
			r := newRig(t)
			who, other := hangsUp(r.acknowledged())
			other.says("INVITE", hold(other))
			ours := r.last()
			who.says("BYE", "")
			r.sent("SIP/2.0 200", "SIP/2.0 487", "BYE")
			who.answers("481 Call/Transaction Does Not Exist", ours, "")
			r.sent("ACK")
		})
	}
}

// RFC 5407 §3.1.2: the CANCEL of the caller crosses our 200, and changes nothing. §3.1.3: so does its BYE in the early dialog, which ends the call.
func TestRFC5407_3_1_2CrossesOur200(t *testing.T) {
	r := newRig(t)
	invite := request("INVITE", "1", "i1", "call", "from", "", bodies[0])
	r.out.Reset()
	r.in(r.uc, invite)
	ours := r.last()
	r.out.Reset()
	r.in(r.pstn, response("200 OK", ours, "to", bodies[1]))
	ok := r.last()
	caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	caller.cancel(invite)
	r.sent("SIP/2.0 200")
	if r.core.Live() != 1 {
		t.Fatal("the call has ended")
	}
	caller.says("BYE", "")
	r.sent("SIP/2.0 200", "BYE")
	r.pass(600 * time.Millisecond)
	if got := r.lines(); !strings.Contains(got, "uc: SIP/2.0 200 OK [1 INVITE]") {
		t.Errorf("the 200 is not repeated until its ACK:\n%s", got)
	}
	caller.ack(1)
	r.pass(2 * time.Second)
	if got := r.lines(); strings.Contains(got, "uc: ") {
		t.Errorf("after the ACK:\n%s", got)
	}
}

// RFC 3261 §13.2.2.4: two telephones answer, and the network loses our ACKs: each 200 that comes again gets its own, also when the call is over.
func TestRFC3261_13_2_2_4ForksAndLostACKs(t *testing.T) {
	r := newRig(t)
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	ours := r.last()
	first, second := response("200 OK", ours, "one", bodies[1]), response("200 OK", ours, "two", bodies[1])
	hear := func(m []byte, lines ...string) {
		t.Helper()
		r.out.Reset()
		r.in(r.pstn, m)
		r.sent(lines...)
		if got, want := tagOf(header(r.out.Sends[0].Data, "To")), tagOf(header(m, "To")); got != want {
			t.Errorf("the ACK is for %s, want %s", got, want)
		}
	}
	hear(first, "ACK", "SIP/2.0 200")
	caller := &end{r: r, src: r.uc, callID: "call", from: header(r.last(), "From"), to: header(r.last(), "To"), seq: 1}
	hear(second, "ACK", "BYE")
	bye := r.last()
	caller.ack(1)
	hear(first, "ACK")
	hear(second, "ACK")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", bye, "", ""))
	caller.says("BYE", "")
	r.sent("SIP/2.0 200", "BYE")
	r.in(r.pstn, response("200 OK", r.last(), "", ""))
	r.pass(10 * time.Second)
	hear(second, "ACK")
	hear(first, "ACK")
	hear(response("200 OK", ours, "three", bodies[1]), "ACK", "BYE")
}

// RFC 3891 §3: the dialog that is to be replaced has just ended: 603. One that is not known gets 481.
func TestRFC3891_3ReplacesOfADialogThatEnds(t *testing.T) {
	r := newRig(t)
	caller, _ := r.acknowledged()
	replaces := "Replaces: call-1;to-tag=" + tagOf(caller.to) + ";from-tag=from1\r\nMax-Forwards"
	caller.says("BYE", "")
	ask := func(id string) {
		r.out.Reset()
		r.in(r.uc, bytes.Replace(request("INVITE", "1", id, id, "from", "", bodies[0]), []byte("Max-Forwards"), []byte(replaces), 1))
	}
	ask("guest")
	r.sent("SIP/2.0 603")
	replaces = strings.Replace(replaces, "call-1", "call-9", 1)
	ask("other")
	r.sent("SIP/2.0 481")
}

// RFC 3261 §12.2.2, §8.1.1.5: the order of requests is that of their CSeq, gaps are none of our business, and 2**31-1 is the last one.
func TestRFC3261_12_2_2OrderOfRequests(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	for _, e := range []*end{caller, callee} {
		for _, s := range []struct {
			seq  int
			want string
		}{{200, "SIP/2.0 200"}, {150, "SIP/2.0 500"}, {199, "SIP/2.0 500"}, {1<<31 - 1, "SIP/2.0 200"}, {201, "SIP/2.0 500"}} {
			e.seq = s.seq - 1
			e.says("OPTIONS", "")
			r.sent(s.want)
		}
	}
}
