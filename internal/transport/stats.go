package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Stats is a snapshot of all counters. Counters of a listener begin with its opening.
type Stats struct {
	Listeners    []ListenerStats // by transport, then address
	Accepted     int             // connections open now that peers opened
	Dialled      int             // connections open now, or being opened, that we opened
	LostFailures uint64          // failures that the Handler was not told of
}

// ListenerStats counts one listener, with the connections accepted on it and dialled from it.
type ListenerStats struct {
	Transport         sip.Transport
	Addr              netip.AddrPort
	In, Out           Traffic
	KeepAlives        uint64 // empty datagrams, CRLF and double-CRLF (RFC 5626 §3.5.1)
	Drops             Drops
	Accepted          uint64 // connections
	Refused           uint64 // connections over a limit
	Dialled           uint64 // connections
	DialFailed        uint64
	HandshakeFailed   uint64 // TLS, both directions, refused names included
	CertificateReload uint64
	CertificateEnds   time.Time // when our own certificate expires; zero without TLS
	Open              int64     // connections open now
	// LastUnknown is who was last counted in Drops.UnknownSource, at LastUnknownAt: often a gateway whose address
	// is missing in the document.
	LastUnknown   netip.AddrPort
	LastUnknownAt time.Time
}

// Traffic counts messages and their bytes.
type Traffic struct{ Messages, Bytes uint64 }

// Drops counts by reason what was thrown away.
type Drops struct {
	UnknownSource uint64 // datagrams and connections that Allow refused
	Rate          uint64 // datagrams over the rate of their source
	Delayed       uint64 // times a stream was not read for a while because of the rate; nothing is lost
	Oversize      uint64 // datagrams over the limit of a message
	Malformed     uint64 // datagrams that cannot be SIP; streams closed for a framing error
	Slow          uint64 // connections closed because a message or a write did not end in time
	QueueFull     uint64 // messages to send
	SendError     uint64 // messages that the operating system refused
	Unreachable   uint64 // datagrams sent of which ICMP said that nobody got them
	Kernel        uint64 // datagrams that found the receive buffer full, as the kernel counts
}

// counters is the live form of ListenerStats.
type counters struct {
	inMessages, inBytes, outMessages, outBytes  atomic.Uint64
	keepAlives                                  atomic.Uint64
	unknown, rate, delayed, oversize, malformed atomic.Uint64
	slow, queueFull, sendError, unreachable     atomic.Uint64
	accepted, refused, dialled, dialFailed      atomic.Uint64
	handshakeFailed, reloads                    atomic.Uint64
	open                                        atomic.Int64

	mu     sync.Mutex
	last   netip.AddrPort // stranger
	lastAt time.Duration
}

// stranger counts n packets or connections of unknown sources, the last of which is from.
func (c *counters) stranger(n uint64, from netip.AddrPort, now time.Duration) {
	c.unknown.Add(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.lastAt = from, now
}

func (c *counters) snapshot(start time.Time) ListenerStats {
	c.mu.Lock()
	last, lastAt := c.last, c.lastAt
	c.mu.Unlock()
	var when time.Time
	if last.IsValid() {
		when = start.Add(lastAt)
	}
	return ListenerStats{
		LastUnknown: last, LastUnknownAt: when,
		In:         Traffic{c.inMessages.Load(), c.inBytes.Load()},
		Out:        Traffic{c.outMessages.Load(), c.outBytes.Load()},
		KeepAlives: c.keepAlives.Load(),
		Drops: Drops{
			UnknownSource: c.unknown.Load(), Rate: c.rate.Load(), Delayed: c.delayed.Load(),
			Oversize: c.oversize.Load(), Malformed: c.malformed.Load(), Slow: c.slow.Load(),
			QueueFull: c.queueFull.Load(), SendError: c.sendError.Load(), Unreachable: c.unreachable.Load(),
		},
		Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		Dialled: c.dialled.Load(), DialFailed: c.dialFailed.Load(),
		HandshakeFailed: c.handshakeFailed.Load(), CertificateReload: c.reloads.Load(),
		Open: c.open.Load(),
	}
}

// Stats takes a snapshot.
func (t *Transport) Stats() Stats {
	s := Stats{LostFailures: t.fails.lost.Load()}
	s.Accepted, s.Dialled = t.conns.count()
	for _, u := range *t.udp.Load() {
		l := u.counters.snapshot(t.start)
		l.Transport, l.Addr = sip.UDP, u.local
		l.Drops.Kernel = u.kernelDrops()
		s.Listeners = append(s.Listeners, l)
	}
	for k, st := range *t.streams.Load() {
		l := st.counters.snapshot(t.start)
		l.Transport, l.Addr = k.transport, k.addr
		if st.certs != nil {
			l.CertificateEnds = st.certs.current().cert.Leaf.NotAfter
		}
		s.Listeners = append(s.Listeners, l)
	}
	slices.SortFunc(s.Listeners, func(a, b ListenerStats) int {
		return cmp.Or(cmp.Compare(a.Transport, b.Transport), a.Addr.Compare(b.Addr))
	})
	return s
}

// Listeners lists the open listeners with the addresses that they really have.
func (t *Transport) Listeners() []ListenSpec {
	t.mu.Lock()
	defer t.mu.Unlock()
	var specs []ListenSpec
	for _, o := range t.opened {
		if o.udp != nil {
			specs = append(specs, ListenSpec{Transport: sip.UDP, Addr: o.udp.local})
			continue
		}
		s := ListenSpec{Transport: o.stream.transport, Addr: o.stream.local}
		if o.stream.certs != nil {
			f := o.stream.certs.files()
			s.Cert, s.Key, s.CA, s.Names = f.Cert, f.Key, f.CA, f.Names
		}
		specs = append(specs, s)
	}
	slices.SortFunc(specs, func(a, b ListenSpec) int {
		return cmp.Or(cmp.Compare(a.Transport, b.Transport), a.Addr.Compare(b.Addr))
	})
	return specs
}
