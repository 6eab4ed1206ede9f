package ua_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sdp"
)

// TestTargetsRequestsBeforeTheAnswer: a target has early dialogs with us whether or not its provisional responses are reliable, and may send requests in them (RFC 3261 §12.1,
// RFC 3311 §5.1), as PBXs do to say by UPDATE who rings. None is told that there is no such dialog, for which it would end its call (RFC 5057 §5.1).
func TestTargetsRequestsBeforeTheAnswer(t *testing.T) {
	for _, row := range []struct{ method, body, want string }{
		{"UPDATE", "", "SIP/2.0 200"},
		{"UPDATE", bodies[1], "SIP/2.0 491"}, // the offer of our INVITE is not answered yet
		{"OPTIONS", "", "SIP/2.0 200"},
		{"INFO", "", "SIP/2.0 405"},
		{"MESSAGE", "", "SIP/2.0 405"},
		{"REFER", "", "SIP/2.0 491"},
		{"INVITE", bodies[1], "SIP/2.0 491"},
		{"NOTIFY", "", "SIP/2.0 481"}, // of no subscription
	} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("180 Ringing", inv, "to", ""))
		e := &end{r: r, src: r.pstn, callID: header(inv, "Call-ID"), from: header(inv, "To") + ";tag=to", to: header(inv, "From")}
		e.says(row.method, row.body, "Refer-To: <sip:+14255550123@example.com>", "Event: presence")
		r.sent(row.want)
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		r.told("SIP/2.0 200")
		e.says("OPTIONS", "")
		r.sent("SIP/2.0 200")
		r.out.Reset()
		e.to = header(inv, "From") + "x"
		e.says("OPTIONS", "")
		r.sent("SIP/2.0 481")
	}
}

// TestUpdateInABranchThatIsOver: a branch of the target whose 200 came second is hung up, and nothing more is asked of it, though the caller may still speak in its early dialog while the
// answer of the first waits for a PRACK.
func TestUpdateInABranchThatIsOver(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv, _ := r.told("INVITE")
	rings := map[string][]byte{}
	for _, branch := range []string{"one", "two"} {
		r.out.Reset()
		r.in(r.pstn, with(response("183 Session Progress", inv, branch, bodies[1]), "Require: 100rel", "RSeq: 1"))
		for _, s := range r.out.Sends {
			if strings.HasPrefix(string(s.Data), "SIP/2.0 183") {
				rings[branch] = s.Data
			}
		}
		r.in(r.pstn, response("200 OK", r.first("PRACK"), "", ""))
	}
	caller := &end{r: r, src: r.uc, callID: "call", from: header(rings["two"], "From"), to: header(rings["two"], "To"), seq: 1}
	caller.says("PRACK", "", "RAck: "+header(rings["two"], "RSeq")+" 1 INVITE")
	r.sent("SIP/2.0 200")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "one", "")) // the caller has not acknowledged what it was told of that one
	r.in(r.pstn, response("200 OK", inv, "two", ""))
	r.sent("ACK", "ACK", "BYE")
	caller.says("UPDATE", bodies[0]+"a=x\r\n")
	if r.first("UPDATE") != nil {
		t.Errorf("who is hung up is asked\n%s", r.lines())
	}
}

// TestUpdateIsNotAnsweredBeforeTheCall: who has picked up is not kept from the caller for longer than a moment by an UPDATE that the target says nothing to. If it accepts that
// after all it is told that its session is as before.
func TestUpdateIsNotAnsweredBeforeTheCall(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, with(response("183 Session Progress", inv, "to", bodies[1]), "Require: 100rel", "RSeq: 1"))
	ring, _ := r.told("SIP/2.0 183")
	callee := &end{r: r, src: r.pstn, callID: header(inv, "Call-ID")}
	callee.answers("200 OK", r.first("PRACK"), "")
	caller := &end{r: r, src: r.uc, callID: "call", from: header(ring, "From"), to: header(ring, "To"), seq: 1}
	caller.says("PRACK", "", "RAck: "+header(ring, "RSeq")+" 1 INVITE")
	caller.says("UPDATE", held)
	update := r.first("UPDATE")
	if update == nil {
		t.Fatalf("%s", r.lines())
	}
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", ""))
	r.sent("ACK")
	r.pass(4 * time.Second)
	r.told("SIP/2.0 500")
	r.told("SIP/2.0 200")
	caller.ack(1)
	caller.says("INVITE", held) // not while the target may still take the other one
	r.sent("SIP/2.0 491")
	caller.ack(caller.seq)
	callee.answers("200 OK", update, heldAnswer)
	callee.answers("200 OK", r.unholds(&end{callID: callee.callID}, sdp.SendRecv), bodies[1])
	caller.says("INVITE", held)
	r.sent("INVITE")
}

// TestUpdateIsAcceptedTooLate: a target that accepts an UPDATE of the caller's after that has been told that it says nothing, and rings on, is told when it has answered that its session
// is as before: it would go on taking itself to be on hold. So is a caller that accepts one of the target's too late.
func TestUpdateIsAcceptedTooLate(t *testing.T) {
	for _, from := range []int{0, 1} {
		r := newRig(t)
		caller, callee, inv := r.ringing(speech, speech)
		ends, hold := []*end{caller, callee}, speech+"a=sendonly\r\n"
		who, other := ends[from], ends[1-from]
		who.says("UPDATE", described(from, 1, hold))
		update := r.first("UPDATE")
		if update == nil {
			t.Fatalf("%d: %s", from, r.lines())
		}
		r.pass(11 * time.Second)
		if r.first("BYE") != nil || !strings.Contains(r.lines(), "SIP/2.0 50") {
			t.Fatalf("%d: %s", from, r.lines())
		}
		other.answers("200 OK", update, described(1-from, 1, speech+"a=recvonly\r\n"))
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", ""))
		r.told("SIP/2.0 200")
		caller.ack(1)
		if r.pass(time.Second); r.first("INVITE") == nil {
			t.Errorf("of %d: the other one is not told:\n%s", from, r.lines())
			continue
		}
		if inv, said := r.told("INVITE"); header(inv, "Call-ID") != other.callID || said.Media[0].Direction != sdp.SendRecv {
			t.Errorf("of %d: told\n%s", from, inv)
		}
	}
}

// TestTheAnswerInTheBranchThatAnswers: a caller that leaves the offer to who is called answers each branch that rings in a PRACK, and may listen elsewhere for each (RFC 3262 §5,
// RFC 3261 §13.2.2.4). What counts is what it has said to the one that picks up, not what it has said last.
func TestTheAnswerInTheBranchThatAnswers(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", ""))
	inv, _ := r.told("INVITE")
	caller := &end{r: r, src: r.uc, callID: "call", seq: 1}
	for i, branch := range []string{"one", "two"} {
		r.out.Reset()
		r.in(r.pstn, with(response("183 Session Progress", inv, branch, bodies[1]), "Require: 100rel", "RSeq: 1"))
		ring, _ := r.told("SIP/2.0 183")
		caller.from, caller.to = header(ring, "From"), header(ring, "To")
		caller.says("PRACK", strings.Replace(bodies[0], "m=audio 49170", "m=audio "+[]string{"4100", "4200"}[i], 1), "RAck: "+header(ring, "RSeq")+" 1 INVITE")
		r.in(r.pstn, response("200 OK", r.first("PRACK"), "", ""))
	}
	r.in(r.pstn, response("200 OK", inv, "one", ""))
	r.told("SIP/2.0 200")
	if at := r.side(0).Remote; at.Port() != 4100 {
		t.Errorf("the relay sends to %v\n%s", at, r.lines())
	}
}

// TestContactOfAnUpdateBeforeTheAnswer: where a party says in an early dialog that it is reached elsewhere from now on, requests of ours go there (RFC 3311 §4), to a
// caller also when the call is answered.
func TestContactOfAnUpdateBeforeTheAnswer(t *testing.T) {
	r := newRig(t)
	caller, callee, inv := r.ringing(speech, speech)
	moves := func(e *end, contact string) {
		t.Helper()
		e.seq++
		m := e.write("UPDATE", e.seq, "")
		r.out.Reset()
		r.in(e.src, bytes.Replace(m, []byte("Contact: "+header(m, "Contact")), []byte("Contact: <"+contact+">"), 1))
		r.sent("SIP/2.0 200")
	}
	moves(callee, "sip:bob@198.51.100.2:5088")

	goes := func(method, uri string, port uint16) {
		t.Helper()
		for _, s := range r.out.Sends {
			if line, _, _ := strings.Cut(string(s.Data), "\r\n"); strings.HasPrefix(line, method+" ") {
				if line != method+" "+uri+" SIP/2.0" || s.Hop.Remote.Port() != port {
					t.Errorf("%s to port %d", line, s.Hop.Remote.Port())
				}
				return
			}
		}
		t.Errorf("no %s\n%s", method, r.lines())
	}
	caller.says("UPDATE", described(0, 1, speech+"a=sendonly\r\n"))
	goes("UPDATE", "sip:bob@198.51.100.2:5088", 5088)
	callee.answers("200 OK", r.first("UPDATE"), described(1, 1, speech+"a=recvonly\r\n"))
	moves(caller, "sip:alice@198.51.100.1:5077")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", ""))
	r.told("SIP/2.0 200")
	caller.ack(1)
	callee.says("BYE", "")
	goes("BYE", "sip:alice@198.51.100.1:5077", 5077)
}
