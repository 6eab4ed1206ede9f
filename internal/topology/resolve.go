package topology

import "strings"

// resolve turns names into pointers and scopes into what holds, and fills the snapshot.
func (c *compiler) resolve() {
	c.resolveSites()
	c.resolvePools()
	c.resolveTrunks()
	c.resolveSettings()
	c.resolvePolicies()
	c.snap.GlobalPlan, c.snap.GlobalPolicy = c.globalPlan(), c.globalPolicy()
	c.resolveRoutes()
	c.resolveUsers()
	c.resolveTargets()
	c.resolveUnassigned()
	c.resolveInbound()
	c.resolveEmergency()
	c.resolveNetwork()
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
		d.out.DialPlan, d.out.Policy, d.out.RoutingPolicy = c.plan(d.dialPlan), c.voicePolicy(d.policy), c.voicePolicy(d.routingPolicy)
		d.out.Location, d.out.LocationPolicy = c.location(d.location), c.locationPolicy(d.locationPolicy)
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
		c.resolveSound(d)
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
	c.resolveProfiles()
	c.inheritSettings()
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
		c.resolveForwarding(d)
		if len(d.out.Usages) == 0 && (d.usages == nil || d.usages.kind == sequence && len(d.usages.items) == 0) {
			c.warnf(d.key, "the voice policy has no usages: its users reach nobody outside").fixf("Add usages")
		}
		c.snap.Policies = append(c.snap.Policies, d.out)
	}
}
