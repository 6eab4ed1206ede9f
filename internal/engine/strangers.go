package engine

import (
	"net/netip"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Stranger is who has sent requests that fit no trunk, at one listener.
type Stranger struct {
	Transport sip.Transport
	Listener  netip.AddrPort
	Requests  uint64
	Last      netip.AddrPort // that a request came from
	LastAt    time.Time
}

// maxStrangers bounds the listeners that are remembered.
const maxStrangers = 64

// strangers are those of all shards.
type strangers struct {
	mu   sync.Mutex
	list []Stranger
}

// stranger is told of a request that fits no trunk.
func (e *Engine) stranger(now time.Time, src sip.Source) {
	s := &e.strangers
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		if x := &s.list[i]; x.Transport == src.Transport && x.Listener == src.Local {
			x.Requests, x.Last, x.LastAt = x.Requests+1, src.Remote, now
			return
		}
	}
	if len(s.list) < maxStrangers {
		s.list = append(s.list, Stranger{src.Transport, src.Local, 1, src.Remote, now})
	}
}

// Strangers are those whose requests came so far as to be refused, one for each listener. Others the transport has dropped before.
func (e *Engine) Strangers() []Stranger {
	e.strangers.mu.Lock()
	defer e.strangers.mu.Unlock()
	return append([]Stranger(nil), e.strangers.list...)
}
