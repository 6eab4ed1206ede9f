package ua_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/ua"
)

// TestRepetitionsAfterTheEnd: what the peers repeat after a call has ended is answered as RFC 3261 and RFC 6026 ask, without the call.
func TestRepetitionsAfterTheEnd(t *testing.T) {
	r := newRig(t)
	r.out.Reset()
	invite := request("INVITE", "1", "i1", "call", "from", "", bodies[0])
	r.in(r.uc, invite)
	r.sent("INVITE")
	ours := r.out.Sends[0].Data
	r.out.Reset()
	answer := response("200 OK", ours, "to", bodies[1])
	r.in(r.pstn, answer)
	r.sent("ACK", "SIP/2.0 200")
	tag := tagOf(header(r.out.Sends[1].Data, "To"))
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
	bye := request("BYE", "2", "b1", "call", "from", tag, "")
	r.out.Reset()
	r.in(r.uc, bye)
	r.sent("SIP/2.0 200", "BYE")
	first, out := string(r.out.Sends[0].Data), r.out.Sends[1].Data
	r.in(r.pstn, response("200 OK", out, "", ""))

	again := func(what string, do func(), lines ...string) {
		t.Helper()
		t.Log(what)
		r.out.Reset()
		do()
		r.sent(lines...)
	}
	again("INVITE", func() { r.in(r.uc, invite) })
	again("BYE", func() { r.in(r.uc, bye) }, "SIP/2.0 200")
	if got := string(r.out.Sends[0].Data); got != first {
		t.Errorf("the repeated answer is\n%s\nwant\n%s", got, first)
	}
	again("CANCEL", func() { r.in(r.uc, request("CANCEL", "1", "i1", "call", "from", "", "")) }, "SIP/2.0 200")
	again("another BYE of the caller", func() { r.in(r.uc, request("BYE", "3", "b2", "call", "from", tag, "")) }, "SIP/2.0 200")
	again("INFO", func() { r.in(r.uc, request("INFO", "4", "n1", "call", "from", tag, "")) }, "SIP/2.0 481")
	again("the same INVITE by another way", func() { r.in(r.uc, request("INVITE", "1", "i2", "call", "from", "", bodies[0])) }, "SIP/2.0 482")
	again("2xx to our INVITE", func() { r.in(r.pstn, answer) }, "ACK")
	late := response("200 OK", ours, "other", bodies[1])
	again("2xx of another branch", func() { r.in(r.pstn, late) }, "ACK", "BYE")
	last := r.out.Sends[1].Data
	again("and again", func() { r.in(r.pstn, late) }, "ACK")
	again("200 to that BYE", func() { r.in(r.pstn, response("200 OK", last, "", "")) })
	if r.core.Held() != 1 {
		t.Errorf("%d calls are in memory, want 1", r.core.Held())
	}
	r.now = r.now.Add(40 * time.Second)
	r.out = ua.Out{}
	r.core.Advance(r.now, &r.out)
	if r.core.Held() != 0 || !r.core.Deadline().IsZero() {
		t.Errorf("%d calls are in memory, deadline %v", r.core.Held(), r.core.Deadline())
	}
	again("BYE when all is over", func() { r.in(r.uc, bye) }, "SIP/2.0 481")
}

// RFC 3261 §8.2.2.2: an INVITE that came by another way too, and whose 482 is lost, is the same one as long as it is repeated, and its ACK ends the 482.
func TestMergedWithARefusedCall(t *testing.T) {
	r := newRig(t)
	r.core.Drain(r.now, true)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	tag := tagOf(header(r.last(), "To"))
	r.in(r.uc, request("ACK", "1", "i1", "call", "from", tag, ""))
	merged := request("INVITE", "1", "i2", "call", "from", "", bodies[0])
	for range 4 {
		r.out.Reset()
		r.in(r.uc, merged)
		r.sent("SIP/2.0 482")
		r.now = r.now.Add(7 * time.Second)
		r.out.Reset()
		r.core.Advance(r.now, &r.out)
	}
	r.in(r.uc, request("ACK", "1", "i2", "call", "from", tag, ""))
	r.now = r.now.Add(5 * time.Second)
	r.out.Reset()
	r.core.Advance(r.now, &r.out)
	if n := r.core.Counts().Calls; n != 1 || len(r.out.Sends) > 0 || r.core.Held() > 0 {
		t.Errorf("%d calls were begun, %d are in memory, and %d messages go out behind the ACK", n, r.core.Held(), len(r.out.Sends))
	}
}

// TestAckOfASupersededAttempt: the ACK of a refusal that comes behind the next attempt ends its repetitions.
func TestAckOfASupersededAttempt(t *testing.T) {
	r := newRig(t)
	r.out.Reset()
	r.in(r.uc, bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("Max-Forwards"), []byte("Session-Expires: 60\r\nMax-Forwards"), 1))
	r.sent("SIP/2.0 422")
	tag := tagOf(header(r.out.Sends[0].Data, "To"))
	r.in(r.uc, request("INVITE", "2", "i2", "call", "from", "", bodies[0]))
	r.in(r.uc, request("ACK", "1", "i1", "call", "from", tag, ""))
	for range 20 {
		r.now = r.now.Add(time.Second)
		r.out.Reset()
		r.core.Advance(r.now, &r.out)
		for _, s := range r.out.Sends {
			if bytes.HasPrefix(s.Data, []byte("SIP/2.0 422")) {
				t.Fatalf("%s is repeated in spite of its ACK", s.Data[:11])
			}
		}
	}
}

// TestByeThatCrosses: who hangs up while we do is answered once more when all else of the call is forgotten.
func TestByeThatCrosses(t *testing.T) {
	r := newRig(t)
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	ours := r.out.Sends[0].Data
	r.out.Reset()
	r.in(r.pstn, response("200 OK", ours, "to", bodies[1]))
	tag := tagOf(header(r.out.Sends[1].Data, "To"))
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
	r.now = r.now.Add(25 * time.Second)
	r.out.Reset()
	r.core.Terminate(r.now, diag.ServerShutdown, &r.out)
	r.sent("BYE", "BYE")
	first, second := r.out.Sends[0].Data, r.out.Sends[1].Data
	for _, bye := range [][]byte{first, second} {
		src := r.uc
		if header(bye, "Call-ID") != "call" {
			src = r.pstn
		}
		r.in(src, response("481 Call/Transaction Does Not Exist", bye, "", ""))
	}
	cross := request("BYE", "2", "b1", "call", "from", tag, "")
	for range 3 {
		r.out.Reset()
		r.in(r.uc, cross)
		r.sent("SIP/2.0 200")
		r.now = r.now.Add(10 * time.Second)
		r.out.Reset()
		r.core.Advance(r.now, &r.out)
	}
}

// RFC 3261 §18.2.2: what comes late is answered where it comes from, which need not be where the dialog has led: a proxy, or another port behind a NAT.
func TestLateRequestsAreAnsweredWhereTheyComeFrom(t *testing.T) {
	r := newRig(t)
	invite := request("INVITE", "1", "i1", "call", "from", "", bodies[0])
	r.in(r.uc, invite)
	inv, _ := r.told("INVITE")
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok, _ := r.told("SIP/2.0 200 OK")
	tag := tagOf(header(ok, "To"))
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
	bye := request("BYE", "2", "b1", "call", "from", tag, "")
	r.in(r.uc, bye)
	out, _ := r.told("BYE ")
	r.in(r.pstn, response("200 OK", out, "", ""))
	from := r.uc
	from.Remote = netip.MustParseAddrPort("198.51.100.1:33000")
	for what, m := range map[string][]byte{"BYE": bye, "CANCEL": request("CANCEL", "1", "i1", "call", "from", "", ""), "another BYE": request("BYE", "3", "b2", "call", "from", tag, ""),
		"INFO": request("INFO", "4", "n1", "call", "from", tag, ""), "INVITE by another way": request("INVITE", "1", "i2", "call", "from", "", bodies[0])} {
		r.out.Reset()
		r.in(from, m)
		if len(r.out.Sends) != 1 || r.out.Sends[0].Hop.Remote != from.Remote {
			t.Errorf("%s: %d answers, %v", what, len(r.out.Sends), r.out.Sends)
		}
	}
}
