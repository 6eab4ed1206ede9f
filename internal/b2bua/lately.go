package b2bua

import (
	"net/netip"
	"time"
)

const (
	// noTCPTime is how long requests go to a peer by UDP after TCP has failed. Who drops the SYN costs each call seconds that has to find out.
	noTCPTime = 5 * time.Minute
	// maxLately bounds the peers that are remembered; trunks have fewer addresses, as a rule.
	maxLately = 1024
)

// lately has addresses of peers that something was found out about, and until when that is believed.
type lately map[netip.AddrPort]time.Time

func (l lately) is(now time.Time, peer netip.AddrPort) bool {
	until, known := l[peer]
	if known && !now.Before(until) {
		delete(l, peer)
	}
	return now.Before(until)
}

func (l *lately) add(now time.Time, peer netip.AddrPort, d time.Duration) {
	if *l == nil {
		*l = lately{}
	}
	if len(*l) >= maxLately {
		clear(*l) // who is asked again is found out again
	}
	(*l)[peer] = now.Add(d)
}
