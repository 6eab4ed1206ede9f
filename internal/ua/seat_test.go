package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// told is a transfer by the caller whose target has answered, and the re-INVITE that who stays is told of it by.
func told(t *testing.T) (r *rig, caller, callee, target *end, reinvite []byte) {
	r = rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {acceptRefer: true}`+"\n  "+`"trunk:uc": {acceptRefer: true, `, 1))
	caller, callee = r.acknowledged()
	invite := refer(r, caller)
	r.out.Reset()
	r.in(r.pstn, response("200 OK", invite, "first", bodies[1]))
	r.sent("ACK", "INVITE")
	ack := r.out.Sends[0].Data
	target = &end{r: r, src: r.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	return r, caller, callee, target, r.last()
}

// refer asks for a transfer and returns the INVITE of its target.
func refer(r *rig, caller *end) []byte {
	caller.says("REFER", "", "Refer-To: <sip:+14255550123@example.com>", "Refer-Sub: false")
	r.sent("SIP/2.0 202", "INVITE sip:+14255550123")
	return r.last()
}

// The target of a transfer leaves while who stays is told of it, and the referrer asks for another one before who stays has ended that re-INVITE with its 487:
// that is of the transfer that has failed, and not of the one that is under way.
func TestWithdrawnSeatLeavesTheNextTransferAlone(t *testing.T) {
	r, caller, callee, target, reinvite := told(t)
	callee.answers("100 Trying", reinvite, "")
	target.says("BYE", "")
	r.sent("SIP/2.0 200", "CANCEL")
	second := refer(r, caller)
	callee.answers("487 Request Terminated", reinvite, "")
	r.sent("ACK")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", second, "second", bodies[1]))
	r.sent("ACK", "INVITE")
}

// … or after who stays has answered 491, which it does because it asks for a change itself: that is served as if there had been no transfer.
func TestWithdrawnSeatAfterGlare(t *testing.T) {
	r, _, callee, target, reinvite := told(t)
	callee.answers("491 Request Pending", reinvite, "")
	r.sent("ACK")
	target.says("BYE", "")
	r.sent("SIP/2.0 200")
	callee.says("INVITE", heldB)
	r.sent("INVITE")
}

// RFC 3264 §8: video that the two agree on while the target of a transfer rings is offered to the target, too, so that who stays keeps its m-lines.
func TestSessionGrowsWhileTheTargetRings(t *testing.T) {
	const video = "m=video 5555 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
	r, caller, callee := referring(t)
	invite := refer(r, caller)
	caller.says("INVITE", directed(0, "sendrecv")+video)
	callee.answers("200 OK", r.last(), directed(1, "sendrecv")+video)
	r.sent("ACK", "SIP/2.0 200")
	caller.ack(caller.seq)
	lines := func(m []byte) int { return bytes.Count(m, []byte("\r\nm=")) }

	r.out.Reset()
	r.in(r.pstn, response("200 OK", invite, "first", bodies[1]))
	r.sent("ACK", "INVITE")
	ack, again := r.out.Sends[0].Data, r.last()
	target := &end{r: r, src: r.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	if header(again, "Call-ID") != target.callID || lines(again) != 2 {
		t.Fatalf("the target is to be asked for both\n%s", again)
	}
	target.answers("200 OK", again, bodies[1]+strings.Replace(video, "5555", "0", 1))
	r.sent("ACK", "INVITE")
	if m := r.last(); header(m, "Call-ID") != callee.callID || lines(m) != 2 {
		t.Fatalf("who stays is to be told of both\n%s", m)
	}
	callee.answers("200 OK", r.last(), bodies[1]+strings.Replace(video, "5555", "0", 1))
	r.sent("ACK", "BYE")
	target.says("BYE", "")
	r.sent("SIP/2.0 200", "BYE")
}

// The target of a transfer that asks for one itself while who stays is being told of it is to try again (RFC 3261 §14.2): 481 would end its dialog.
func TestTargetRefersTooEarly(t *testing.T) {
	r, _, callee, target, reinvite := told(t)
	target.says("REFER", "", "Refer-To: <sip:+14255550124@example.com>")
	r.sent("SIP/2.0 491")
	callee.answers("200 OK", reinvite, bodies[1])
	r.sent("ACK", "BYE")
}

// Who is being replaced leaves while its change goes on as re-INVITE, to which the other side says 100 and no more: that is withdrawn, or
// who comes would wait for its seat, and the call for its end, for ever.
func TestReplacedLeavesItsChangeBehind(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	again := bytes.Replace(callee.write("INVITE", callee.seq+1, bodies[1]), []byte(" UPDATE,"), nil, 1) // from now on it takes none
	callee.seq++
	r.in(callee.src, again)
	callee.ack(callee.seq)
	caller.says("UPDATE", held)
	r.sent("INVITE")
	callee.answers("100 Trying", r.last(), "")
	r.out.Reset()
	r.in(r.uc, with(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), "Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1"))
	r.sent()
	caller.says("BYE", "")
	r.sent("SIP/2.0 200", "SIP/2.0 487", "CANCEL")
}
