package topology

import (
	"cmp"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

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
		root.out.Gateway, root.out.Name = gw.out, gw.out.Name
		if root.name != nil && c.checkName(root.name) {
			root.out.Name = root.name.text
		}
		all = append(all, root)
	}
	c.trunkDocs = append(all, c.trunkDocs...)
	for _, d := range c.trunkDocs {
		c.trunkNames.add(c, d.nameNode(), d)
		if d.carrier == nil {
			c.resolveTuple(d)
			c.resolveAccess(d)
		}
		d.out.Index = len(c.snap.Trunks)
		c.snap.Trunks = append(c.snap.Trunks, d.out)
		if gw := d.out.Gateway; gw != nil {
			gw.Trunks = append(gw.Trunks, d.out)
		}
	}
	c.resolveCarriers()
}

func (d *trunkDoc) nameNode() *node {
	if d.name != nil {
		return d.name
	}
	return d.key
}

// object is what is written of the trunk, of a root trunk what is written of its gateway.
func (d *trunkDoc) object() *node {
	if d.out.Root {
		return d.key.parent
	}
	return d.key.whole()
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
		c.errorf(d.nameNode(), "the trunk does not say to which of %d pools it belongs", len(c.poolDocs)).speaksOf(d.object()).missing("trunk").
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
