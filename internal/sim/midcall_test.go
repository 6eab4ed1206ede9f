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
