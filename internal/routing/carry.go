package routing

import (
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// Carry is what a number becomes that stands in a header beside From and To, P-Asserted-Identity or Diversion say: where it
// arrived it is read as a calling number, by the trunk's rules and dial plan, and where it leaves it is written as one. A name
// passes as it is; "" when the number is too long to be one.
func Carry(in, out *topology.Trunk, number string) string {
	if len(number) > maxUser {
		return ""
	}
	x := run{q: &Query{}}
	n := x.received(in, parse(number))
	n = x.outbound(StepCalling, out.Settings.CallingRules, n, out)
	if out.Settings.RemovePlus {
		n = x.removePlus(n, out.Name)
	}
	return n
}

// received is a calling number as its trunk means it: by the inbound rules, then, unless it is E.164, by the dial plan that its
// phone-context names (RTE-06) or by that of the trunk.
func (x *run) received(in *topology.Trunk, calling dialled) string {
	number := calling.number
	if in == nil || !calling.digits {
		return number
	}
	number, _ = x.translate(StepInCalling, in.Settings.InboundCallingRules, number, in.Name)
	if plan := x.named(calling.context, in.DialPlan); plan != nil && !isE164(number) {
		number, _, _ = x.firstRule(plan, number)
	}
	return number
}

// named is the dial plan with a simple name, else the one given.
func (x *run) named(context string, own *topology.DialPlan) *topology.DialPlan {
	if context == "" || x.s == nil {
		return own
	}
	for _, p := range x.s.DialPlan {
		if strings.EqualFold(p.SimpleName, context) {
			return p
		}
	}
	return own
}
