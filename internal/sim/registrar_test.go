package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/register"
)

// TestRegistrations registers a trunk with registrars that challenge, call nonces stale, want longer intervals, refuse, fall silent and
// recover, over a network at its worst. Once they take registrations, the trunk has one.
func TestRegistrations(t *testing.T) {
	t.Parallel()
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

// A registration whose host is no more goes to the other one, and one whose host was started anew is made again: both as soon as OPTIONS tell,
// not with the next refresh.
func TestLostRegistrationIsRenewed(t *testing.T) {
	snap, err := Compile(strings.Replace(Registering, "expires: 5m", "expires: 1h", 1))
	if err != nil {
		t.Fatal(err)
	}
	w := New(1, snap)
	w.Registrars()
	for _, name := range []string{"sbc", "sbc2"} {
		w.Host(name).registrar.moods, w.Host(name).registrar.least, w.Host(name).registrar.grant = []mood{{1 << 62, 200, 0}}, 0, time.Hour
		w.Host(name).registrar.locked = false
	}
	n := w.Nodes[0]
	at := func() string { return n.board.bindings["sbc"].At.Addr().String() }
	w.RunUntil(time.Minute)
	first, second := w.Host("sbc"), w.Host("sbc2")
	if at() != first.Addr.String() {
		t.Fatalf("registered at %s", at())
	}
	clear(first.registrar.bound) // it starts anew, and says nothing for a while
	w.Net.Links = map[string]Link{"sbc": {Loss: 1}}
	w.RunUntil(time.Minute + 40*time.Second)
	w.Net.Links = nil
	w.RunUntil(2*time.Minute + 20*time.Second)
	if len(w.Host("sbc").registrar.bound)+len(second.registrar.bound) == 0 {
		t.Errorf("registered at %s, and nobody knows of it", at())
	}
	w.Net.Links = map[string]Link{"sbc": {Loss: 1}}
	w.RunUntil(3*time.Minute + 40*time.Second)
	if at() != second.Addr.String() || len(second.registrar.bound) != 1 {
		t.Errorf("registered at %s, though nobody is there", at())
	}
	report(t, w, false)
}
