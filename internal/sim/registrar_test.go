package sim

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/register"
)

// TestRegistrations registers a trunk with registrars that challenge, call nonces stale, want longer intervals, refuse, fall silent and
// recover, over a network at its worst. Once they take registrations, the trunk has one.
func TestRegistrations(t *testing.T) {
	snap, err := registering()
	if err != nil {
		t.Fatal(err)
	}
	states := make(map[register.State]int)
	for seed := *seedFlag; seed < *seedFlag+50; seed++ {
		w := NewSharded(seed, snap, 1+int(seed%4))
		w.Net.Default = Link{Loss: 0.15, Double: 0.1, Delay: 5 * time.Millisecond, Jitter: 300 * time.Millisecond}
		w.Registrars()
		n := w.Nodes[0]
		for at := range 10 {
			w.RunUntil(time.Duration(at+1) * time.Minute)
			n.finishRegistrations()
			states[n.board.bindings["sbc"].State]++
		}
		w.RunUntil(50 * time.Minute)
		n.finishRegistrations()
		st := n.board.bindings["sbc"]
		if !w.Host("sbc").registrar.locked && !st.Up() {
			w.fail("in good days the trunk is %s: %s", st.State, st.Error)
		}
		n.Drain(true)
		w.RunUntil(51 * time.Minute)
		if st = n.board.bindings["sbc"]; st.State != register.Off {
			w.fail("a server that drains is %s", st.State)
		}
		report(t, w, false)
		if t.Failed() && testing.Verbose() {
			t.Fatalf("%+v\n%s", st, w.Trace.String())
		}
	}
	t.Log(states)
	if states[register.Registered] == 0 || states[register.Failed] == 0 {
		t.Error("that is too little to show anything")
	}
}
