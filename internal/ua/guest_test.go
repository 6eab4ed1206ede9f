package ua_test

import (
	"testing"
	"time"
)

// RFC 3261 §13.3.1.4: every 2xx to an INVITE tells of our extensions, also to a re-INVITE and to one with Replaces.
func TestRFC3261_13_3_1_4Supported(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	tells := func() {
		t.Helper()
		r.sent("ACK", "SIP/2.0 200")
		if got := header(r.last(), "Supported"); got != "100rel, replaces, timer" {
			t.Errorf("Supported: %s", got)
		}
	}
	caller.says("INVITE", held)
	callee.answers("200 OK", r.last(), heldAnswer)
	tells()
	caller.ack(2)
	guest := with(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), "Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1")
	r.out.Reset()
	r.in(r.uc, guest)
	r.sent("INVITE")
	callee.answers("200 OK", r.last(), bodies[1])
	r.out.Sends = r.out.Sends[:2] // without the BYE to whom it replaces
	tells()
}

// RFC 3261 §8.1.3.5: who was refused the place of another asks for it again in a new INVITE with the same Call-ID: without what was not supported, with a longer
// interval, or when the call is acknowledged. The ACK to the refusal may come behind it.
func TestRFC3261_8_1_3_5Guest(t *testing.T) {
	for name, row := range map[string]struct {
		more []string
		want string
	}{
		"an extension that is not supported": {[]string{"Require: gruu"}, "SIP/2.0 420"},
		"an interval that is too short":      {[]string{"Session-Expires: 60"}, "SIP/2.0 422"},
		"a call that is not acknowledged":    {nil, "SIP/2.0 491"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			caller, callee := r.ends()
			if row.more != nil {
				caller.ack(1)
			}
			replaces := "Replaces: call-1;to-tag=" + tagOf(caller.to) + ";from-tag=from1"
			first := with(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), append(row.more, replaces)...)
			r.out.Reset()
			r.in(r.uc, first)
			r.sent(row.want)
			refusal := r.last()
			if row.more == nil {
				caller.ack(1)
			}
			if row.want == "SIP/2.0 422" && header(refusal, "Min-SE") != "90" {
				t.Errorf("%s", refusal)
			}
			r.out.Reset()
			r.in(r.uc, with(request("INVITE", "2", "i3", "other", "other", "", bodies[0]), replaces))
			r.sent("INVITE")
			ours := r.last()
			r.out.Reset()
			r.in(r.uc, first)
			r.sent(row.want)
			r.in(r.uc, request("ACK", "1", "i2", "other", "other", tagOf(header(refusal, "To")), ""))
			r.out.Reset()
			r.in(r.uc, first)
			r.sent()
			callee.answers("200 OK", ours, bodies[1])
			r.sent("ACK", "SIP/2.0 200", "BYE")
			ok := r.out.Sends[1].Data
			r.in(r.uc, request("ACK", "2", "a3", "other", "other", tagOf(header(ok, "To")), ""))
			r.out.Reset()
			r.in(r.uc, request("BYE", "3", "b3", "other", "other", tagOf(header(ok, "To")), ""))
			r.sent("SIP/2.0 200", "BYE")
			r.pass(time.Minute)
			if n := r.core.Held(); n != 0 {
				t.Errorf("%d calls are held", n)
			}
		})
	}
}
