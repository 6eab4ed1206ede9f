package sim

import "testing"

// TestTRK03Mix is TestTenThousandCalls where a UC platform and a gateway have SRTP and nothing else: each side has keys of its own, answers
// choose of what was offered, and in the end the relay has the keys that the two sides were told.
func TestTRK03Mix(t *testing.T) {
	t.Parallel()
	secured := 0
	calls := mixes(t, Securing, 10, func(w *World) {
		for _, n := range w.Nodes {
			for _, r := range n.Records {
				if !r.Answered.IsZero() && (r.In.Trunk == "ucb" || r.Out != nil && r.Out.Trunk == "gwc") {
					secured++
				}
			}
		}
	})
	if secured < calls/10 {
		t.Errorf("%d calls with SRTP", secured)
	}
}
