package sim

import (
	"testing"
	"time"
)

// TestTRK03Mix is TestTenThousandCalls where a UC platform and a gateway have SRTP and nothing else: each side has keys of its own, answers
// choose of what was offered, and in the end the relay has the keys that the two sides were told.
func TestTRK03Mix(t *testing.T) {
	snap, err := Compile(Securing)
	if err != nil {
		t.Fatal(err)
	}
	calls, secured := *callsFlag/10, 0
	if testing.Short() {
		calls = 300
	}
	for seed, placed := *seedFlag, 0; placed < calls; seed, placed = seed+1, placed+callsPerSeed {
		w := NewSharded(seed, snap, 1+int(seed%4))
		w.Document = Securing
		w.Net.Default = Link{Loss: 0.1, Double: 0.1, Delay: 5 * time.Millisecond, Jitter: 150 * time.Millisecond}
		w.Mix(callsPerSeed)
		w.Disturb()
		w.Run(20 * time.Minute)
		report(t, w, testing.Verbose())
		for _, n := range w.Nodes {
			for _, r := range n.Records {
				if !r.Answered.IsZero() && (r.In.Trunk == "ucb" || r.Out != nil && r.Out.Trunk == "gwc") {
					secured++
				}
			}
		}
	}
	if secured < calls/10 {
		t.Errorf("%d calls with SRTP", secured)
	}
}
