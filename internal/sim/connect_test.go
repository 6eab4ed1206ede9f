package sim

import "testing"

// TestConnectedMix is TestTenThousandCalls where a UC platform and a gateway have DTLS-SRTP and ICE and nothing else: descriptions answer each other, nobody else
// hears of it, and in the end the relay knows certificate, role and credentials of the two sides as they were told.
func TestConnectedMix(t *testing.T) {
	t.Parallel()
	connected := 0
	calls := mixes(t, Connecting, 10, func(w *World) {
		for _, n := range w.Nodes {
			for _, r := range n.Records {
				if !r.Answered.IsZero() && (r.In.Trunk == "ucb" || r.Out != nil && r.Out.Trunk == "gwc") {
					connected++
				}
			}
		}
	})
	if connected < calls/10 {
		t.Errorf("%d calls with DTLS", connected)
	}
}
