package topology

import (
	"cmp"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// resolve turns names into pointers and scopes into what holds, and fills the snapshot.
func (c *compiler) resolve() {
	c.resolveSites()
	c.resolvePools()
	c.resolveTrunks()
	c.resolveSettings()
	c.resolvePolicies()
	c.resolveRoutes()
	c.resolveUsers()
	c.resolveEmergency()
	c.resolveTests()
}

// plan, voicePolicy, site and pool resolve an optional reference, nil when absent or unknown.

func (c *compiler) plan(ref *node) *DialPlan {
	if ref == nil {
		return nil
	}
	if d, ok := c.planNames.get(c, ref); ok {
		return d.out
	}
	return nil
}

func (c *compiler) voicePolicy(ref *node) *VoicePolicy {
	if ref == nil {
		return nil
	}
	if d, ok := c.policyNames.get(c, ref); ok {
		return d.out
	}
	return nil
}

func (c *compiler) site(ref *node) *Site {
	if ref == nil {
		return nil
	}
	if d, ok := c.siteNames.get(c, ref); ok {
		return d.out
	}
	return nil
}

func (c *compiler) pool(ref *node) *Pool {
	if ref == nil {
		return nil
	}
	if d, ok := c.poolNames.get(c, ref); ok {
		return d.out
	}
	return nil
}

func (c *compiler) resolveSites() {
	for _, d := range c.siteDocs {
		d.out.Parent = c.site(d.parent)
		d.out.DialPlan, d.out.Policy = c.plan(d.dialPlan), c.voicePolicy(d.policy)
		c.snap.Sites = append(c.snap.Sites, d.out)
	}
	for _, d := range c.siteDocs {
		steps := 0
		for s := d.out.Parent; s != nil; s = s.Parent {
			if steps++; s == d.out || steps > len(c.siteDocs) {
				c.errorf(d.parent, "the site is its own parent in the end").fixf("Remove one parent of the circle")
				d.out.Parent = nil
				break
			}
		}
	}
	for _, d := range c.planDocs {
		c.snap.DialPlan = append(c.snap.DialPlan, d.out)
	}
}

// ofSite walks from a site up to its central site until get has something.
func ofSite[T any](s *Site, get func(*Site) *T) *T {
	for ; s != nil; s = s.Parent {
		if v := get(s); v != nil {
			return v
		}
	}
	return nil
}

func first[T any](candidates ...*T) *T {
	for _, v := range candidates {
		if v != nil {
			return v
		}
	}
	return nil
}

func (c *compiler) resolvePools() {
	for _, d := range c.poolDocs {
		d.out.Site, d.out.DialPlan = c.site(d.site), c.plan(d.dialPlan)
		if d.site == nil && len(c.siteDocs) == 1 {
			d.out.Site = c.siteDocs[0].out
		}
		c.snap.Pools = append(c.snap.Pools, d.out)
		c.snap.Servers = append(c.snap.Servers, d.out.Servers...)
	}
	for _, d := range c.gatewayDocs {
		d.out.Site = c.site(d.site)
		if d.names == nil && d.out.Host != "" && !d.out.Addr.IsValid() {
			d.out.Names = []string{strings.ToLower(d.out.Host)}
		}
		c.snap.Gateways = append(c.snap.Gateways, d.out)
	}
}

// resolveTrunks gives every gateway its root trunk (TOP-08): the one under root, else the first that trunks has for the
// gateway, else one of defaults.
func (c *compiler) resolveTrunks() {
	explicit := map[*gatewayDoc]*trunkDoc{}
	for _, d := range c.trunkDocs {
		if d.gateway == nil {
			continue
		}
		if gw, ok := c.gatewayNames.get(c, d.gateway); ok {
			d.out.Gateway = gw.out
			if explicit[gw] == nil {
				explicit[gw] = d
			}
		}
	}
	var all []*trunkDoc
	for _, gw := range c.gatewayDocs {
		switch {
		case gw.root != nil:
		case explicit[gw] != nil:
			explicit[gw].out.Root = true
			continue
		default:
			gw.root = newRoot(gw)
		}
		root := gw.root
		root.out.Gateway, root.out.Name, root.out.Line = gw.out, gw.out.Name, gw.key.line
		if root.name != nil && c.checkName(root.name) {
			root.out.Name = root.name.text
		}
		all = append(all, root)
	}
	c.trunkDocs = append(all, c.trunkDocs...)
	for _, d := range c.trunkDocs {
		c.trunkNames.add(c, d.nameNode(), d)
		c.resolveTuple(d)
		d.out.Index = len(c.snap.Trunks)
		c.snap.Trunks = append(c.snap.Trunks, d.out)
		if gw := d.out.Gateway; gw != nil {
			gw.Trunks = append(gw.Trunks, d.out)
		}
	}
}

func (d *trunkDoc) nameNode() *node {
	if d.name != nil {
		return d.name
	}
	return d.key
}

// at is the node of a part of the trunk, its name when the part is a default.
func (d *trunkDoc) at(part *node) *node {
	if part != nil {
		return part
	}
	return d.nameNode()
}

// resolveTuple fills in the defaults of {pool, port, transport : gateway, port}.
func (c *compiler) resolveTuple(d *trunkDoc) {
	t := d.out
	t.Pool = c.pool(d.pool)
	switch {
	case d.pool != nil:
	case len(c.poolDocs) == 1:
		t.Pool = c.poolDocs[0].out
	case len(c.poolDocs) > 1:
		c.errorf(d.nameNode(), "the trunk does not say to which of %d pools it belongs", len(c.poolDocs)).
			fixf("Set pool to %s", strings.Join(c.poolNames.list, " or "))
	}
	t.Transport = d.transportValue
	if t.Transport == 0 {
		t.Transport = sip.TLS
	}
	t.Port = cmp.Or(d.portValue, defaultPort(t.Transport))
	t.GatewayPort = cmp.Or(d.gatewayValue, defaultGatewayPort(t.Transport))
	if d.byDNS {
		t.GatewayPort = 0
	}
	t.Site = c.site(d.site)
	if t.Site == nil && t.Gateway != nil {
		t.Site = t.Gateway.Site
	}
	if t.Site == nil && t.Pool != nil {
		t.Site = t.Pool.Site
	}
	own := c.plan(d.dialPlan)
	ofPool := (*DialPlan)(nil)
	if t.Pool != nil {
		ofPool = t.Pool.DialPlan
	}
	t.DialPlan = first(own, ofSite(t.Site, func(s *Site) *DialPlan { return s.DialPlan }), ofPool, c.globalPlan())
}

// globalPlan and globalPolicy are looked up silently; resolvePolicies reports a name that nothing has, once.
func (c *compiler) globalPlan() *DialPlan {
	if c.dialPlan == nil {
		return nil
	}
	if d := c.planNames.of[strings.ToLower(c.dialPlan.text)]; d != nil {
		return d.out
	}
	return nil
}

// resolveSettings gives every trunk the most specific object as a whole (TRK-01).
func (c *compiler) resolveSettings() {
	c.snap.Defaults = DefaultSettings()
	for _, d := range c.settingsDocs {
		c.settingsLists(d)
		kind, name, _ := strings.Cut(d.key.text, ":")
		ref := *d.key
		ref.text = name
		switch kind {
		case "global":
			c.snap.Defaults = d.out
		case "site":
			if s := c.site(&ref); s != nil {
				s.Settings = d.out
			}
		case "trunk":
			if t, ok := c.trunkNames.get(c, &ref); ok {
				t.out.Settings = d.out
			}
		}
	}
	for _, t := range c.snap.Trunks {
		if t.Settings == nil {
			t.Settings = first(ofSite(t.Site, func(s *Site) *TrunkSettings { return s.Settings }), c.snap.Defaults)
		}
	}
}

func (c *compiler) settingsLists(d *settingsDoc) {
	d.out.Usages = c.usageList(d.usages)
	d.out.CalledRules = c.translationRules(d.called)
	d.out.CallingRules = c.translationRules(d.calling)
	d.out.InboundCalledRules = c.translationRules(d.inboundCalled)
	d.out.InboundCallingRules = c.translationRules(d.inboundCalls)
}

// translationRules reads the name of a list, or a list of rules and names of lists.
func (c *compiler) translationRules(n *node) []*TranslationRule {
	if n == nil {
		return nil
	}
	var rules []compiled
	items := []*node{n}
	if n.kind != scalar {
		items = c.list(n)
	}
	for _, item := range items {
		if item.kind == scalar {
			list, _ := c.ruleNames.get(c, item)
			for _, r := range list {
				r.item = item
				rules = append(rules, r)
			}
			continue
		}
		if r, ok := c.oneRule(item, translationFields); ok {
			rules = append(rules, r)
		}
	}
	c.checkShadowed(rules)
	out := make([]*TranslationRule, len(rules))
	for i, r := range rules {
		out[i] = &TranslationRule{r.rule}
	}
	return out
}

func (c *compiler) resolvePolicies() {
	c.plan(c.dialPlan)
	c.voicePolicy(c.policy)
	for _, d := range c.policyDocs {
		d.out.Usages = c.usageList(d.usages)
		if len(d.out.Usages) == 0 && (d.usages == nil || d.usages.kind == sequence && len(d.usages.items) == 0) {
			c.warnf(d.key, "the voice policy has no usages: its users reach nobody outside").fixf("Add usages")
		}
		c.snap.Policies = append(c.snap.Policies, d.out)
	}
}

func (c *compiler) resolveRoutes() {
	for _, d := range c.routeDocs {
		d.out.Usages = c.usageList(d.usages)
		c.routeTrunks(d)
		c.snap.Routes = append(c.snap.Routes, d.out)
	}
	// Without priority a route stands where it is written: after the route before it.
	priority := 0
	for _, d := range c.routeDocs {
		if d.priority == nil {
			d.out.Priority = priority
		}
		priority = d.out.Priority
	}
	slices.SortStableFunc(c.snap.Routes, func(a, b *Route) int { return cmp.Compare(a.Priority, b.Priority) })
	slices.SortStableFunc(c.routeDocs, func(a, b *routeDoc) int { return cmp.Compare(a.out.Priority, b.out.Priority) })
	for i, r := range c.snap.Routes {
		r.Index = i
	}
}

// routeTrunkDoc is a trunk of a route with its weight.
type routeTrunkDoc struct {
	trunk, weight *node
	out           RouteTrunk
}

var routeTrunkFields = []field[routeTrunkDoc]{
	{"trunk", setRef(func(d *routeTrunkDoc) **node { return &d.trunk })},
	{"weight", func(c *compiler, n *node, d *routeTrunkDoc) {
		if v, ok := c.count(n, 1, 1000); ok {
			d.weight, d.out.Weight = n, v
		}
	}},
}

// routeTrunks reads [a, b] or [{trunk: a, weight: 3}, b].
func (c *compiler) routeTrunks(d *routeDoc) {
	if d.trunks == nil {
		return
	}
	for _, item := range c.list(d.trunks) {
		t := routeTrunkDoc{out: RouteTrunk{Weight: 1}}
		switch item.kind {
		case mapping:
			decode(c, item, routeTrunkFields, &t)
			if item.get("trunk") == nil {
				c.errorf(item, "the entry names no trunk").fixf("Add trunk: NAME")
			}
		default:
			if _, ok := c.text(item); ok {
				t.trunk = item
			}
		}
		if t.trunk == nil {
			continue
		}
		doc, ok := c.trunkNames.get(c, t.trunk)
		if !ok {
			continue
		}
		t.out.Trunk = doc.out
		if slices.ContainsFunc(d.out.Trunks, func(o RouteTrunk) bool { return o.Trunk == doc.out }) {
			c.errorf(item, "the route has the trunk %q twice", doc.out.Name).fixf("Remove one of them")
			continue
		}
		if t.weight != nil && d.out.Selection != Weighted {
			c.errorf(t.weight, "a weight has no meaning with selection %s", d.out.Selection).fixf("Set selection: weighted or remove the weight")
		}
		if gw := doc.out.Gateway; gw != nil && !gw.Routable {
			c.errorf(item, "the route leads to the gateway %q, which is not routable", gw.Name).
				fixf("Set gateways.%s.routable to true or remove the trunk from the route", gw.Name)
		}
		d.out.Trunks = append(d.out.Trunks, t.out)
	}
}
