package engine

import (
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

// TestKeptPorts: what is kept for emergency calls is a small part, and none of what others are promised.
func TestKeptPorts(t *testing.T) {
	numbers := &topology.Snapshot{Emergency: []topology.EmergencyNumber{{}}}
	someone := &topology.Snapshot{LocationPolicies: []*topology.LocationPolicy{{Numbers: numbers.Emergency}}}
	for _, c := range []struct {
		snap        *topology.Snapshot
		first, last uint16
		maxCalls    int
		want        int
	}{
		{&topology.Snapshot{}, 49152, 57500, 0, 0},
		{numbers, 49152, 57500, 0, 64}, {someone, 49152, 57500, 0, 64},
		{numbers, 50000, 50063, 0, 0}, {numbers, 50000, 50127, 0, 2}, {numbers, 50000, 50039, 0, 0},
		{numbers, 50000, 50999, 250, 0}, {numbers, 50000, 50999, 245, 10}, {numbers, 50000, 50999, 248, 4}, {numbers, 50000, 50999, 300, 0},
	} {
		alone := &topology.Server{MediaPorts: topology.PortRange{First: c.first, Last: c.last}, MaxCalls: c.maxCalls}
		alone.Pool = &topology.Pool{Servers: []*topology.Server{alone}}
		pooled := &topology.Server{MediaPorts: alone.MediaPorts} // of three, which share what the pool may have
		pooled.Pool = &topology.Pool{Servers: []*topology.Server{pooled, alone, alone}, Limit: topology.Limit{MaxCalls: 3 * c.maxCalls}}
		for _, srv := range []*topology.Server{alone, pooled} {
			got := keptPorts(c.snap, srv)
			if got == c.want {
				continue
			}
			t.Errorf("of %d-%d with %d calls at most %d pairs are kept, want %d", c.first, c.last, c.maxCalls, got, c.want)
		}
	}
}

// TestFirstPort: a server begins at any of the blocks that are steered together, so not where it began before.
func TestFirstPort(t *testing.T) {
	for _, c := range []struct {
		first, last uint16
		rnd         uint64
		want        uint16
	}{
		{40000, 40399, 0, 40000}, {40000, 40399, 1, 40064}, {40000, 40399, 6, 40384}, {40000, 40399, 7, 40000},
		{49152, 57500, 130, 57472}, {49152, 57500, 1 << 63, 49152 + (1 << 63 % 131 * 64)}, {50000, 50063, 5, 49984}, {65000, 65535, 8, 65472},
	} {
		srv := &topology.Server{MediaPorts: topology.PortRange{First: c.first, Last: c.last}}
		if got := firstPort(srv, c.rnd); got != c.want {
			t.Errorf("of %d-%d with %d: %d, want %d", c.first, c.last, c.rnd, got, c.want)
		}
	}
}
