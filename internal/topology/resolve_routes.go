package topology

import (
	"cmp"
	"slices"
)

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
			c.errorf(t.weight, "a weight has no meaning with selection %s", d.out.Selection).speaksOf(d.item).fixf("Set selection: weighted or remove the weight")
		}
		if gw := doc.out.Gateway; gw != nil && !gw.Routable {
			c.errorf(item, "the route leads to the gateway %q, which is not routable", gw.Name).
				fixf("Set gateways.%s.routable to true or remove the trunk from the route", gw.Name)
		}
		d.out.Trunks = append(d.out.Trunks, t.out)
	}
}
