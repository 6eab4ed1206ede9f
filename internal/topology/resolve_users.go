package topology

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// lineURI is tel:+ and at most 15 digits (E.164), with an extension or without (RFC 3966 §3).
var lineURI = regexp.MustCompile(`^tel:(\+[1-9][0-9]{1,14})(?:;ext=([0-9]{1,9}))?$`)

// sipURI is the address-of-record of a user.
var sipURI = regexp.MustCompile(`^sips?:[A-Za-z0-9_.!~*'()&=+$,/%-]+@[A-Za-z0-9.-]+$`)

// resolveUsers gives every user the trunks toward its UC gateway, and dial plan and policy of the nearest scope:
// user, pool, site, global (RTE-01); a policy has no pool scope.
func (c *compiler) resolveUsers() {
	var uc []*gatewayDoc
	for _, d := range c.gatewayDocs {
		if d.out.Kind == KindUC {
			uc = append(uc, d)
		}
	}
	for _, d := range c.userDocs {
		u := d.out
		c.userURIs(d)
		pool := c.pool(d.pool)
		if gw := c.userGateway(d, uc); gw != nil {
			for _, t := range gw.Trunks {
				if d.pool == nil || t.Pool == pool {
					u.Trunks = append(u.Trunks, t)
				}
			}
			if len(u.Trunks) == 0 && pool != nil && !slices.ContainsFunc(gw.Trunks, func(t *Trunk) bool { return t.Pool == nil }) {
				c.errorf(d.pool, "the gateway %q of the user has no trunk of the pool %q", gw.Name, pool.Name).
					fixf("Add a trunk of that pool or remove the key")
			}
			u.Site = gw.Site
		}
		if pool == nil && len(u.Trunks) > 0 {
			pool = u.Trunks[0].Pool
		}
		ofPool := (*DialPlan)(nil)
		if pool != nil {
			ofPool = pool.DialPlan
			u.Site = first(u.Site, pool.Site)
		}
		u.Site = first(c.site(d.site), u.Site)
		u.DialPlan = first(c.plan(d.dialPlan), ofPool, ofSite(u.Site, func(s *Site) *DialPlan { return s.DialPlan }), c.globalPlan())
		u.Policy = first(c.voicePolicy(d.policy), ofSite(u.Site, func(s *Site) *VoicePolicy { return s.Policy }), c.globalPolicy())
		if u.Policy != nil {
			u.Limit = Limit{cmp.Or(u.Limit.MaxCalls, u.Policy.Limit.MaxCalls), cmp.Or(u.Limit.MaxCPS, u.Policy.Limit.MaxCPS)}
		}
		u.Location = first(c.location(d.location), ofSite(u.Site, siteLocation))
		u.LocationPolicy = first(c.locationPolicy(d.locationPolicy), ofSite(u.Site, sitePolicy))
		c.snap.Users = append(c.snap.Users, u)
	}
	c.userNumbersUnique()
	c.privateLines()
}

func (c *compiler) globalPolicy() *VoicePolicy {
	if c.policy == nil {
		return nil
	}
	if d := c.policyNames.of[strings.ToLower(c.policy.text)]; d != nil {
		return d.out
	}
	return nil
}

func (c *compiler) userURIs(d *userDoc) {
	switch {
	case d.uri == nil:
		c.errorf(d.key, "the user has no uri").fixf("Add uri: sip:%s@example.com", strings.ReplaceAll(d.key.text, " ", "."))
	case !sipURI.MatchString(d.uri.text):
		c.errorf(d.uri, "%q is not the SIP URI of a user", d.uri.text).fixf("Write it like sip:alice@example.com, without port and parameters")
	default:
		d.out.URI = d.uri.text
	}
	if d.lineURI == nil {
		return
	}
	m := lineURI.FindStringSubmatch(d.lineURI.text)
	if m == nil {
		c.errorf(d.lineURI, "%q is not a line URI", d.lineURI.text).fixf("Write it like tel:+14255550100 or tel:+14255550100;ext=100")
		return
	}
	d.out.LineURI, d.out.Number, d.out.Ext = d.lineURI.text, m[1], m[2]
}

// userGateway is the one of the key gateway, else the only one of kind uc.
func (c *compiler) userGateway(d *userDoc, uc []*gatewayDoc) *Gateway {
	if d.gateway != nil {
		gw, ok := c.gatewayNames.get(c, d.gateway)
		if !ok {
			return nil
		}
		if gw.out.Kind != KindUC {
			c.errorf(d.gateway, "the gateway %q is of kind %s; users are behind one of kind uc", gw.out.Name, gw.out.Kind).speaksOf(gw.key.whole()).
				fixf("Name a gateway of kind uc, or set gateways.%s.kind to uc", gw.out.Name)
			return nil
		}
		return gw.out
	}
	switch len(uc) {
	case 1:
		return uc[0].out
	case 0:
		c.errorf(d.key, "no gateway of kind uc serves the user").speaksOf(c.root.get("gateways")).fixf("Add a gateway with kind: uc")
	default:
		c.errorf(d.key, "the user does not say which of %d gateways of kind uc serves it", len(uc)).fixf("Set users.%s.gateway", d.key.text)
	}
	return nil
}

// userNumbersUnique refuses two users with the same URI or line URI. The same number with different extensions is allowed.
func (c *compiler) userNumbersUnique() {
	byURI, byLine := map[string]*userDoc{}, map[string]*userDoc{}
	for _, d := range c.userDocs {
		if d.out.URI != "" {
			aor := addressOfRecord(d.out.URI)
			if other := byURI[aor]; other != nil {
				c.errorf(d.uri, "the uri %s belongs to the user %q as well", d.out.URI, other.out.Name).fixf("Give every user its own")
			}
			byURI[aor] = d
		}
		if d.out.LineURI != "" {
			if other := byLine[d.out.LineURI]; other != nil {
				c.errorf(d.lineURI, "the line URI %s belongs to the user %q as well", d.out.LineURI, other.out.Name).
					fixf("Give every user its own number or extension")
			}
			byLine[d.out.LineURI] = d
		}
	}
}

// resolveTests checks that what a test names exists; running it is for the routing.
func (c *compiler) resolveTests() {
	for _, d := range c.testDocs {
		t := &d.out
		c.testScopes(d)
		c.testCaller(d)
		if d.trunk != nil {
			if tr, ok := c.trunkNames.get(c, d.trunk); ok {
				t.Trunk = tr.out.Name
			}
		}
		if d.forwardedBy != nil {
			if u, ok := c.userNames.get(c, d.forwardedBy); ok {
				t.ForwardedBy = u.out.URI
			}
		}
		if d.usage != nil {
			t.ExpectUsage, _ = c.usageNames.get(c, d.usage)
		}
		if d.route != nil {
			if r, ok := c.routeNames.get(c, d.route); ok {
				t.ExpectRoute = r.out.Name
			}
		}
		if d.expectTrunk != nil {
			if tr, ok := c.trunkNames.get(c, d.expectTrunk); ok {
				t.ExpectTrunk = tr.out.Name
			}
		}
		if d.user != nil {
			if u, ok := c.userNames.get(c, d.user); ok {
				t.ExpectUser = u.out.Name
			}
		}
		c.snap.Tests = append(c.snap.Tests, *t)
	}
}

// testScopes takes the dial plan and voice policy that a test names instead of those of its caller.
func (c *compiler) testScopes(d *testDoc) {
	for _, n := range []*node{d.dialPlan, d.policy} {
		switch {
		case n == nil:
		case d.trunk != nil:
			c.errorf(n, "a call from a trunk has the dial plan and the usages of the trunk").fixf("Remove this key, or trunk to ask for a call of nobody in particular")
		case d.forwardedBy != nil:
			c.errorf(n, "a forwarded call has the dial plan and the usages of the user who forwards it").fixf("Remove this key, or forwardedBy")
		}
	}
	if p := c.plan(d.dialPlan); p != nil {
		d.out.DialPlan = p.Name
	}
	if p := c.voicePolicy(d.policy); p != nil {
		d.out.VoicePolicy = p.Name
	}
}

// scoped tells whether the test says whose dial plan or voice policy holds, so that it needs no caller.
func (d *testDoc) scoped() bool { return d.dialPlan != nil || d.policy != nil }

// testCaller takes the name or number of a user; on a call from a trunk any number.
func (c *compiler) testCaller(d *testDoc) {
	if d.from == nil {
		if d.trunk == nil && !d.scoped() && d.item.get("from") == nil && d.item.get("trunk") == nil {
			c.errorf(d.item, "the test has no caller").fixf("Add from: a user, trunk: the one that the call arrives on, or dialPlan and voicePolicy")
		}
		return
	}
	d.out.From = d.from.text
	if dialed.MatchString(d.from.text) || d.from.text == "anonymous" {
		byNumber := func(u *User) bool { return u.Number == d.from.text }
		if d.trunk == nil && !(d.scoped() && d.from.text != "anonymous") && !slices.ContainsFunc(c.snap.Users, byNumber) {
			c.errorf(d.from, "the caller %q is not a user, so the call must come from a trunk", d.from.text).
				speaksOf(d.item).fixf("Name a user or add trunk")
		}
		return
	}
	if u, ok := c.userNames.get(c, d.from); ok {
		d.out.From = u.out.Name
	}
}
