package ua

import (
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Guesses counts the wrong passwords of each source (from) at each address of ours (at), over all shards; *digest.Guesses is one for a single shard.
type Guesses interface {
	Locked(now time.Time, at, from netip.Addr) bool
	Guessed(now time.Time, at, from netip.Addr) bool
}

// authenticated tells whether an INVITE that begins something proves what its trunk asks for (RFC 3261 §22.1). If it does not, it has
// been answered, statelessly: nobody gets us to keep anything without the password.
//
// Requests within a dialog are not asked again: they come from where the dialog does and know its tags, and few peers answer a challenge
// to a BYE. ACK and CANCEL cannot be asked (RFC 3261 §22.1). OPTIONS are not, since some peers take anything but 200 for a dead trunk. An
// emergency call must not fail for want of a password (NEW-18).
func (c *Core) authenticated(now time.Time, src sip.Source, m *sip.Message, t *topology.Trunk) bool {
	if t.Authenticate == nil || c.emergency(m) {
		return true
	}
	at, from := src.Local.Addr(), src.Remote.Addr()
	if c.cfg.Guesses.Locked(now, at, from) {
		c.counts.Locked++
		c.refuse(src, m, diag.PasswordGuessed, 0)
		return false
	}
	s := digest.Server{Realm: t.Authenticate.Realm, Key: c.cfg.NonceKey, Peer: t.Name + " " + from.String(), Spent: &c.spent,
		Algorithms: t.Authenticate.Algorithms, Integrity: t.Authenticate.Integrity}
	result := s.Check(now, m, false, t.PeerAccount())
	switch result {
	case digest.Accepted:
		c.counts.Authenticated++
		return true
	case digest.Wrong:
		c.counts.WrongPassword++
		if c.cfg.Guesses.Guessed(now, at, from) && c.cfg.Guessing != nil {
			c.cfg.Guessing(t, from)
		}
	}
	if c.cfg.Unproven != nil {
		c.cfg.Unproven(t, from, result)
	}
	c.counts.Challenged++
	r := Refusal(m, diag.PasswordMissing, 0, "")
	for _, v := range s.Challenge(now, m.CallID(), result == digest.Stale) {
		r.Add(sip.IDWWWAuthenticate, v)
	}
	c.send(src, m, r)
	return false
}

// emergency tells whether an INVITE is for an emergency number as dialled, or an emergency service.
func (c *Core) emergency(m *sip.Message) bool { return c.snap.Rescues(m.URI) }
