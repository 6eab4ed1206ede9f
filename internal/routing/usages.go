package routing

import (
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// usages are the PSTN usages of the call: of the user who forwards it, else of the user who makes it, else of the trunk
// that it came in on (inter-trunk routing, RTE-24). A call of nobody in particular, which only a question about the document is, has those of the global scope.
func (x *run) usages() []string {
	if x.lent != nil {
		x.step(Step{Kind: StepPolicy, Name: x.d.Number, Of: "rule"})
		return x.lent
	}
	if p := x.q.Policy; p != nil {
		x.step(Step{Kind: StepPolicy, Outcome: AsAsked, Name: p.Name, Of: "policy"})
		return p.Usages
	}
	if u := x.d.Forwarder; u != nil && u.Policy != nil {
		return x.forwarding(u)
	}
	if u := x.d.CallingUser; u != nil && u.Policy != nil {
		x.step(Step{Kind: StepPolicy, Name: u.Policy.Name, Of: "policy", From: u.Name})
		return x.atSite(u, u.Policy.Usages)
	}
	if t := x.q.Trunk; t != nil {
		x.step(Step{Kind: StepPolicy, Name: t.Name, Of: "trunk", From: t.Settings.Scope})
		return t.Settings.Usages
	}
	if p := x.s.GlobalPolicy; p != nil && x.d.CallingUser == nil {
		x.step(Step{Kind: StepPolicy, Name: p.Name, Of: "policy", To: "global"})
		return p.Usages
	}
	x.step(Step{Kind: StepPolicy, Outcome: NoUsages})
	return nil
}

// forwarder finds the user who forwards the call, by URI or number (RTE-23).
func (x *run) forwarder() {
	by := x.q.ForwardedBy
	u := x.s.UserByURI(by)
	if u == nil {
		if uri, err := sip.ParseURI(by); err == nil {
			if n := parse(sip.Unescape(uri.User) + ";" + string(uri.Params)); n.digits && len(n.number) <= maxUser {
				u = x.s.UserByNumber(n.number)
			}
		}
	}
	st := Step{Kind: StepForwarder, Outcome: Unknown, From: by}
	if u != nil {
		x.d.Forwarder, st.Name, st.Outcome = u, u.Name, Chosen
	}
	x.step(st)
}

// forwarding are the usages of a call that a user forwards or lets ring elsewhere too.
func (x *run) forwarding(u *topology.User) []string {
	st := Step{Kind: StepPolicy, Name: u.Policy.Name, Of: "policy", From: u.Name}
	list := u.Policy.Usages
	switch u.Policy.Forwarding {
	case topology.CustomUsage:
		list = u.Policy.ForwardingUsages
	case topology.InternalOnly:
		if x.rescue {
			break
		}
		st.Outcome = InternalOnly
		x.step(st)
		x.refuse(diag.ForwardingInternal)
		return nil
	}
	st.To = "forwarded"
	x.step(st)
	return x.atSite(u, list)
}

func (st *Step) forwarderText(p *prose) {
	if st.Outcome == Chosen {
		p.put(st.From, " forwards the call")
		return
	}
	p.put(st.From, " is said to forward the call and is not a user")
}

func (st *Step) policyText(p *prose) {
	switch {
	case st.Outcome == NoUsages:
		p.put("the caller is no user and there is no incoming trunk")
	case st.Outcome == AtSite:
		p.put("of site ")
		p.quote(st.From)
		p.put(", where the user is, instead of the user's own")
	case st.Outcome == InternalOnly:
		p.put("user ")
		p.quote(st.From)
		p.put(" may forward only to other users")
	case st.Outcome == AsAsked:
		p.put("voice policy that was asked for")
	case st.To == "global":
		p.put("voice policy of the document; the call is of no user and no trunk")
	case st.Of == "rule":
		p.put("of the rule that sends the call to this number")
	case st.Of == "trunk":
		p.put("of the trunk that the call came in on (settings of ", st.From, ")")
	default:
		p.put("voice policy of user ")
		p.quote(st.From)
		if st.To == "forwarded" {
			p.put(", usages of forwarded calls")
		}
	}
}
