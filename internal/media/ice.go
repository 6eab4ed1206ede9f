package media

import "net/netip"

// ICE is how a side finds which addresses work (RFC 8445). Each port is a component with one candidate of ours, its address.
type ICE struct {
	Ufrag, Pwd string // ours; others begin anew (RFC 8445 §9)
	Full       bool   // we check as well; else we are lite and answer
	Controls   bool   // we nominate, until a conflict of roles says otherwise; only with Full

	PeerUfrag, PeerPwd string // "": not told yet
	PeerLite           bool
	Candidates         []Candidate // of the peer
}

// Candidate is an address that a peer may be reached at.
type Candidate struct {
	Component uint8 // 1 RTP, 2 RTCP
	Priority  uint32
	Address   netip.AddrPort
}

// String has no password.
func (i *ICE) String() string {
	switch {
	case i == nil:
		return ""
	case i.Full:
		return "full ICE"
	}
	return "ICE-lite"
}

// GoString is String, for %#v.
func (i *ICE) GoString() string { return i.String() }
