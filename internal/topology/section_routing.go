package topology

import (
	"slices"
	"strings"
)

type planDoc struct {
	key        *node
	simpleName *node
	prefix     *node
	rules      []compiled
	out        *DialPlan
}

var planFields = []field[planDoc]{
	{"simpleName", setRef(func(d *planDoc) **node { return &d.simpleName })},
	{"optimizeDeviceDialing", setBool(func(d *planDoc) *bool { return &d.out.OptimizeDeviceDialing })},
	{"externalAccessPrefix", func(c *compiler, n *node, d *planDoc) { c.accessPrefix(n, d) }},
	{"rules", func(c *compiler, n *node, d *planDoc) { c.normalizationRules(n, d) }},
}

// ruleDoc is a rule as written; internal is for normalization rules only.
type ruleDoc struct {
	name, pattern, translation *node
	internal                   bool
}

var translationFields = []field[ruleDoc]{
	{"name", setRef(func(d *ruleDoc) **node { return &d.name })},
	{"pattern", setRef(func(d *ruleDoc) **node { return &d.pattern })},
	{"translation", setNode(func(d *ruleDoc) **node { return &d.translation })},
}

var normalizationFields = append([]field[ruleDoc]{
	{"internal", setBool(func(d *ruleDoc) *bool { return &d.internal })},
}, translationFields...)

type routeDoc struct {
	item                    *node
	name, pattern, priority *node
	usages, trunks          *node
	suppress, alternate     *node
	out                     *Route
}

var routeFields = []field[routeDoc]{
	{"name", setRef(func(d *routeDoc) **node { return &d.name })},
	{"pattern", setRef(func(d *routeDoc) **node { return &d.pattern })},
	{"except", func(c *compiler, n *node, d *routeDoc) { c.exceptions(n, d) }},
	{"priority", func(c *compiler, n *node, d *routeDoc) {
		if v, ok := c.count(n, 0, 1000000); ok {
			d.priority, d.out.Priority = n, v
		}
	}},
	{"usages", setNode(func(d *routeDoc) **node { return &d.usages })},
	{"trunks", setNode(func(d *routeDoc) **node { return &d.trunks })},
	{"selection", func(c *compiler, n *node, d *routeDoc) {
		s := string(d.out.Selection)
		c.oneOf(n, &s, string(RoundRobin), string(Ordered), string(Weighted))
		d.out.Selection = Selection(s)
	}},
	{"suppressCallerID", func(c *compiler, n *node, d *routeDoc) {
		d.suppress = n
		d.out.SuppressCallerID, _ = c.boolean(n)
	}},
	{"alternateCallerID", setRef(func(d *routeDoc) **node { return &d.alternate })},
}

type userDoc struct {
	key                 *node
	uri, lineURI        *node
	private             *node
	gateway, pool, site *node
	dialPlan, policy    *node
	location            *node
	locationPolicy      *node
	out                 *User
}

var userFields = append(limitFields(func(d *userDoc) *Limit { return &d.out.Limit }), []field[userDoc]{
	{"uri", setRef(func(d *userDoc) **node { return &d.uri })},
	{"lineURI", setRef(func(d *userDoc) **node { return &d.lineURI })},
	{"privateLine", setRef(func(d *userDoc) **node { return &d.private })},
	{"gateway", setRef(func(d *userDoc) **node { return &d.gateway })},
	{"pool", setRef(func(d *userDoc) **node { return &d.pool })},
	{"site", setRef(func(d *userDoc) **node { return &d.site })},
	{"dialPlan", setRef(func(d *userDoc) **node { return &d.dialPlan })},
	{"voicePolicy", setRef(func(d *userDoc) **node { return &d.policy })},
	{"location", setRef(func(d *userDoc) **node { return &d.location })},
	{"locationPolicy", setRef(func(d *userDoc) **node { return &d.locationPolicy })},
}...)

type testDoc struct {
	item        *node
	from        *node
	forwardedBy *node
	expect,
	trunk *node
	dialPlan, policy                *node
	usage, route, expectTrunk, user *node
	out                             TestCase
}

var testFields = []field[testDoc]{
	{"name", setText(func(d *testDoc) *string { return &d.out.Name })},
	{"dialed", setText(func(d *testDoc) *string { return &d.out.Dialed })},
	{"from", setRef(func(d *testDoc) **node { return &d.from })},
	{"trunk", setRef(func(d *testDoc) **node { return &d.trunk })},
	{"forwardedBy", setRef(func(d *testDoc) **node { return &d.forwardedBy })},
	{"dialPlan", setRef(func(d *testDoc) **node { return &d.dialPlan })},
	{"voicePolicy", setRef(func(d *testDoc) **node { return &d.policy })},
	{"headers", testHeaders},
	{"expect", func(c *compiler, n *node, d *testDoc) { d.expect = n; decode(c, n, expectFields, d) }},
}

var expectFields = []field[testDoc]{
	{"number", setText(func(d *testDoc) *string { return &d.out.ExpectNumber })},
	{"usage", setRef(func(d *testDoc) **node { return &d.usage })},
	{"route", setRef(func(d *testDoc) **node { return &d.route })},
	{"trunk", setRef(func(d *testDoc) **node { return &d.expectTrunk })},
	{"user", setRef(func(d *testDoc) **node { return &d.user })},
	{"refusal", setText(func(d *testDoc) *string { return &d.out.ExpectRefusal })},
	{"called", setText(func(d *testDoc) *string { return &d.out.ExpectCalled })},
	{"calling", setText(func(d *testDoc) *string { return &d.out.ExpectCalling })},
	{"headers", expectHeaders},
}

func (c *compiler) dialPlans(n *node) {
	c.each(n, "dial plan", func(key, value *node) {
		d := &planDoc{key: key, out: &DialPlan{Name: key.text, ExternalAccessPrefix: "9"}}
		decode(c, value, planFields, d)
		if len(d.out.Rules) == 0 && value.get("rules") == nil {
			c.warnf(key, "the dial plan has no rules: only numbers that begin with + can be dialled").fixf("Add rules")
		}
		c.checkOrder(d)
		c.planDocs = append(c.planDocs, d)
		c.planNames.add(c, key, d)
	})
}

func (c *compiler) normalizationRules(n *node, d *planDoc) {
	rules := c.ruleList(n, normalizationFields)
	for _, r := range rules {
		d.out.Rules = append(d.out.Rules, &NormalizationRule{Rule: r.rule, Internal: r.doc.internal})
	}
	d.rules = rules
}

func (c *compiler) translationLists(n *node) {
	c.each(n, "rule list", func(key, value *node) {
		c.ruleNames.add(c, key, c.ruleList(value, translationFields))
	})
}

func (c *compiler) usages(n *node) {
	_, at := c.texts(n)
	for _, item := range at {
		if c.checkName(item) {
			c.usageNames.add(c, item, item.text)
			c.snap.Usages = append(c.snap.Usages, item.text)
		}
	}
}

func (c *compiler) routes(n *node) {
	for _, item := range c.list(n) {
		d := &routeDoc{item: item, out: &Route{Selection: RoundRobin}}
		decode(c, item, routeFields, d)
		if item.kind != mapping {
			continue
		}
		if d.name == nil {
			c.errorf(item, "the route has no name").fixf("Add name: it is what messages and call records say")
		} else if c.checkName(d.name) {
			d.out.Name = d.name.text
			c.routeNames.add(c, d.name, d)
		}
		if d.pattern == nil {
			c.errorf(item, "the route has no pattern").fixf(`Add pattern: ^\+ for every number`)
		} else {
			d.out.Pattern = d.pattern.text
			d.out.Re = c.pattern(d.pattern)
		}
		c.routeDocs = append(c.routeDocs, d)
	}
}

func (c *compiler) users(n *node) {
	c.each(n, "user", func(key, value *node) {
		d := &userDoc{key: key, out: &User{Name: key.text}}
		decode(c, value, userFields, d)
		c.userDocs = append(c.userDocs, d)
		c.userNames.add(c, key, d)
	})
}

func (c *compiler) tests(n *node) {
	for _, item := range c.list(n) {
		d := &testDoc{item: item, out: TestCase{Line: item.line}}
		decode(c, item, testFields, d)
		if item.kind != mapping {
			continue
		}
		if d.out.Dialed == "" && item.get("dialed") == nil {
			c.errorf(item, "the test dials no number").fixf("Add dialed: 0425550100")
		}
		if d.expect == nil || len(d.expect.entries) == 0 && d.expect.kind != scalar {
			c.errorf(item, "the test expects nothing and cannot fail").fixf("Add expect with at least one key")
		}
		if d.out.Name == "" {
			d.out.Name = strings.TrimSpace("dial " + d.out.Dialed)
		}
		c.testDocs = append(c.testDocs, d)
	}
}

// usageList resolves a list of usages to their declared spelling.
func (c *compiler) usageList(n *node) []string {
	if n == nil {
		return nil
	}
	var list []string
	_, at := c.texts(n)
	for _, item := range at {
		if name, ok := c.usageNames.get(c, item); ok && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
