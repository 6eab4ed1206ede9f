package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// resolveNetwork joins the network: sites to regions and subnets, links to what they connect, and what each lets through.
func (c *compiler) resolveNetwork() {
	d := c.network
	if d == nil {
		return
	}
	n := d.out
	if n.Bypass == "" && d.mode == nil && len(n.Sites) > 0 {
		n.Bypass = BypassSites
	}
	n.Servers = len(c.snap.Servers)
	n.intersite, n.routes, n.bypassIDs = map[[2]*NetworkSite]*Link{}, map[[2]*NetworkRegion][]*Link{}, map[string]string{}
	c.snap.Network = n
	for _, s := range d.siteDocs {
		c.resolveNetworkSite(d, s)
	}
	c.resolveSubnets(d)
	for _, l := range d.linkDocs {
		l.out.Profile = c.bandwidthProfile(d, l.policy)
		if l.what == "policy" {
			c.resolveIntersite(d, l)
		} else {
			c.resolveLink(d, l)
		}
	}
	for _, l := range n.Links {
		n.limited = n.limited || l.Profile.Limits()
	}
	c.resolveRegionRoutes(d)
	c.resolveBypassIDs(d)
}

func (c *compiler) bandwidthProfile(d *networkDoc, ref *node) *BandwidthProfile {
	if ref == nil {
		return nil
	}
	p, _ := d.profiles.get(c, ref)
	return p
}

func (c *compiler) resolveNetworkSite(d *networkDoc, s *networkSiteDoc) {
	switch {
	case s.region != nil:
		if r, ok := d.regions.get(c, s.region); ok {
			s.out.Region = r.out
		}
	case len(d.out.Regions) == 1:
		s.out.Region = d.out.Regions[0]
	default:
		c.errorf(s.key, "the network site has no region").fixf("Set region to the name of one of network.regions")
	}
	if p := c.bandwidthProfile(d, s.policy); p != nil {
		s.out.Link = &Link{Name: quoted("site", s.out.Name), Profile: p}
		d.out.Links = append(d.out.Links, s.out.Link)
	}
}

// resolveSubnets makes a table of the subnets; the longest prefix says where an address is.
func (c *compiler) resolveSubnets(d *networkDoc) {
	n := d.out
	n.subnets = map[netip.Prefix]*NetworkSite{}
	for _, s := range d.siteDocs {
		for _, item := range s.subnets {
			p, ok := c.subnet(item)
			if !ok {
				continue
			}
			if other := n.subnets[p]; other != nil {
				c.errorf(item, "the subnet %s is at network site %q as well", p, other.Name).fixf("Remove it from one of them")
				continue
			}
			n.subnets[p] = s.out
			if list := &n.lengths[kindOf(p.Addr())]; !slices.Contains(*list, p.Bits()) {
				*list = append(*list, p.Bits())
			}
		}
	}
	for _, list := range n.lengths {
		slices.SortFunc(list, func(a, b int) int { return b - a })
	}
}

// two resolves a list of exactly two different names.
func two[T any](c *compiler, ns *names[*T], l *node, key, of *node, what string) (a, b *T) {
	if l == nil {
		c.errorf(key, "it does not say which %s it connects", what).fixf("Add %s with the names of two", what)
		return nil, nil
	}
	_, at := c.texts(l)
	if l.kind != sequence {
		return nil, nil
	}
	if len(at) != 2 {
		c.errorf(of, "%s names %d, and a connection has two ends", what, len(at)).fixf("Write the names of two, like [a, b]")
		return nil, nil
	}
	a, _ = ns.get(c, at[0])
	b, _ = ns.get(c, at[1])
	return a, b
}

func (c *compiler) resolveLink(d *networkDoc, l *linkDoc) {
	a, b := two(c, &d.regions, l.between, l.key, l.between, "regions")
	if a == nil || b == nil {
		return
	}
	for _, o := range d.out.Links {
		if o.ends == [2]*NetworkRegion{a.out, b.out} || o.ends == [2]*NetworkRegion{b.out, a.out} {
			c.errorf(l.between, "%s connects the same regions", o.Name).fixf("Remove one of them")
			return
		}
	}
	l.out.ends = [2]*NetworkRegion{a.out, b.out}
	d.out.Links = append(d.out.Links, l.out)
}

func (c *compiler) resolveIntersite(d *networkDoc, l *linkDoc) {
	a, b := two(c, &d.sites, l.between, l.key, l.between, "sites")
	if a == nil || b == nil {
		return
	}
	if l.policy == nil {
		c.errorf(l.key, "the intersite policy lets anything through").fixf("Add bandwidthPolicy with the name of a profile")
	}
	key := pairOf(a.out, b.out, a.out.Name < b.out.Name)
	if o := d.out.intersite[key]; o != nil {
		c.errorf(l.between, "%s is of the same sites", o.Name).fixf("Remove one of them")
		return
	}
	d.out.intersite[key] = l.out
	d.out.Links = append(d.out.Links, l.out)
}

// resolveRegionRoutes finds the way between any two regions: as written, else of the fewest links.
func (c *compiler) resolveRegionRoutes(d *networkDoc) {
	n := d.out
	of := map[[2]*NetworkRegion]*node{}
	for _, r := range d.routeDocs {
		a, b := two(c, &d.regions, r.between, r.key, r.between, "regions")
		if a == nil || b == nil {
			continue
		}
		key := pairOf(a.out, b.out, a.out.Name < b.out.Name)
		if o := of[key]; o != nil {
			c.errorf(r.between, "route %q connects the same regions", o.text).fixf("Remove one of them")
			continue
		}
		of[key] = r.key
		if r.links == nil {
			c.errorf(r.key, "the route has no links").fixf("Add links with the names of those that lead from region %q to %q", a.out.Name, b.out.Name)
			continue
		}
		var way []*Link
		at := a.out
		_, items := c.texts(r.links)
		if r.links.kind != sequence || len(items) < len(r.links.items) {
			continue
		}
		for _, item := range items {
			l, ok := d.links.get(c, item)
			if !ok || l.out.ends[0] == nil {
				at = nil
				break
			}
			if l.out.ends[0] != at && l.out.ends[1] != at {
				c.errorf(item, "%s does not go on from region %q", l.out.Name, at.Name).fixf("Name the links in order, from region %q to %q", a.out.Name, b.out.Name)
				at = nil
				break
			}
			at = l.out.far(at)
			way = append(way, l.out)
		}
		if at != nil && at != b.out {
			c.errorf(r.links, "the links lead to region %q, not to %q", at.Name, b.out.Name).fixf("Name all links, from region %q to %q", a.out.Name, b.out.Name)
			continue
		}
		n.routes[key] = way
	}
	for i, a := range n.Regions {
		for _, b := range n.Regions[:i] {
			key := pairOf(a, b, a.Name < b.Name)
			if _, ok := n.routes[key]; ok {
				continue
			}
			if way, ok := n.shortest(key[0], key[1]); ok {
				n.routes[key] = way
			}
		}
	}
}

// resolveBypassIDs: a region has an id, a constrained site one of its own, other sites that of their region (BYP-02). Who is given none has
// one that no client sends.
func (c *compiler) resolveBypassIDs(d *networkDoc) {
	n := d.out
	take := func(at *node, id, who string) {
		if other := n.bypassIDs[strings.ToLower(id)]; other != "" {
			c.errorf(at, "the bypass id %s is that of %s as well", id, other).fixf("Give each its own")
			return
		}
		n.bypassIDs[strings.ToLower(id)] = who
	}
	for _, name := range d.regions.list {
		r := d.regions.of[strings.ToLower(name)]
		if r.out.BypassID == "" {
			r.out.BypassID = "region/" + r.out.Name
		}
		take(r.id, r.out.BypassID, quoted("network region", r.out.Name))
	}
	for _, s := range d.siteDocs {
		switch {
		case s.policy == nil && s.id != nil:
			c.errorf(s.id, "the site has no bandwidthPolicy, so its bypass id is that of its region").speaksOf(s.id.parent).fixf("Remove it, or add bandwidthPolicy")
		case s.policy == nil && s.out.Region != nil:
			s.out.BypassID = s.out.Region.BypassID
		case s.policy != nil:
			if s.out.BypassID == "" {
				s.out.BypassID = "site/" + s.out.Name
			}
			take(s.id, s.out.BypassID, quoted("network site", s.out.Name))
		}
	}
}
