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
func (g *guesses) Locked(now time.Time, at, from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all.Locked(now, at, from)
}

// Guessed is ua.Guesses.
func (g *guesses) Guessed(now time.Time, at, from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all.Guessed(now, at, from)
}

// unproven is told of each INVITE that is challenged. To be challenged first is how every call begins; to have a wrong password is why none gets through, of
// which no record tells. Of one address that is ten lines a minute at most: then it is locked.
func (e *Engine) unproven(t *topology.Trunk, from netip.Addr, why digest.Result) {
	if why == digest.Wrong {
		e.log.Warn("a call with a wrong password is challenged again", "trunk", t.Name, "from", from,
			"check", "user, password and algorithms of authenticate, and whether the Authorization of the peer names the Request-URI")
		return
	}
	e.log.Debug("a call is asked for its password", "trunk", t.Name, "from", from)
}

// guessing is told of a source with too many wrong passwords.
func (e *Engine) guessing(t *topology.Trunk, from netip.Addr) {
	e.log.Warn("too many wrong passwords, calls from there are refused for a while", "trunk", t.Name, "from", from)
}
