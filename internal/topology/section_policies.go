package topology

type policyDoc struct {
	key                    *node
	usages                 *node
	forwarding, forwardsTo *node
	out                    *VoicePolicy
}

var policyFields = append(limitFields(func(d *policyDoc) *Limit { return &d.out.Limit }), []field[policyDoc]{
	{"usages", setNode(func(d *policyDoc) **node { return &d.usages })},
	{"callForwardingSimulRingUsageType", func(c *compiler, n *node, d *policyDoc) {
		s := string(d.out.Forwarding)
		c.oneOf(n, &s, string(VoicePolicyUsage), string(InternalOnly), string(CustomUsage))
		d.forwarding, d.out.Forwarding = n, Forwarding(s)
	}},
	{"customCallForwardingSimulRingUsages", setNode(func(d *policyDoc) **node { return &d.forwardsTo })},
	{"enableBWPolicyOverride", setBool(func(d *policyDoc) *bool { return &d.out.BandwidthOverride })},
	{"preventPSTNTollBypass", setBool(func(d *policyDoc) *bool { return &d.out.PreventTollBypass })},
}...)

func (c *compiler) policies(n *node) {
	c.each(n, "voice policy", func(key, value *node) {
		d := &policyDoc{key: key, out: &VoicePolicy{Name: key.text, Forwarding: VoicePolicyUsage}}
		decode(c, value, policyFields, d)
		c.policyDocs = append(c.policyDocs, d)
		c.policyNames.add(c, key, d)
	})
}

// resolveForwarding: usages of its own are for a policy that says so, and such a policy needs some (RTE-23).
func (c *compiler) resolveForwarding(d *policyDoc) {
	d.out.ForwardingUsages = c.usageList(d.forwardsTo)
	switch custom := d.out.Forwarding == CustomUsage; {
	case custom && (d.forwardsTo == nil || len(d.forwardsTo.items) == 0):
		c.errorf(d.forwarding, "calls that are forwarded have usages of their own, and there are none").speaksOf(d.forwarding.parent).
			fixf("Add customCallForwardingSimulRingUsages, or set callForwardingSimulRingUsageType to InternalOnly")
	case !custom && d.forwardsTo != nil:
		c.warnf(d.forwardsTo, "customCallForwardingSimulRingUsages is ignored with callForwardingSimulRingUsageType %s", d.out.Forwarding).
			fixf("Set callForwardingSimulRingUsageType: CustomUsage or remove it")
		d.out.ForwardingUsages = nil
	}
}
