package siptest

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
)

// logIn answers the challenge to the first INVITE of a call (RFC 3261 §22.2): false, when there is none or the agent has no answer to it.
func (c *Call) logIn(m *sip.Message) bool {
	cfg := &c.a.cfg
	if cfg.User == "" || m.Status != 401 && m.Status != 407 || c.cancelOn {
		return false
	}
	account := digest.NewAccount(cfg.User, cfg.Password, "")
	if c.login.Learn(m, account, &c.round) != nil {
		return false
	}
	c.seq++
	inv := c.invite.Clone()
	inv.Del(sip.IDVia)
	inv.Set(sip.IDCSeq, cseq(c.seq, "INVITE"))
	var random [8]byte
	rand.Read(random[:])
	c.login.Authorize(inv, account, binary.BigEndian.Uint64(random[:]))
	c.invite = inv
	c.event(Invited, true, inv)
	c.out = c.a.request(c, inv, c.to, c.inviteAnswered)
	return true
}
