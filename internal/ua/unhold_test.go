package ua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sdp"
)

// resumesBare has the caller hold, and resume by a re-INVITE without an offer (RFC 3261 §14.2); what the callee has answered to the hold and answers to that.
func resumesBare(r *rig, caller, callee *end, answer, status, offer string) {
	r.b.Helper()
	caller.says("INVITE", held)
	callee.answers("200 OK", r.first("INVITE"), directed(1, answer))
	caller.ack(caller.seq)
	caller.says("INVITE", "")
	callee.answers(status, r.first("INVITE"), offer)
	if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.SendRecv {
		r.b.Fatalf("who resumes is offered\n%s", ok)
	}
}

// unholds is a re-INVITE that says to the end that a direction is so.
func (r *rig) unholds(e *end, d sdp.Direction) []byte {
	r.b.Helper()
	if r.first("INVITE") == nil {
		r.b.Fatalf("no INVITE:\n%s", r.lines())
	}
	inv, said := r.told("INVITE")
	if said.Media[0].Direction != d || header(inv, "Call-ID") != e.callID {
		r.b.Fatalf("want one that says %s\n%s", d, inv)
	}
	return inv
}

// RFC 3264 §8.4: who is asked for an offer while it is held may say that nothing flows. That is the hold, and not what it asks for.
func TestHeldIsAskedForAnOffer(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	resumesBare(r, caller, callee, "recvonly", "200 OK", directed(1, "inactive"))
}

// TestListensAgain: who only listens, and has said under hold that nothing flows, is told when the other side has resumed without an offer, though what it hears is no news.
func TestListensAgain(t *testing.T) {
	r := newRig(t)
	caller, callee := r.endsOf(bodies[0], directed(1, "recvonly"))
	caller.ack(1)
	caller.says("INVITE", held)
	callee.answers("200 OK", r.first("INVITE"), directed(1, "inactive"))
	caller.ack(caller.seq)
	caller.says("INVITE", "")
	callee.answers("400 Bad Request", r.first("INVITE"), "")
	if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.RecvOnly {
		t.Fatalf("who resumes is offered\n%s", ok)
	}
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, held))
	callee.answers("200 OK", r.unholds(callee, sdp.SendOnly), directed(1, "recvonly"))
	if r.sent("ACK"); !r.side(1).Send {
		t.Errorf("the relay has %+v", r.side(1))
	}
}

// refusesUnhold has the callee of a caller that has resumed without an offer refuse what it is told of that.
func refusesUnhold(r *rig, caller, callee *end, status string) {
	resumesBare(r, caller, callee, "recvonly", "400 Bad Request", "")
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
	callee.answers(status, r.unholds(callee, sdp.SendRecv), "")
}

// RFC 3261 §14.1: who refuses to be taken off hold keeps the session that stands, and says it again without a word to the other side.
func TestRefusesUnhold(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	refusesUnhold(r, caller, callee, "488 Not Acceptable Here")
	caller.answers("200 OK", r.unholds(caller, sdp.RecvOnly), held)
	callee.says("INVITE", directed(1, "recvonly"))
	r.sent("SIP/2.0 200")
	if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.SendOnly {
		t.Errorf("a refresh is answered\n%s", ok)
	}
}

// TestHoldIsOverBeforeItIsRefused: who resumes itself before it is asked once more to be taken off hold is not on hold, and knows it.
func TestHoldIsOverBeforeItIsRefused(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	refusesUnhold(r, caller, callee, "491 Request Pending")
	callee.says("INVITE", bodies[1])
	caller.answers("200 OK", r.first("INVITE"), bodies[0])
	callee.ack(callee.seq)
	r.pass(5 * time.Second)
	if r.first("INVITE") != nil {
		t.Errorf("sent\n%s", r.lines())
	}
	callee.says("INVITE", bodies[1])
	if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.SendRecv {
		t.Errorf("a refresh is answered\n%s", ok)
	}
}

// TestWishOfWhoHasLeft: who has come in the place of a referrer that held is not taken to hold as well, though it has said no more than that it sends.
func TestWishOfWhoHasLeft(t *testing.T) {
	r, caller, callee := referring(t)
	caller.says("INVITE", held)
	callee.answers("200 OK", r.first("INVITE"), heldAnswer)
	caller.ack(caller.seq)
	invite := refer(r, caller)
	r.out.Reset()
	r.in(r.pstn, response("200 OK", invite, "first", heldB))
	ack := r.first("ACK")
	target := &end{r: r, src: r.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	callee.answers("200 OK", r.unholds(callee, sdp.SendOnly), heldAnswer)
	callee.says("INVITE", "")
	target.answers("200 OK", r.first("INVITE"), heldB)
	if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.SendRecv {
		t.Errorf("who asks for an offer gets\n%s", ok)
	}
}

// RFC 3264 §8.4: who has held with music of ours, and resumes without an offer, is offered to be heard by who only listens, whether that can be asked or not.
func TestResumesForWhoOnlyListens(t *testing.T) {
	for status, offer := range map[string]string{"200 OK": directed(1, "recvonly"), "400 Bad Request": ""} {
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {musicOnHold: generate, `, 1))
		caller, callee := r.endsOf(bodies[0], directed(1, "recvonly"))
		caller.ack(1)
		caller.says("INVITE", directed(0, "inactive"))
		callee.answers("200 OK", r.unholds(callee, sdp.SendOnly), directed(1, "recvonly"))
		caller.ack(caller.seq)
		caller.says("INVITE", "")
		callee.answers(status, r.first("INVITE"), offer)
		if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.RecvOnly {
			t.Errorf("%s: who resumes is offered\n%s", status, ok)
		}
	}
}

// RFC 3261 §14.1, §14.2: who resumes without an offer is offered what stands, off hold, also where the other side has said 100 and no more. That one is cancelled, and told
// when it is free.
func TestResumesWhereNobodyAnswers(t *testing.T) {
	r := newRig(t)
	caller, callee := r.holding()
	caller.says("INVITE", "")
	ours := r.first("INVITE")
	callee.answers("100 Trying", ours, "")
	r.pass(15 * time.Second)
	if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.SendRecv {
		t.Fatalf("who resumes is offered\n%s", ok)
	}
	cancel := r.first("CANCEL")
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
	r.sent()
	callee.answers("200 OK", cancel, "")
	callee.answers("487 Request Terminated", ours, "")
	r.sent("ACK")
	r.pass(time.Second)
	callee.answers("200 OK", r.unholds(callee, sdp.SendRecv), bodies[1])
	r.sent("ACK")
	if !r.side(0).Send || !r.side(1).Send {
		t.Errorf("the relay has %+v", r.session.Streams[0].Side)
	}
}

// The same where the answer of the other side crosses our CANCEL: what it offers is answered with what stands.
func TestResumesWhereTheAnswerIsLate(t *testing.T) {
	r := newRig(t)
	caller, callee := r.holding()
	caller.says("INVITE", "")
	ours := r.first("INVITE")
	callee.answers("100 Trying", ours, "")
	r.pass(15 * time.Second)
	cancel := r.first("CANCEL")
	r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
	callee.answers("200 OK", ours, directed(1, "recvonly"))
	if ack, said := r.told("ACK"); said.Media[0].Rejected() {
		t.Fatalf("it is answered\n%s", ack)
	}
	callee.answers("200 OK", cancel, "")
	r.pass(time.Second)
	callee.answers("200 OK", r.unholds(callee, sdp.SendRecv), bodies[1])
	r.sent("ACK")
	if !r.side(0).Send || !r.side(1).Send {
		t.Errorf("the relay has %+v", r.session.Streams[0].Side)
	}
}

// TestCorrectionIsOvertaken: what a side says to a re-INVITE of ours is its answer to that, and not to what it is to be told since: who has resumed meanwhile is not held by it.
func TestCorrectionIsOvertaken(t *testing.T) {
	r := newRig(t)
	caller, callee := r.holding()
	resume := caller.says("INVITE", directed(0, "sendrecv"))
	ours := r.first("INVITE")
	callee.answers("100 Trying", ours, "")
	caller.cancel(resume)
	callee.answers("487 Request Terminated", r.first("CANCEL"), "")
	callee.answers("200 OK", ours, bodies[1])
	callee.answers("491 Request Pending", r.unholds(callee, sdp.SendOnly), "") // it crossed one of its own
	caller.says("INVITE", "")
	callee.answers("400 Bad Request", r.first("INVITE"), "")
	if ok, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.SendRecv {
		t.Fatalf("who resumes is offered\n%s", ok)
	}
	r.pass(5 * time.Second)
	late := r.unholds(callee, sdp.SendOnly)
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
	callee.answers("200 OK", late, heldAnswer)
	r.sent("ACK")
	r.pass(time.Second)
	callee.answers("200 OK", r.unholds(callee, sdp.SendRecv), bodies[1])
	r.sent("ACK")
	if !r.side(0).Send || !r.side(1).Send {
		t.Errorf("the relay has %+v", r.session.Streams[0].Side)
	}
}

// TestCorrectionIsNoNews: what waits to be told is told by the next change, too, and not once more behind it.
func TestCorrectionIsNoNews(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	refusesUnhold(r, caller, callee, "491 Request Pending")
	caller.says("INVITE", held)
	callee.answers("200 OK", r.first("INVITE"), heldAnswer)
	caller.ack(caller.seq)
	if r.pass(10 * time.Second); r.first("INVITE") != nil {
		t.Errorf("sent\n%s", r.lines())
	}
}

// RFC 3261 §14.1: who offers, too late for who has asked for it, nothing of what stands is refused that, and is offered what stands: the two go on talking.
func TestRFC3261_14_1_OffersOtherCodecsTooLate(t *testing.T) {
	r := rigOf(t, document)
	alone := strings.NewReplacer("AVP 8 0 101", "AVP 8 101", "a=rtpmap:0 PCMU/8000\r\n", "")
	caller, callee := r.endsOf(alone.Replace(bodies[0]), alone.Replace(bodies[1]))
	caller.ack(1)
	caller.says("INVITE", "")
	asked := r.first("INVITE")
	callee.answers("100 Trying", asked, "")
	r.pass(11 * time.Second)
	r.in(caller.src, caller.write("ACK", caller.seq, alone.Replace(bodies[0])))
	callee.answers("200 OK", asked, strings.NewReplacer("AVP 8 0 101", "AVP 0 101", "a=rtpmap:8 PCMA/8000\r\n", "", "20518 0", "20518 1").Replace(bodies[1]))
	if _, ack := r.told("ACK"); !ack.Media[0].Rejected() {
		t.Errorf("what it offers is taken: %s", ack.Body())
	}
	r.pass(time.Second)
	inv, s := r.told("INVITE")
	if inv == nil || header(inv, "Call-ID") != callee.callID || s.Media[0].Rejected() || s.Media[0].Formats[0] != "8" {
		t.Fatalf("then it is told\n%s", inv)
	}
}
