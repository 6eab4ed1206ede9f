package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// RFC 3261 §12.1.1, §16.6: a proxy that stays in the dialog is named in each response that makes it, and our requests go by way of it.
func TestRFC3261_12_1_1RecordRoute(t *testing.T) {
	r := newRig(t)
	const routes = "Record-Route: <sip:198.51.100.1:5070;lr>, <sip:192.0.2.77;lr>\r\nRecord-Route: <sip:192.0.2.78;lr>\r\n"
	r.out.Reset()
	r.in(r.uc, bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("Max-Forwards"), []byte(routes+"Max-Forwards"), 1))
	ours := r.last()
	answer := func(status, body string) []byte {
		r.out.Reset()
		r.in(r.pstn, response(status, ours, "to", body))
		if !bytes.Contains(r.last(), []byte(routes)) {
			t.Errorf("%s has not the routes of the INVITE\n%s", status, r.last())
		}
		return r.last()
	}
	answer("180 Ringing", "")
	ok := answer("200 OK", bodies[1])
	caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	caller.ack(1)
	caller.says("INVITE", held)
	if again := r.last(); !bytes.HasPrefix(again, []byte("INVITE ")) {
		t.Fatalf("%s", again)
	}
	callee := &end{r: r, src: r.pstn, callID: header(ours, "Call-ID"), from: header(r.last(), "To"), to: header(r.last(), "From"), seq: 100}
	callee.says("BYE", "")
	bye := r.out.Sends[len(r.out.Sends)-1]
	if !bytes.HasPrefix(bye.Data, []byte("BYE sip:198.51.100.1:5060 ")) || bye.Hop.Remote.Port() != 5070 ||
		!strings.Contains(string(bye.Data), "Route: <sip:198.51.100.1:5070;lr>\r\nRoute: <sip:192.0.2.77;lr>\r\nRoute: <sip:192.0.2.78;lr>\r\n") {
		t.Errorf("to %v\n%s", bye.Hop.Remote, bye.Data)
	}
}
