package ua_test

import (
	"strings"
	"testing"
	"time"
)

// referring is a call whose trunks take REFER, up to the ACK.
func referring(t *testing.T) (r *rig, caller, callee *end) {
	r = rigOf(t, strings.Replace(document, "{usages: [all], options: false}", "{usages: [all], options: false, acceptRefer: true}", 1))
	caller, callee = r.acknowledged()
	return r, caller, callee
}

// joined has the target of a transfer answer and who stays agree.
func joined(r *rig, callee *end, invite []byte) (target *end) {
	r.b.Helper()
	r.out.Reset()
	r.in(r.pstn, response("200 OK", invite, "first", bodies[1]))
	ack := r.first("ACK")
	target = &end{r: r, src: r.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	callee.answers("200 OK", r.first("INVITE"), bodies[1])
	return target
}

// Who has asked for a transfer and changes its session meanwhile may leave, or be hung up, before its ACK to our 2xx, which we then repeat in vain: that is nothing
// to the two who are left.
func TestReferrerLeavesWithoutAnACK(t *testing.T) {
	for _, hangsUp := range []bool{true, false} {
		r, caller, callee := referring(t)
		invite := refer(r, caller)
		caller.says("INVITE", held)
		callee.answers("200 OK", r.last(), heldAnswer)
		r.sent("ACK", "SIP/2.0 200")
		if hangsUp {
			caller.says("BYE", "")
			r.sent("SIP/2.0 200")
		}
		target := joined(r, callee, invite)
		if bye := r.first("BYE"); bye != nil {
			caller.answers("200 OK", bye, "")
		}
		r.pass(time.Minute)
		target.says("BYE", "")
		r.sent("SIP/2.0 200", "BYE")
	}
}

// What is under way to a referrer as it hangs up is answered 481, since its dialog is over. Its transfer goes on.
func TestReferrerLeavesBeforeItAnswers(t *testing.T) {
	r, caller, callee := referring(t)
	caller.says("UPDATE", "") // its Allow has INFO
	invite := refer(r, caller)
	callee.says("INFO", "")
	r.sent("INFO")
	info := r.last()
	caller.says("BYE", "")
	r.sent("SIP/2.0 200")
	caller.answers("481 Call/Transaction Does Not Exist", info, "")
	r.sent("SIP/2.0 481")
	target := joined(r, callee, invite)
	target.says("BYE", "")
	r.sent("SIP/2.0 200", "BYE")
}

// The target of a transfer names a codec first that who stays does not take any more: it is told, as it would not be heard. It is not told of what it names behind that.
func TestTargetIsToldOfTheCodec(t *testing.T) {
	for answer, want := range map[string]string{"8": "8", "0": "", "0 8": ""} {
		r, caller, callee := referring(t)
		invite := refer(r, caller)
		r.out.Reset()
		r.in(r.pstn, response("200 OK", invite, "first", speaking(bodies[1], "0 8")))
		callee.answers("200 OK", r.first("INVITE"), speaking(bodies[1], answer))
		told := ""
		if r.first("INVITE") != nil {
			_, s := r.told("INVITE")
			told = strings.Join(s.Media[0].Formats, " ")
		}
		if told != want {
			t.Errorf("who stays answers %q, and the target is told %q, want %q", answer, told, want)
		}
	}
}
