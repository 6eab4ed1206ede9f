package routing

import (
	"strings"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/topology"
)

// Decide routes one call. It is a pure function of its arguments: the same snapshot, query and state give the same
// decision. A nil state means that every trunk is up and every turn is 0.
func Decide(s *topology.Snapshot, q *Query, st State) Decision {
	x := run{s: s, q: q, st: st, max: maxAttempts(s, q.Trunk)}
	x.decide()
	x.heard()
	x.d.Steps = append(append(make([]Step, 0, x.count()), x.first[:x.n]...), x.more...)
	return x.d
}

// run is one decision under way.
type run struct {
	s   *topology.Snapshot
	q   *Query
	st  State
	d   Decision
	max int // targets

	elin string // number of the caller's location, to be shown on trunks that know no other way

	diverted int      // how often a rule has replaced the number
	lent     []string // usages that such a rule gives
	uri      string   // that is called on the only trunk, by a rule

	rescue bool    // an emergency call: location does not matter
	bypass bool    // a trunk was left out because of location
	called dialled // after the inbound rules
	cands  []candidate
	tried  bool // a route matched

	// Steps gather on the stack; the decision gets a copy of the right size.
	first [32]Step
	n     int
	more  []Step
}

func (x *run) decide() {
	q, d := x.q, &x.d
	name := ""
	if q.Trunk != nil {
		name = q.Trunk.Name
	}
	x.step(Step{Kind: StepCall, Name: name, From: q.Called, To: q.Calling})
	if q.Trunk != nil && q.Trunk.Disabled {
		x.refuse(diag.TrunkDisabled)
		return
	}
	if len(q.Called) > maxUser || q.Called == "" && q.CalledURI == "" {
		x.refuse(diag.NumberInvalid)
		return
	}
	x.caller()
	if x.service() {
		return
	}
	x.called = parse(q.Called)
	if x.dialsForUs() && x.emergency(x.called.number) {
		return // before a rule for an outside line makes 11 of 911
	}
	if q.Trunk != nil && x.called.digits {
		n, changed := x.translate(StepInCalled, q.Trunk.Settings.InboundCalledRules, x.called.number, q.Trunk.Name)
		x.called.number = n
		if changed && x.dialsForUs() && x.emergency(n) {
			return
		}
	}
	d.Number = x.called.number
	normalized := x.normalize()
	if x.callBack() {
		return
	}
	if q.Trunk != nil && len(x.s.InboundRules) > 0 {
		if r := x.inboundRule(); r != nil {
			if x.divert(&r.To, diag.InboundRefused) {
				return
			}
			normalized = true
		}
	}
	for {
		if u := x.findUser(normalized); u != nil {
			x.toUser(u)
			return
		}
		if x.emergency(d.Number) {
			return
		}
		if !normalized {
			if x.called.digits {
				x.refuse(diag.NotNormalized)
			} else {
				x.refuse(diag.NotFound)
			}
			return
		}
		r := x.unassigned()
		if r == nil {
			break
		}
		if x.divert(&r.To, diag.UnassignedNumber) {
			return
		}
	}
	x.routes(x.usages())
}

// dialsForUs tells whether the called string is what a person of ours dialled: from a UC platform, a PBX or a named
// user. Then an emergency number is one before any rule can make something else of it. From a gateway or provider it
// may as well be the last digits of a number of ours, so there users come first.
func (x *run) dialsForUs() bool {
	if x.q.Trunk == nil || x.q.User != nil {
		return true
	}
	k := x.q.Trunk.Gateway.Kind
	return k == topology.KindUC || k == topology.KindPBX
}

// fromUC tells whether the caller may be one of the users.
func (x *run) fromUC() bool { return x.q.Trunk == nil || x.q.Trunk.Gateway.Kind == topology.KindUC }

// caller finds out who calls. A number that a gateway, PBX or provider gives is never taken for a user: it would
// lend the user's policy to whoever claims the number.
func (x *run) caller() {
	q, d := x.q, &x.d
	number := ""
	if len(q.Calling) <= maxUser {
		number = x.received(q.Trunk, parse(q.Calling))
	}
	user := q.User
	if user == nil && x.fromUC() {
		if q.CallingURI != "" {
			user = x.s.UserByURI(q.CallingURI)
		}
		if user == nil && number != "" {
			if user = x.s.UserByNumber(number); user == nil && q.Trunk == nil {
				user = x.s.UserByAlias(number)
			}
		}
	}
	d.CallingUser = user
	st := Step{Kind: StepCaller, From: q.Calling}
	if user == nil && x.fromUC() && strings.Trim(q.Calling, "+0123456789") != "" {
		st.Of = q.CallingURI // of somebody with a name the host decides, which the name does not show
	}
	if user != nil {
		st.Name, st.Outcome = user.Name, Chosen
		if user.Number != "" {
			number = userNumber(user)
		}
	}
	d.CallerNumber, st.To = number, number
	x.step(st)
	if q.ForwardedBy != "" && x.fromUC() {
		x.forwarder()
	}
}

// userNumber is the line of a user as it stands in URIs.
func userNumber(u *topology.User) string {
	if u.Ext == "" {
		return u.Number
	}
	if n, found := strings.CutPrefix(u.LineURI, "tel:"); found && n == u.Number+";ext="+u.Ext {
		return n // no allocation
	}
	return u.Number + ";ext=" + u.Ext
}

// normalize makes E.164 of the called number: by the plan that phone-context names, by the caller's plan or by the
// trunk's. A number that is E.164 already and that no rule matches stays.
func (x *run) normalize() bool {
	if !x.called.digits {
		return false
	}
	if plan := x.plan(); plan != nil {
		x.step(Step{Kind: StepPlan, Name: plan.Name, Outcome: Chosen})
		n, rule, ok := x.firstRule(plan, x.called.number)
		if ok {
			x.step(Step{Kind: StepNormalize, Outcome: Chosen, Name: rule.Name, Of: plan.Name, From: x.called.number, To: n})
			x.d.Number = n
			return true
		}
	}
	if isE164(x.called.number) {
		x.step(Step{Kind: StepNormalize, Outcome: KeptAsIs, From: x.called.number, To: x.called.number})
		return true
	}
	x.step(Step{Kind: StepNormalize, Outcome: NoMatch, From: x.called.number})
	return false
}

// plan is the dial plan of the called number. A call of nobody in particular has that of the global scope.
func (x *run) plan() *topology.DialPlan {
	var own *topology.DialPlan
	if u := x.d.CallingUser; u != nil {
		own = u.DialPlan
	}
	if u := x.d.Forwarder; u != nil && u.DialPlan != nil {
		own = u.DialPlan // who dialled
	}
	switch {
	case x.q.Plan != nil:
		own = x.q.Plan
	case own != nil:
	case x.q.Trunk != nil:
		own = x.q.Trunk.DialPlan
	case x.d.CallingUser == nil:
		own = x.s.GlobalPlan
	}
	return x.named(x.called.context, own)
}

// firstRule finds the first rule of a plan that matches.
func (x *run) firstRule(plan *topology.DialPlan, number string) (string, *topology.NormalizationRule, bool) {
	if plan.OptimizeDeviceDialing {
		return x.optimized(plan, number)
	}
	for _, r := range plan.Rules {
		if out, ok := x.rule(plan, r, number); ok {
			return out, r, true
		}
	}
	return number, nil, false
}

func (x *run) rule(plan *topology.DialPlan, r *topology.NormalizationRule, number string) (string, bool) {
	out, ok := apply(&r.Rule, number)
	if !ok && x.q.Full {
		x.step(Step{Kind: StepNormalize, Outcome: NoMatch, Name: r.Name, Of: plan.Name, From: number, To: r.Pattern})
	}
	return out, ok
}

// optimized is firstRule with a prefix for outside lines: internal rules come first, and not at all for a number that begins with it.
func (x *run) optimized(plan *topology.DialPlan, number string) (string, *topology.NormalizationRule, bool) {
	for _, internal := range [...]bool{true, false} {
		if internal && strings.HasPrefix(number, plan.ExternalAccessPrefix) {
			continue
		}
		for _, r := range plan.Rules {
			if r.Internal != internal {
				continue
			}
			if out, ok := x.rule(plan, r, number); ok {
				return out, r, true
			}
		}
	}
	return number, nil, false
}

// translate applies the first rule of a list that matches; without one the number stays (TRK-20).
func (x *run) translate(kind StepKind, rules []*topology.TranslationRule, number, of string) (string, bool) {
	for _, r := range rules {
		if out, ok := apply(&r.Rule, number); ok {
			x.step(Step{Kind: kind, Outcome: Chosen, Name: r.Name, Of: of, From: number, To: out})
			return out, true
		}
		if x.q.Full {
			x.step(Step{Kind: kind, Outcome: NoMatch, Name: r.Name, Of: of, From: number, To: r.Pattern})
		}
	}
	return number, false
}

// findUser is the reverse number lookup (RTE-08), then users by SIP URI, then by name and extension for what no rule
// normalizes.
func (x *run) findUser(normalized bool) *topology.User {
	var u *topology.User
	looked := x.d.Number
	if normalized {
		u = x.s.UserByNumber(looked)
	} else {
		if x.q.CalledURI != "" {
			u = x.s.UserByURI(x.q.CalledURI)
		}
		if u == nil && looked != "" {
			u = x.s.UserByAlias(looked)
		}
	}
	if u == nil {
		x.step(Step{Kind: StepUser, Outcome: Unknown, From: looked})
		return nil
	}
	if !normalized && u.Number != "" {
		x.d.Number = userNumber(u)
	}
	st := Step{Kind: StepUser, Outcome: Chosen, Name: u.Name, From: looked, To: u.URI}
	if u.Private != "" && looked == u.Private {
		x.d.Private, st.Outcome = true, PrivateLine
	}
	x.step(st)
	return u
}

func (x *run) step(s Step) {
	if x.n < len(x.first) {
		x.first[x.n] = s
		x.n++
		return
	}
	x.more = append(x.more, s)
}

// count is the number of steps, and so the place of the next one.
func (x *run) count() int { return x.n + len(x.more) }

// outcome changes that of the step at a place.
func (x *run) outcome(place int, o Outcome) {
	if place < x.n {
		x.first[place].Outcome = o
		return
	}
	x.more[place-x.n].Outcome = o
}

func (x *run) refuse(r *diag.Reason) {
	x.d.Kind, x.d.Reason, x.d.Targets = Refused, r, nil
	x.step(Step{Kind: StepRefused, Name: r.ID})
}

// defaultAttempts is the number of targets when no settings say otherwise.
const defaultAttempts = 6

func maxAttempts(s *topology.Snapshot, in *topology.Trunk) int {
	set := s.Defaults
	if in != nil {
		set = in.Settings
	}
	if set != nil && set.MaxAttempts > 0 {
		return set.MaxAttempts
	}
	return defaultAttempts
}
