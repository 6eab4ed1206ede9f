package transport

import (
	"net/netip"
	"sync"
	"time"
)

const (
	absentFor = time.Minute // how long an address at which nobody was is not tried
	maxAbsent = 1024        // addresses remembered
)

// absent has the addresses at which nobody was to be reached, of peers that have been reached elsewhere, and until when that is believed. A target behind a
// NAT names an address of its own network in every call, and each message to it would wait for DialTimeout anew, its ACK for one.
type absent struct {
	mu    sync.Mutex
	until map[netip.AddrPort]time.Duration
}

func (a *absent) add(now time.Duration, remote netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil || len(a.until) >= maxAbsent {
		a.until = map[netip.AddrPort]time.Duration{}
	}
	a.until[remote] = now + absentFor
}

// has tells whether nobody was to be reached there lately.
func (a *absent) has(now time.Duration, remote netip.AddrPort) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	until, known := a.until[remote]
	return known && now < until
}

// forget has an address tried again.
func (a *absent) forget(remote netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.until, remote)
}

// turn leads a message to where its peer has been reached, if nobody is where it says that it is.
func (a *absent) turn(now time.Duration, m *Send) {
	h := &m.Hop
	if !h.Way.IsValid() {
		return
	}
	if a.has(now, h.Remote) {
		m.instead = h.Remote
		h.Remote, h.Way = h.Way, netip.AddrPort{}
	}
}
