package topology

import (
	"regexp"
	"slices"
	"strings"
)

// alternateCallerID is RTE-13.
var alternateCallerID = regexp.MustCompile(`^(\+)?[1-9]\d*(;ext=[1-9]\d*)?$`)

func (d *routeDoc) nameNode() *node {
	if d.name != nil {
		return d.name
	}
	return d.item
}

func (c *compiler) checkRoutes() {
	var earlier matchers
	plus := c.numbersHavePlus()
	for _, d := range c.routeDocs {
		c.checkRoute(d)
		m := newMatcher(d.out.Re)
		c.checkRouteReached(d, m, &earlier)
		if plus {
			c.checkPlus(d, m)
		}
		earlier.add(m)
	}
}

func (c *compiler) checkRoute(d *routeDoc) {
	r := d.out
	if len(r.Usages) == 0 {
		c.warnf(d.nameNode(), "the route has no usages and carries no call").fixf("Add usages")
	}
	if len(r.Trunks) == 0 {
		c.warnf(d.nameNode(), "the route has no trunks and carries no call").fixf("Add trunks")
	}
	switch {
	case r.SuppressCallerID && d.alternate == nil:
		c.errorf(d.suppress, "suppressCallerID needs a number to show instead").fixf("Add alternateCallerID: +14255550100")
	case d.alternate == nil:
	case !alternateCallerID.MatchString(d.alternate.text):
		c.errorf(d.alternate, "%q cannot be an alternate caller id", d.alternate.text).fixf("Write it like +14255550100 or +14255550100;ext=100")
	case !r.SuppressCallerID:
		c.warnf(d.alternate, "alternateCallerID is ignored without suppressCallerID").fixf("Set suppressCallerID: true or remove it")
	default:
		r.AlternateCallerID = d.alternate.text
	}
}

// numbersHavePlus tells whether every number that routes see begins with +, but for emergency numbers: each rule of a dial plan that makes one begins
// it so.
func (c *compiler) numbersHavePlus() bool {
	for _, d := range c.planDocs {
		for _, r := range d.rules {
			if !strings.HasPrefix(r.rule.Pattern, "^") || !strings.HasPrefix(r.rule.Translation, "+") {
				return false
			}
		}
	}
	return true
}

// withoutPlus matches what does not begin with +.
var withoutPlus = newMatchers(newMatcher(regexp.MustCompile(`^([^+]|$)`)))

// checkPlus: the pattern of a number as it is dialled, without its +, is the mistake that is made most often.
func (c *compiler) checkPlus(d *routeDoc, m matcher) {
	if repeatsAnchor(d.out.Pattern) || slices.ContainsFunc(d.out.Usages, c.rescues) { // that has been told, or emergency numbers are as dialled
		return
	}
	if by, ok := withoutPlus.cover(m, nil); ok && len(by) > 0 {
		c.warnf(d.pattern, "the pattern %s matches no number that begins with +, and dial plans make no other", d.out.Pattern).fixf(`Begin it with ^\+, as in ^\+1`)
	}
}

// rescues tells whether a usage is one of emergency calls.
func (c *compiler) rescues(usage string) bool {
	of := func(list []EmergencyNumber) bool {
		return slices.ContainsFunc(list, func(e EmergencyNumber) bool { return e.Usage == usage })
	}
	return of(c.snap.Emergency) || slices.ContainsFunc(c.snap.LocationPolicies, func(p *LocationPolicy) bool { return of(p.Numbers) })
}

// checkRouteReached: several routes that match are tried one after the other, so a route is dead only when earlier ones
// that take every number of it have all of its usages and all of its trunks.
func (c *compiler) checkRouteReached(d *routeDoc, m matcher, earlier *matchers) {
	if m.empty() {
		c.errorf(d.pattern, "the pattern %s matches no number at all", d.out.Pattern).fixf("Correct it or remove the route")
		return
	}
	if len(d.out.Usages) == 0 || len(d.out.Trunks) == 0 {
		return
	}
	by, ok := earlier.cover(m, func(i int) bool {
		e := c.routeDocs[i].out
		return len(e.Except) == 0 && containsAll(e, d.out)
	})
	if ok {
		var names []string
		for _, i := range by {
			names = append(names, quoted("route", c.routeDocs[i].out.Name))
		}
		c.warnf(d.nameNode(), "the route never carries a call: its numbers, usages and trunks are all in %s before it", strings.Join(names, " and ")).
			fixf("Remove it or change its trunks")
	}
}

// containsAll tells whether a has every usage and every trunk of b.
func containsAll(a, b *Route) bool {
	for _, u := range b.Usages {
		if !slices.Contains(a.Usages, u) {
			return false
		}
	}
	for _, t := range b.Trunks {
		if !slices.ContainsFunc(a.Trunks, func(o RouteTrunk) bool { return o.Trunk == t.Trunk }) {
			return false
		}
	}
	return true
}

// checkUsages: a usage joins policies and trunks on one side to routes on the other; each side needs the other.
func (c *compiler) checkUsages() {
	given := map[string]bool{}
	for _, p := range c.snap.Policies {
		for _, u := range slices.Concat(p.Usages, p.ForwardingUsages) {
			given[u] = true
		}
	}
	for _, d := range c.settingsDocs {
		for _, u := range d.out.Usages {
			given[u] = true
		}
	}
	for _, e := range c.snap.Emergency {
		given[e.Usage] = true
	}
	for _, p := range c.snap.LocationPolicies {
		for _, e := range p.Numbers {
			given[e.Usage] = true
		}
	}
	for _, to := range c.snap.destinations() {
		for _, u := range to.Usages {
			given[u] = true
		}
	}
	routed := map[string]bool{}
	for _, d := range c.routeDocs {
		reached := false
		for _, u := range d.out.Usages {
			routed[u] = true
			reached = reached || given[u]
		}
		if !reached && len(d.out.Usages) > 0 {
			c.warnf(d.usages, "no voice policy, trunk or emergency number has a usage of this route, so it carries no call").
				fixf("Add one of %s to a voice policy", strings.Join(d.out.Usages, ", "))
		}
	}
	for _, u := range c.snap.Usages {
		if given[u] && !routed[u] {
			c.warnf(c.usageNames.where[strings.ToLower(u)], "no route has the usage %q", u).fixf("Add it to a route")
		}
	}
}

// checkInterTrunk warns of transit: usages on a trunk of a PSTN gateway or provider let callers from outside call
// outside at the company's cost (spec 2.2 rule 7). A route whose only trunk is the one that the call came from is a
// loop and refused; where there are others, routing leaves that trunk out.
func (c *compiler) checkInterTrunk() {
	routes := map[string][]*routeDoc{} // by usage
	for _, d := range c.routeDocs {
		for i, u := range d.out.Usages {
			if !contains(d.out.Usages[:i], u) {
				routes[u] = append(routes[u], d)
			}
		}
	}
	before := c.alike.noted
	for _, t := range c.snap.Trunks {
		if !t.PSTN() {
			continue
		}
		for _, u := range t.Settings.Usages {
			for _, d := range routes[u] {
				c.checkTransit(t, u, d, c.alike.noted-before < maxProblems)
			}
		}
	}
}

// checkTransit says of mistakes always, and warns only while there are not too many of them: of thousands of trunks and of routes there are millions of pairs.
func (c *compiler) checkTransit(in *Trunk, usage string, d *routeDoc, warn bool) {
	at := func() *node { return c.settingsNames.of[strings.ToLower(in.Settings.Scope)].usages }
	if len(d.out.Trunks) == 1 && d.out.Trunks[0].Trunk == in {
		c.errorf(at(), "a call that arrives on trunk %q may use %q, whose route %q leads back out of the same trunk", in.Name, usage, d.out.Name).
			fixf("Remove the usage from these settings")
		return
	}
	for _, o := range d.out.Trunks {
		if o.Trunk != in && o.Trunk.PSTN() {
			if !warn {
				c.alike.cut = true
				return
			}
			c.warnf(at(), "toll fraud: a call from outside that arrives on trunk %q may use %q, whose route %q leads outside through trunk %q",
				in.Name, usage, d.out.Name, o.Trunk.Name).fixf("Remove the usage, or give calls from outside usages of their own")
			return
		}
	}
}

// checkUnused warns of objects that nothing uses: usually a name was forgotten elsewhere.
func (c *compiler) checkUnused() {
	used := map[*VoicePolicy]bool{c.globalPolicy(): true}
	for _, s := range c.snap.Sites {
		used[s.Policy], used[s.RoutingPolicy] = true, true
	}
	for _, u := range c.snap.Users {
		used[u.Policy] = true
	}
	for _, d := range c.policyDocs {
		if !used[d.out] {
			c.warnf(d.key, "nobody has the voice policy").fixf("Name it in voicePolicy of a user, of a site or of the document")
		}
	}
	for _, d := range c.userDocs {
		if d.out.Policy == nil {
			c.warnf(d.key, "the user has no voice policy and can call nobody outside").fixf("Set voicePolicy of the user, its site or the document")
		}
		if d.out.DialPlan == nil {
			c.warnf(d.key, "the user has no dial plan and can dial only numbers that begin with +").fixf("Set dialPlan of the user, its site or the document")
		}
	}
}
