package ua_test

import (
	"strings"
	"testing"
)

// The target of a transfer leaves while who stays is told of it, and the referrer asks for another one before who stays has ended that re-INVITE with its 487:
// that is of the transfer that has failed, and not of the one that is under way.
func TestWithdrawnSeatLeavesTheNextTransferAlone(t *testing.T) {
	r := rigOf(t, strings.Replace(document, "{usages: [all], options: false}", "{usages: [all], options: false, acceptRefer: true}", 1))
	caller, callee := r.acknowledged()
	refer := func() (target []byte) {
		caller.says("REFER", "", "Refer-To: <sip:+14255550123@example.com>", "Refer-Sub: false")
		r.sent("SIP/2.0 202", "INVITE sip:+14255550123")
		return r.last()
	}
	first := refer()
	r.out.Reset()
	r.in(r.pstn, response("200 OK", first, "first", bodies[1]))
	r.sent("ACK", "INVITE")
	ack, told := r.out.Sends[0].Data, r.last()
	callee.answers("100 Trying", told, "")
	target := &end{r: r, src: r.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	target.says("BYE", "")
	r.sent("SIP/2.0 200", "CANCEL")
	second := refer()
	callee.answers("487 Request Terminated", told, "")
	r.sent("ACK")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", second, "second", bodies[1]))
	r.sent("ACK", "INVITE")
}
