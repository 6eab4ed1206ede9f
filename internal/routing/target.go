package routing

import (
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// Anonymous is the user part of a caller who is hidden (RFC 3323 section 4.1).
const Anonymous = "anonymous"

// target computes what is sent on one trunk. It starts from the original numbers every time, so the second attempt
// differs from the first only by its trunk and route.
func (x *run) target(c *candidate, called string) Target {
	set, d := c.trunk.Settings, &x.d
	t := Target{Trunk: c.trunk, Route: c.route, Usage: c.usage, Calling: d.CallerNumber, Display: x.q.Display}
	switch {
	case x.uri != "":
		t.URI, t.Called = x.uri, userPart(x.uri)
	case d.User != nil && (d.User.Number == "" || !x.called.digits):
		t.URI = d.User.URI
		t.Called = userPart(d.User.URI)
	case d.User == nil && d.Kind == Emergency:
		var ok bool
		if t.Called, ok = x.translate(StepCalled, set.CalledRules, called, c.trunk.Name); !ok {
			if out, ok := x.translate(StepCalled, set.CalledRules, "+"+called, c.trunk.Name); ok {
				t.Called = out
			}
		}
	default:
		t.Called = x.outbound(StepCalled, set.CalledRules, called, c.trunk)
		if d.User == nil {
			t.Parameters = x.parameters(c.trunk, t.Called)
		}
	}
	switch {
	case x.elin != "" && c.trunk.PSTN() && !set.PIDFLO:
		t.SuppressID, t.Display, d.ELIN = true, "", x.elin
		x.step(Step{Kind: StepELIN, Outcome: Chosen, Name: d.Location.Name, Of: c.trunk.Name, From: t.Calling, To: x.elin})
		t.Calling = x.elin
	case c.route != nil && c.route.SuppressCallerID:
		t.SuppressID, t.Display = true, ""
		st := Step{Kind: StepCallerID, Outcome: Chosen, Name: c.route.Name, Of: c.trunk.Name, From: t.Calling}
		if t.Calling = c.route.AlternateCallerID; t.Calling == "" {
			t.Calling, st.Outcome = Anonymous, Hidden
		}
		st.To = t.Calling
		x.step(st)
	}
	t.Calling = x.outbound(StepCalling, set.CallingRules, t.Calling, c.trunk)
	if set.RemovePlus {
		t.Called, t.Calling = x.removePlus(t.Called, c.trunk.Name), x.removePlus(t.Calling, c.trunk.Name)
	}
	return t
}

// outbound applies the rules of a trunk to a number. Telephone networks do not know extensions: toward a gateway or
// provider ";ext=" is left out, unless a rule that matches it says what to do with it.
func (x *run) outbound(kind StepKind, rules []*topology.TranslationRule, number string, t *topology.Trunk) string {
	base, ext := splitExt(number)
	k := t.Gateway.Kind
	if ext != "" && (k == topology.KindGateway || k == topology.KindSBC) {
		for _, r := range rules {
			if out, ok := applyWhole(&r.Rule, number); ok {
				x.step(Step{Kind: kind, Outcome: Chosen, Name: r.Name, Of: t.Name, From: number, To: out})
				return out
			}
		}
		x.step(Step{Kind: StepExt, Outcome: Chosen, Of: t.Name, From: number, To: base})
		number = base
	}
	out, _ := x.translate(kind, rules, number, t.Name)
	return out
}

// removePlus is TRK-14.
func (x *run) removePlus(number, of string) string {
	out, found := strings.CutPrefix(number, "+")
	if found {
		x.step(Step{Kind: StepPlus, Outcome: Chosen, Of: of, From: number, To: out})
	}
	return out
}

// userPart is the user of a SIP URI.
func userPart(uri string) string {
	if _, rest, found := strings.Cut(uri, ":"); found {
		uri = rest
	}
	user, _, found := strings.Cut(uri, "@")
	if !found {
		return ""
	}
	user, _, _ = strings.Cut(user, ":")
	return user
}
