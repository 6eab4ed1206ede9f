package engine

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
)

// silent is b2bua.Silent for all shards: what one has waited for in vain, no other waits for.
type silent struct {
	known atomic.Int32 // how many are remembered: as a rule none, and nobody waits for the lock
	mu    sync.Mutex
	all   b2bua.Silences
}

var _ b2bua.Silent = (*silent)(nil)

func (s *silent) Is(now time.Time, peer netip.AddrPort) bool {
	if s.known.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.all.Is(now, peer)
	s.known.Store(int32(s.all.Len())) // what is over is forgotten
	return is
}

func (s *silent) Fell(now time.Time, peer netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Fell(now, peer)
	s.known.Store(int32(s.all.Len()))
}

func (s *silent) Spoke(peer netip.AddrPort) {
	if s.known.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Spoke(peer)
	s.known.Store(int32(s.all.Len()))
}
