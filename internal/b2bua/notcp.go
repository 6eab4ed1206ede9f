package b2bua

import (
	"net/netip"
	"time"
)

const (
	// noTCPTime is how long large requests go to a peer by UDP after TCP has failed. Who drops the SYN costs each call seconds that has to find out.
	noTCPTime = 5 * time.Minute
	// maxNoTCP bounds the peers that are remembered; trunks have fewer addresses, as a rule.
	maxNoTCP = 1024
)

// noTCP has the addresses of UDP trunks that were without TCP when a request was too large for UDP (RFC 3261 §18.1.1), and until when that is
// believed.
type noTCP map[netip.AddrPort]time.Time

func (n noTCP) is(now time.Time, peer netip.AddrPort) bool { return now.Before(n[peer]) }

func (n *noTCP) add(now time.Time, peer netip.AddrPort) {
	if *n == nil {
		*n = noTCP{}
	}
	if len(*n) >= maxNoTCP {
		clear(*n) // who is asked again is found out again
	}
	(*n)[peer] = now.Add(noTCPTime)
}
