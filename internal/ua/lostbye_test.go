package ua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// A BYE to the branch of a fork that answers late and that finds no connection is sent once more, to that branch: not to who talks in the call, nor to nobody when the call is over.
func TestLostByeOfAFork(t *testing.T) {
	for _, over := range []bool{false, true} {
		r := rigOf(t, strings.Replace(document, "198.51.100.2, root: {transport: UDP}", "198.51.100.2, root: {transport: TCP}", 1))
		r.pstn.Transport = sip.TCP
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("200 OK", inv, "talks", bodies[1]))
		ok, _ := r.told("SIP/2.0 200")
		ours := tagOf(header(ok, "To"))
		r.in(r.uc, request("ACK", "1", "a1", "call", "from", ours, ""))
		if over {
			r.out.Reset()
			r.in(r.uc, request("BYE", "2", "b1", "call", "from", ours, ""))
			r.in(r.pstn, response("200 OK", r.first("BYE"), "", ""))
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "late", bodies[1]))
		r.sent("ACK", "BYE")
		lost := r.out.Sends[1]
		r.out.Reset()
		r.core.SendFailed(r.now, lost.CallID, lost.Branch, "connection refused", &r.out)
		r.pass(5 * time.Second)
		again := r.first("BYE")
		if again == nil || tagOf(header(again, "To")) != "late" || header(again, "Via") == header(lost.Data, "Via") {
			t.Fatalf("over: %v, sent once more is\n%s", over, again)
		}
		r.in(r.pstn, response("200 OK", again, "", ""))
		if live := r.core.Live(); live != 1 && !over {
			t.Errorf("%d calls", live)
		}
		r.out.Reset()
		if r.pass(time.Minute); r.first("BYE") != nil || over && r.core.Held() != 0 {
			t.Errorf("over: %v, then\n%s", over, r.lines())
		}
	}
}
