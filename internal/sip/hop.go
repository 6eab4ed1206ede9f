package sip

import "net/netip"

// Transport is the transport protocol of a message.
type Transport uint8

// The transports of RFC 3261 §18.
const (
	UDP Transport = iota + 1
	TCP
	TLS
)

// String is the token of the Via header: "UDP", "TCP" or "TLS".
func (t Transport) String() string {
	switch t {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case TLS:
		return "TLS"
	}
	return "?"
}

// Reliable tells whether the transport repeats for itself, so that timers A, E and G are off (RFC 3261 §17).
func (t Transport) Reliable() bool { return t == TCP || t == TLS }

// Hop says where a message goes: the result of RFC 3263 or the way back of a request.
// It is comparable.
type Hop struct {
	Local     netip.AddrPort // our listener that the trunk uses: the socket for UDP, the source address for a new connection
	Remote    netip.AddrPort // where the peer listens, or where the request came from
	Way       netip.AddrPort // TCP and TLS: where the peer has been reached, if Remote cannot be; not valid: nowhere else
	Host      string         // the name that the peer wants to be found by, before Remote (RFC 3263); "": it gave an address. An open connection needs none
	Name      string         // TLS: the name that the peer's certificate must carry
	As        string         // our own name toward the peer, in Via and Contact; "": that of the listener
	Flow      uint64         // an open connection to prefer; 0 when none. If it is gone, Remote is dialled
	Port      uint16         // of Host; 0: DNS says
	Transport Transport
	Secure    bool // our URI toward the peer is a sips one (RFC 3261 §12.1.1)
}

// Source says where a message came from.
type Source struct {
	Transport Transport
	Local     netip.AddrPort // our listener's address and port; for a connection that we dialled, that of Hop.Local
	Remote    netip.AddrPort // the peer's address and port as seen on the socket
	Flow      uint64         // the connection, 0 for UDP
	Names     []string       // TLS: DNS names of the verified peer certificate
}
