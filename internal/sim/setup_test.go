package sim

import (
	"testing"
	"time"
)

// TRK-05, RFC 3262 section 5: with bypass an offer in a reliable 183 cannot be answered for a caller that is not asked before the answer, so
// reliable responses are not offered.
func TestTRK05ReliableOffer(t *testing.T) {
	bypass := liveness + ", enableBypass: true"
	w := world(t, callers, callers+bypass, targets, targets+bypass, gwb, gwb+bypass, played, "", gwc, gwc+bypass)
	w.Bypass = true
	w.Call(plain(Caller{Offerless: true, Manner: then(Action{5 * second, Bye})}, at(reliably(media183, Rel{Known: true}), "gwa")))
	known := false
	w.after(5*second, func() {
		b := w.order[0].ends[0]
		known = b.speaker.remote.media[0].port != 0 && b.speaker.remote.media[0].addr == w.Host("uca").Addr
	})
	w.Run(20 * time.Minute)
	w.failures = drop(w.failures, "sends to port", "is not open")
	done(t, w)
	if !known {
		t.Error("the target does not know where the caller wants its media")
	}
}

// TRK-08: a timer on one leg says nothing of the other: the caller's is refreshed by the caller, the target's by us.
func TestTRK08LegsAreIndependent(t *testing.T) {
	w := world(t, targets, targets+timers)
	w.Call(plain(longCall(200, Timer{Known: true, Interval: 120 * second, Refresher: "uac"}), at(clocked(Timer{Known: true, Refresher: "uac"}), "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	sc := w.order[0]
	if sc.caller.clock.interval != 120*second || !sc.caller.clock.ours || sc.ends[0].clock.interval != 90*second || sc.ends[0].clock.ours {
		t.Errorf("caller %+v, target %+v", sc.caller.clock, sc.ends[0].clock)
	}
}
