package ua_test

import "testing"

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
