package b2bua

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Session-ID is the header of RFC 7989. Each end of a session has a UUID, which passes every B2BUA on the way, and says nothing of who or where that is: by it the records of
// one call at several servers are found together.

// nilUUID stands for the UUID of an end that is not known (RFC 7989 §4).
const nilUUID = "00000000000000000000000000000000"

// newSession is a UUID for a caller that says none, which we give in its place (RFC 7989 §7): of version 4 (RFC 9562 §5.4), without hyphens.
func (e *Env) newSession() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], e.Rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], e.Rand.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return hex.EncodeToString(b[:])
}

// hearSession takes the UUID that a peer has in a message. One of RFC 7329 has one for both ends, which it repeats in its answers: that is the caller's.
func (c *Call) hearSession(l *Leg, m *sip.Message) {
	id, params, _ := strings.Cut(m.Get(sip.IDSessionID), ";")
	id = strings.TrimSpace(id)
	if !isUUID(id) || l != &c.a && id == c.a.session {
		return
	}
	if l.session != id {
		l.session = strings.Clone(id)
	}
	l.oneSession = !sip.Params(params).Has("remote")
}

// isUUID tells whether a text is one, in the form of RFC 7989 §5, that stands for somebody.
func isUUID(s string) bool {
	if len(s) != len(nilUUID) || s == nilUUID {
		return false
	}
	for i := range len(s) {
		if d := s[i]; (d < '0' || d > '9') && (d < 'a' || d > 'f') {
			return false
		}
	}
	return true
}

// tellSession adds to a message on a leg who talk to each other on it, unless a rule of the trunk has said something else or removes it.
func (c *Call) tellSession(l *Leg, m *sip.Message) {
	if m.Has(sip.IDSessionID) || l.trunk.Settings.HeaderRules.Removes(sip.IDSessionID) {
		return
	}
	if l.oneSession { // RFC 7989 §11
		m.Add(sip.IDSessionID, l.session)
		return
	}
	ours, theirs := nilUUID, nilUUID
	if o := c.across(l); o != nil && o.session != "" {
		ours = o.session
	}
	if l.session != "" {
		theirs = l.session
	}
	if ours == nilUUID && theirs == nilUUID {
		return
	}
	const between = ";remote="
	if n := len(nilUUID); l.toldSession == "" || l.toldSession[:n] != ours || l.toldSession[n+len(between):] != theirs {
		l.toldSession = ours + between + theirs
	}
	m.Add(sip.IDSessionID, l.toldSession)
}

// across is the leg at whose end somebody talks, or is to talk, with that of another one; nil: there is none yet.
func (c *Call) across(l *Leg) *Leg {
	switch o := c.other(l); {
	case o != nil:
		return o
	case l == &c.a && c.current != nil:
		return &c.current.leg
	case l == &c.a:
		return nil
	case c.xfer != nil && c.xfer.rest != nil:
		return c.xfer.rest
	}
	return &c.a
}
