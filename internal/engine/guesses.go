package engine

import (
	"net/netip"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/topology"
)

// guesses is ua.Guesses for all shards.
type guesses struct {
	mu  sync.Mutex
	all digest.Guesses
}

// Locked is ua.Guesses.
func (g *guesses) Locked(now time.Time, from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all.Locked(now, from)
}

// Guessed is ua.Guesses.
func (g *guesses) Guessed(now time.Time, from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all.Guessed(now, from)
}

// guessing is told of a source with too many wrong passwords.
func (e *Engine) guessing(t *topology.Trunk, from netip.Addr) {
	e.log.Warn("too many wrong passwords, calls from there are refused for a while", "trunk", t.Name, "from", from)
}
