package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
)

// lately is b2bua.Lately for all shards: what one has waited for in vain, no other waits for.
type lately struct {
	known atomic.Int32 // how many are remembered: as a rule none, and nobody waits for the lock
	mu    sync.Mutex
	all   b2bua.Found
}

var _ b2bua.Lately = (*lately)(nil)

// Is is b2bua.Lately.
func (l *lately) Is(now time.Time, peer b2bua.Way) bool {
	if l.known.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	is := l.all.Is(now, peer)
	l.known.Store(int32(len(l.all))) // what is over is forgotten
	return is
}

// Add is b2bua.Lately.
func (l *lately) Add(now time.Time, peer b2bua.Way, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Add(now, peer, d)
	l.known.Store(int32(len(l.all)))
}

// Forget is b2bua.Lately.
func (l *lately) Forget(peer b2bua.Way) {
	if l.known.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Forget(peer)
	l.known.Store(int32(len(l.all)))
}
