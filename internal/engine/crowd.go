package engine

import (
	"time"

	"github.com/directsip/directsip/internal/topology"
)

// A trunk is crowded from 90 % of maxCalls on (DR-12), and no longer below 80 %: a load that moves around the mark is told once.
const (
	crowdedAt = 90
	roomyAt   = 80
)

// fill looks how full the trunk is and tells whether it has just become crowded.
func (p *place) fill() (now bool) {
	n, most := 100*len(p.calls), p.trunk.Settings.MaxCalls
	switch {
	case most == 0 || n < roomyAt*most:
		p.crowded = false
	case n >= crowdedAt*most && !p.crowded:
		p.crowded = true
		return true
	}
	return false
}

// Pause keeps new calls away from a trunk's peer until a time (RFC 3261 §21.5.4, DR-09). Emergency calls go all the same, and so does what the
// peer calls itself.
func (b *Board) Pause(t *topology.Trunk, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.byName[t.Watched().Name]; p != nil && p.trunk.SamePeer(t.Watched()) && until.After(p.paused) {
		p.paused = until
	}
}
