package b2bua

import (
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

const (
	// SilentTime is how long an address that took no request stands behind the others of its gateway: RFC 3263 §4.3 goes to the next one for each
	// call anew, and each would wait for noResponseTimeout.
	SilentTime = time.Minute
	// noTCPTime is how long requests go to a peer by UDP after TCP has failed. Who drops the SYN costs each call seconds that has to find out.
	noTCPTime = 5 * time.Minute
	// maxLately bounds the peers that are remembered; trunks have fewer addresses, as a rule.
	maxLately = 1024
)

// Way is an address of a peer as it is reached from one of ours: two networks may have the same addresses, each behind another of ours.
type Way struct {
	From netip.Addr
	To   netip.AddrPort
}

// WayOf is that of a hop.
func WayOf(hop *sip.Hop) Way { return Way{hop.Local.Addr(), hop.Remote} }

// Lately is something that was found out about addresses of peers and is believed for a while. It is of all shards, so that none has to wait for what another
// has found out. *Found is one for a single shard.
type Lately interface {
	// Is tells whether it holds of an address.
	Is(now time.Time, peer Way) bool
	Add(now time.Time, peer Way, d time.Duration)
	Forget(peer Way)
}

// Found has addresses of peers that something was found out about, and until when that is believed. The zero value is ready. It is bounded.
type Found map[Way]time.Time

// Is is Lately.
func (f *Found) Is(now time.Time, peer Way) bool {
	until, known := (*f)[peer]
	if known && !now.Before(until) {
		delete(*f, peer)
	}
	return now.Before(until)
}

// Add is Lately.
func (f *Found) Add(now time.Time, peer Way, d time.Duration) {
	if *f == nil {
		*f = Found{}
	}
	if len(*f) >= maxLately {
		clear(*f) // who is asked again is found out again
	}
	(*f)[peer] = now.Add(d)
}

// Forget is Lately.
func (f *Found) Forget(peer Way) { delete(*f, peer) }

// silent is what is known of silent addresses.
func (e *Env) silent() Lately { return ready(&e.Silent) }

// noTCP is what is known of peers without TCP.
func (e *Env) noTCP() Lately { return ready(&e.NoTCP) }

// ready makes a memory of this shard's own where there is none.
func ready(l *Lately) Lately {
	if *l == nil {
		*l = &Found{}
	}
	return *l
}
