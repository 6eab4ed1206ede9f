package sim

import (
	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
)

// Login is how a caller answers when a node asks for its password. The zero value knows it.
type Login struct {
	Wrong int  // wrong answers before the right one
	None  bool // it has no password
}

// maxLogins is how often a caller calls again with a password.
const maxLogins = 4

// logsIn calls again with the password when an INVITE was challenged (RFC 3261 §22.2).
func (p *Party) logsIn(m *sip.Message) bool {
	c := &p.scenario.Caller
	if p.cancel || p.state != trying || c.Login.None || c.Merged || p.logins == maxLogins {
		return false
	}
	with := account
	if p.logins < c.Login.Wrong {
		with = digest.NewAccount(account.User(), "wrong", "")
	}
	p.logins++
	var client digest.Client
	if err := client.Learn(m, with, new(digest.Round)); err != nil {
		p.w().fail("%s: the challenge cannot be answered: %v\n%s", p.scenario.Name, err, m)
		return false
	}
	p.seq++
	again := p.firstInvite()
	client.Authorize(again, with, p.w().rnd.Uint64())
	p.invite = p.send(again, p.answeredCall)
	return true
}
