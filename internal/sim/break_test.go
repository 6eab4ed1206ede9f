package sim

import "testing"

// TestBreakingMix is TestTenThousandCalls over connections that break. What is lost by that is not sent again, so that a peer may believe in a ringing that is over, or in what it has
// asked for and was told nothing of; and what could not be sent goes once more in another transaction.
func TestBreakingMix(t *testing.T) {
	t.Parallel()
	calls := *callsFlag / 5
	if testing.Short() {
		calls = 300
	}
	snap := compiled(t)
	for seed, placed := *seedFlag, 0; placed < calls; seed, placed = seed+1, placed+callsPerSeed {
		w := NewSharded(seed, snap, 1+int(seed%4))
		w.Net.Default, w.Net.Breaks = worst, 0.02
		mixed(w)
		report(t, w, testing.Verbose())
	}
}
