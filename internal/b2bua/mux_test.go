package b2bua

import (
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

// TestRTCPMuxNeedsBothEnds has an offer of rtcp-mux count only with its answer (RFC 5761 §5.1.1).
func TestRTCPMuxNeedsBothEnds(t *testing.T) {
	for _, row := range []struct{ caller, callee, want bool }{
		{true, true, true}, {true, false, false}, {false, true, false}, {false, false, false},
	} {
		c := &Call{}
		c.a.trunk = &topology.Trunk{Settings: topology.DefaultSettings()}
		c.plan.lines = make([]line, 1)
		c.plan.lines[0].peer[0].mux, c.plan.lines[0].peer[1].mux = row.caller, row.callee
		s := c.plan.session(c)
		for k := range s.Streams[0].Side {
			if got := s.Streams[0].Side[k].Mux; got != row.want {
				t.Errorf("caller %v, callee %v: side %d has mux %v, want %v", row.caller, row.callee, k, got, row.want)
			}
		}
	}
}
