package sim

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
)

// SIG-19, P28: a call that begins on hold is taken, or refused with 488 where the trunk says so.
func TestSIG19HeldFirstOffer(t *testing.T) {
	for _, held := range []string{"sendonly", "inactive", "zero"} {
		w := world(t)
		w.Call(plain(Caller{Held: held, Manner: then(Action{second, Resume}, Action{5 * second, Bye})}, at(answers, "gwa")))
		w.Run(20 * time.Minute)
		done(t, w)
		if r := w.Nodes[0].Records[0]; r.Reason != diag.NormalClearing.ID {
			t.Errorf("%s: record %s %d", held, r.Reason, r.Status)
		}
		w = world(t, callers, callers+", heldOffer: refuse")
		w.Call(plain(Caller{Held: held, Manner: hangUp}, at(answers, "gwa")))
		w.Run(20 * time.Minute)
		done(t, w)
		if r := w.Nodes[0].Records[0]; r.Reason != diag.HeldOffer.ID || r.Status != 488 {
			t.Errorf("%s: record %s %d", held, r.Reason, r.Status)
		}
	}
	w := world(t, callers, callers+", heldOffer: refuse") // that wants to hear, and is not on hold
	w.Call(plain(Caller{Held: "recvonly", Manner: hangUp}, at(answers, "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; r.Reason != diag.NormalClearing.ID {
		t.Errorf("recvonly: record %s %d", r.Reason, r.Status)
	}
}

// RFC 3261 §14.1: a re-INVITE that is withdrawn, and to which the other side never says anything final, leaves the session as it was.
func TestWithdrawnForEver(t *testing.T) {
	w := world(t)
	w.Call(plain(Caller{Manner: then(Action{2 * second, Withdraw}, Action{60 * second, Bye})},
		at(Callee{Progress: ringing, After: second, Final: 200, Deaf: true, Manner: Manner{Slow: 10 * time.Minute, Then: []Action{{55 * second, Vanish}}}}, "gwa")))
	heard := func() (caller, callee bool) {
		for _, s := range w.Nodes[0].relay.sessions {
			caller, callee = s.want.Streams[0].Side[0].Send, s.want.Streams[0].Side[1].Send
		}
		return caller, callee
	}
	var before, after [2]bool
	w.after(2*second, func() { before[0], before[1] = heard() })
	w.after(50*second, func() { after[0], after[1] = heard() })
	w.Run(20 * time.Minute)
	done(t, w)
	if both := [2]bool{true, true}; before != both || after != both {
		t.Errorf("caller and callee heard each other as %v, and as %v afterwards\n%s", before, after, w.Trace.String())
	}
}

// RFC 3261 §13.2.2.4: an offer in the 200 to a re-INVITE that was withdrawn is answered with what stands, and the media goes where it says.
func TestOfferIn200ToWithdrawn(t *testing.T) {
	w := world(t)
	w.Call(plain(Caller{Manner: then(Action{2 * second, Recant}, Action{20 * second, Bye})},
		at(Callee{Progress: ringing, After: second, Final: 200, Deaf: true, Manner: Manner{Slow: second}}, "gwa")))
	moved := false
	w.after(2*second, func() { w.order[0].ends[0].speaker.port += 2 })
	w.after(10*second, func() {
		for _, s := range w.Nodes[0].relay.sessions {
			moved = s.want.Streams[0].Side[1].Remote.Port() == w.order[0].ends[0].speaker.port
		}
	})
	w.Run(20 * time.Minute)
	done(t, w)
	if !moved {
		t.Errorf("the callee's media is where it was\n%s", w.Trace.String())
	}
}

// RFC 3261 §9.1: who is asked to talk to the target of a transfer and has been told that it need not be is told so once, also when the target hangs up before it has confirmed that.
func TestRFC3261_9_1OneCancel(t *testing.T) {
	w := world(t)
	slow, target := answers, answers
	slow.Slow, slow.Deaf = time.Hour, true
	target.Then = []Action{{61 * second, Bye}}
	w.Call(plain(Caller{Manner: then(Action{second, Refer}, Action{20 * second, Bye})}, at(slow, "gwa")))
	w.order[0].Callees["gwa"] = append(w.order[0].Callees["gwa"], target)
	w.Run(20 * time.Minute)
	done(t, w)
}
