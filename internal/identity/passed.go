package identity

import (
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Passed is a redirection that this server carries out itself: a target has answered with a 3xx that names another one (RFC 5806 §4, RFC 7044 §9).
type Passed struct {
	Diversion
	by *topology.Trunk // of who has redirected
	in *topology.Trunk // whose rules read the number; nil: it is normalized
}

// PassedOn is the redirection of a 3xx that came on a trunk, from who was called under a normalized number. A Diversion of its own says more, and who
// has rung has been asked before.
func PassedOn(m *sip.Message, by *topology.Trunk, number string, rang bool) Passed {
	p := Passed{Diversion: Diversion{Party: Party{Number: number}, Count: 1}, by: by}
	switch {
	case rang:
		p.Reason = Deflection
	case m.Status == 301 || m.Status == 302:
		p.Reason = Unconditional
	}
	if list := diversions(m); len(list) > 0 {
		last := list[len(list)-1]
		p.Number, p.Reason, p.Private, p.in = last.Number, last.Reason, last.Private, by
		sip.Own(&p.Number)
	}
	p.Private = p.Private || ReadPrivacy(m).Has(PrivacyHistory|PrivacySession|PrivacyHeader)
	return p
}

// redirections are those before this server, the earliest first, and then its own, with the numbers that the peer gets. Each needs a trunk that is trusted with it.
func (o *Outgoing) redirections() (list []Diversion) {
	if o.Invite != nil {
		list = ReadHistory(o.Invite, o.In)
		for i := range list {
			list[i].Number = o.carry(list[i].Number)
		}
	}
	for i := range o.Passed {
		p := &o.Passed[i]
		if !p.by.Settings.ForwardCallHistory {
			continue
		}
		d := p.Diversion
		if d.Number = o.Carry(p.in, o.Out, d.Number); d.Number != "" {
			list = append(list, d)
		}
	}
	return list
}
