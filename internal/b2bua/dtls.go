package b2bua

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// Keys of DTLS-SRTP (RFC 5763) end at each leg as those of SDES do. What is opened keeps the peer's fingerprints and the role that it takes; the handshake
// itself is the relay's.

// association is how an m-line stands on a leg with respect to DTLS.
type association struct {
	id     string        // ours (RFC 8842 §4); "" until it is needed
	theirs string        // what the peer has said of the one that has that name
	active bool          // the role that we took last
	before *media.Shaken // that which the peer had in another call; nil: none
}

const (
	fingerprintLine = "fingerprint:"
	setupLine       = "setup:"
	idLine          = "tls-id:"
)

// handshakes tells whether we can speak DTLS at all.
func (e *Env) handshakes() bool { return e.Fingerprint.Value != "" }

// describeDTLS is what we say of DTLS in a description. A name of the association is said in offers, and in answers to those who said theirs.
func (at *protection) describeDTLS(e *Env, setup string, named bool) []string {
	if at.dtls.id == "" {
		at.dtls.id = Token(e.Rand, 24) // RFC 8842 §4: at least 120 random bits
	}
	list := []string{fingerprintLine + sdp.FormatFingerprint(sdp.Fingerprint(e.Fingerprint)), setupLine + setup}
	if named {
		list = append(list, idLine+at.dtls.id)
	}
	return list
}

// heardDTLS is what is kept of what a peer says of DTLS in an m-line: its fingerprints, its name for the association, and the role that it has by
// what we answer. nil: it cannot be used.
func heardDTLS(s *sdp.Session, i int, peerActive bool) (list []string) {
	for _, f := range s.Fingerprints(i) {
		list = append(list, fingerprintLine+sdp.FormatFingerprint(f))
	}
	if list == nil {
		return nil
	}
	if peerActive {
		list = append(list, setupLine+"active")
	} else {
		list = append(list, setupLine+"passive")
	}
	if id := s.TLSID(i); id != "" {
		list = append(list, idLine+id)
	}
	return list
}

// spoken is what tells the associations of a peer apart: its name for each, and its fingerprints (RFC 8842 §4).
func spoken(s *sdp.Session, i int) string {
	said := strings.Clone(s.TLSID(i))
	for _, f := range s.Fingerprints(i) {
		said += " " + sdp.FormatFingerprint(f)
	}
	return said
}

// takesDTLS answers an m-line with DTLS (RFC 5763 §5). Of a peer that leaves it to us we want that it begins: then its first packet shows where it is,
// also behind NAT. A role that was taken stays, and so does our name for the association; for another one of the peer's we have another (RFC 8842 §5.3).
// What stood before T.38 stands behind it.
func (c *Call) takesDTLS(l *Leg, s *sdp.Session, i int, to *sdp.Protection) bool {
	at := l.srtp.line(i)
	setup := s.Setup(i)
	was := at.dtls.active
	said, name, theirs := spoken(s, i), at.dtls.id, at.dtls.theirs
	if e := c.standing(l, i); e != nil && e.dtls != nil {
		was = e.dtls.Active
		if ours, stands, _ := strings.Cut(e.dtls.Association, " "); stands == said { // whatever offers came to nothing since
			name, theirs = ours, said
		}
	}
	active := setup == "passive" || setup == "actpass" && was
	if to.Lines = heardDTLS(s, i, !active); to.Lines == nil || setup == "holdconn" {
		to.Lines = nil
		return false
	}
	if theirs != said {
		name = ""
	}
	at.dtls = association{id: name, theirs: said, active: active}
	ours := "passive"
	if active {
		ours = "active"
	}
	at.asked = sdp.Protection{Proto: s.Media[i].Proto, Lines: at.describeDTLS(c.env, ours, s.TLSID(i) != "")}
	return true
}

// hasDTLS tells whether a description of ours had a fingerprint.
func hasDTLS(p *sdp.Protection) bool {
	return slices.ContainsFunc(p.Lines, func(line string) bool { return strings.HasPrefix(line, fingerprintLine) })
}

// dtls is the keying of an m-line by a description that was opened; nil: it has no DTLS.
func (l *Leg) dtls(s *sdp.Session, i int) *media.DTLS {
	if l.srtp == nil || i >= maxLines || s.Media[i].Crypto || !s.Media[i].Fingerprint {
		return nil
	}
	d := &media.DTLS{Active: s.Setup(i) != "active", Suites: l.suites(), Association: l.srtp.line(i).dtls.id + " " + spoken(s, i)}
	for _, f := range s.Fingerprints(i) {
		d.Peer = append(d.Peer, media.Fingerprint{Hash: strings.Clone(f.Hash), Value: f.Value})
	}
	if before := l.srtp.line(i).dtls.before; !d.Active && goesOn(before, spoken(s, i)) {
		d.Before = before
	}
	return d
}

// goesOn tells whether a peer that has said so much of its association keeps the one that it had before, when its call is joined with another: one that knows no names of them begins anew for another
// fingerprint (RFC 8842 §3.1), and ours is the same everywhere. To begin ICE anew is no reason, and so browsers send on with the keys that they have. Whoever begins another handshake, may.
func goesOn(before *media.Shaken, said string) bool {
	if before == nil {
		return false
	}
	_, was, _ := strings.Cut(before.Association, " ")
	return was == said && strings.HasPrefix(said, " ")
}

// shaken is the association that stands on an m-line of a leg, where the peer begins handshakes; nil: none does.
func (c *Call) shaken(l *Leg, i int) *media.Shaken {
	e := c.standing(l, i)
	if e == nil || e.dtls == nil || e.dtls.Active || e.dtls.Association == "" {
		return nil
	}
	return &media.Shaken{Session: c.id, Stream: i, Side: l.side, Association: e.dtls.Association}
}

// suites are those of the trunk.
func (l *Leg) suites() (list []media.Suite) {
	for _, name := range l.trunk.Settings.SRTPSuites {
		if s, ok := media.SuiteNamed(name); ok {
			list = append(list, s)
		}
	}
	return list
}
