package transport

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	rateSets = 1024
	rateWays = 8
)

// rateTable is a token bucket per source address. It has a fixed size: in a full set the source that was silent
// longest is forgotten, which gives it at most one fresh burst.
type rateTable struct {
	perSecond float64
	burst     float64
	seed      maphash.Seed
	sets      [rateSets]rateSet
}

type rateSet struct {
	mu   sync.Mutex
	ways [rateWays]bucket
}

type bucket struct {
	addr   [16]byte
	tokens float64
	last   time.Duration // when tokens was right; 0: unused
}

// newRateTable returns nil, which limits nothing, when perSecond is not positive.
func newRateTable(perSecond float64, burst int) *rateTable {
	if perSecond <= 0 {
		return nil
	}
	return &rateTable{perSecond: perSecond, burst: float64(burst), seed: maphash.MakeSeed()}
}

// take spends one message of a source. now is time since the start and positive.
func (r *rateTable) take(addr netip.Addr, now time.Duration) bool {
	_, ok := r.spend(addr, now)
	return ok
}

// spend takes one token, or tells how long until there is one.
func (r *rateTable) spend(addr netip.Addr, now time.Duration) (wait time.Duration, ok bool) {
	if r == nil {
		return 0, true
	}
	key := addr.As16()
	set := &r.sets[maphash.Bytes(r.seed, key[:])%rateSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	b := set.find(key)
	if b.addr != key || b.last == 0 {
		*b = bucket{addr: key, tokens: r.burst, last: now}
	}
	if now > b.last {
		b.tokens = min(r.burst, b.tokens+(now-b.last).Seconds()*r.perSecond)
		b.last = now
	}
	if b.tokens >= 1 {
		b.tokens--
		return 0, true
	}
	return time.Duration((1 - b.tokens) / r.perSecond * float64(time.Second)), false
}

// back returns one token to a source that is still remembered.
func (r *rateTable) back(addr netip.Addr) {
	key := addr.As16()
	set := &r.sets[maphash.Bytes(r.seed, key[:])%rateSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	if b := set.find(key); b.addr == key {
		b.tokens = min(r.burst, b.tokens+1)
	}
}

// find returns the bucket of key, or the one to give up for it.
func (s *rateSet) find(key [16]byte) *bucket {
	oldest := &s.ways[0]
	for i := range s.ways {
		b := &s.ways[i]
		if b.addr == key {
			return b
		}
		if b.last < oldest.last {
			oldest = b
		}
	}
	return oldest
}
