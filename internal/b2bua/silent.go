package b2bua

import (
	"net/netip"
	"slices"
	"time"
)

// silentTime is how long an address that took no INVITE stands behind the others of its gateway: RFC 3263 §4.3 goes to the next one for each
// call anew, and each would wait for noResponseTimeout.
const silentTime = time.Minute

// Silent is what the calls of all shards know of addresses that fell silent, so that not each shard has to wait for what another has found out. *Silences is
// one for a single shard.
type Silent interface {
	// Is tells whether an address took no request lately.
	Is(now time.Time, peer netip.AddrPort) bool
	Fell(now time.Time, peer netip.AddrPort)
	Spoke(peer netip.AddrPort)
}

// Silences are addresses that fell silent. The zero value is ready. They are bounded.
type Silences struct{ until lately }

// Is is Silent.
func (s *Silences) Is(now time.Time, peer netip.AddrPort) bool { return s.until.is(now, peer) }

// Fell is Silent.
func (s *Silences) Fell(now time.Time, peer netip.AddrPort) { s.until.add(now, peer, silentTime) }

// Spoke is Silent.
func (s *Silences) Spoke(peer netip.AddrPort) { delete(s.until, peer) }

// Len is how many are remembered.
func (s *Silences) Len() int { return len(s.until) }

// silent is what is known of silent addresses.
func (e *Env) silent() Silent {
	if e.Silent == nil {
		e.Silent = &Silences{}
	}
	return e.Silent
}

// speaking has the addresses that fell silent behind the others. The list may be shared: it is not changed.
func (e *Env) speaking(now time.Time, list []Addr) []Addr {
	fell := func(a Addr) bool { return e.silent().Is(now, a.Remote) }
	if len(list) < 2 || !slices.ContainsFunc(list, fell) {
		return list
	}
	first, last := make([]Addr, 0, len(list)), []Addr(nil)
	for _, a := range list {
		if fell(a) {
			last = append(last, a)
		} else {
			first = append(first, a)
		}
	}
	return append(first, last...)
}
