package media

import "slices"

// DTLS is the keying of a side by DTLS-SRTP (RFC 5763, RFC 5764): a handshake on its ports makes the keys that Crypt would have. Until it has, nothing
// passes in either direction.
type DTLS struct {
	Peer        []Fingerprint // of the peer's certificate: one of those with the strongest hash must fit. None: not told yet
	Active      bool          // we begin the handshake (RFC 4145 §4)
	Association string        // another value asks for another handshake (RFC 8842 §4)
	Suites      []Suite       // that we have, in order of preference
	Before      *Shaken       // the one whose keys hold until another handshake has made some; nil: nothing does
}

// Shaken is an association of DTLS on a side of a session.
type Shaken struct {
	Session     SessionID
	Stream      int
	Side        SideIndex
	Association string
}

// Fingerprint is the hash of a certificate (RFC 8122 §5).
type Fingerprint struct {
	Hash  string // "sha-256"
	Value string // octets
}

// Same tells whether two ask for the same association.
func (d *DTLS) Same(o *DTLS) bool {
	if d == nil || o == nil {
		return d == o
	}
	return d.Active == o.Active && d.Association == o.Association && slices.Equal(d.Peer, o.Peer) && slices.Equal(d.Suites, o.Suites)
}
