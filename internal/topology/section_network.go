package topology

import (
	"net/netip"
	"strings"
)

// networkDoc is the section as written, and the names in it.
type networkDoc struct {
	key, mode, unmapped *node
	regions             names[*regionDoc]
	sites               names[*networkSiteDoc]
	profiles            names[*BandwidthProfile]
	links               names[*linkDoc]
	siteDocs            []*networkSiteDoc
	linkDocs            []*linkDoc // of regions, and intersite policies
	routeDocs           []*regionRouteDoc
	out                 *Network
}

type regionDoc struct {
	key, id *node
	out     *NetworkRegion
}

type networkSiteDoc struct {
	key, region, policy, id *node
	subnets                 []*node
	out                     *NetworkSite
}

type linkDoc struct {
	key, between, policy *node
	what                 string // "link" or "policy"
	out                  *Link
}

type regionRouteDoc struct {
	key, between, links *node
}

var networkFields = []field[networkDoc]{
	{"bypass", func(c *compiler, n *node, d *networkDoc) { decode(c, n, bypassFields, d) }},
	{"profiles", func(c *compiler, n *node, d *networkDoc) { c.bandwidthProfiles(n, d) }},
	{"regions", func(c *compiler, n *node, d *networkDoc) {
		c.each(n, "network region", func(key, value *node) {
			r := &regionDoc{key: key, out: &NetworkRegion{Name: key.text}}
			decode(c, value, regionFields, r)
			if d.regions.add(c, key, r) {
				d.out.Regions = append(d.out.Regions, r.out)
			}
		})
	}},
	{"sites", func(c *compiler, n *node, d *networkDoc) {
		c.each(n, "network site", func(key, value *node) {
			s := &networkSiteDoc{key: key, out: &NetworkSite{Name: key.text}}
			decode(c, value, networkSiteFields, s)
			if d.sites.add(c, key, s) {
				d.siteDocs = append(d.siteDocs, s)
				d.out.Sites = append(d.out.Sites, s.out)
			}
		})
	}},
	{"links", func(c *compiler, n *node, d *networkDoc) { c.stretches(n, "link", linkFields, d) }},
	{"routes", func(c *compiler, n *node, d *networkDoc) {
		c.each(n, "route between regions", func(key, value *node) {
			r := &regionRouteDoc{key: key}
			decode(c, value, regionRouteFields, r)
			d.routeDocs = append(d.routeDocs, r)
		})
	}},
	{"intersitePolicies", func(c *compiler, n *node, d *networkDoc) { c.stretches(n, "policy", intersiteFields, d) }},
}

var bypassFields = []field[networkDoc]{
	{"mode", func(c *compiler, n *node, d *networkDoc) {
		s := ""
		c.oneOf(n, &s, string(BypassOff), string(BypassAlways), string(BypassSites))
		d.mode, d.out.Bypass = n, BypassMode(s)
	}},
	{"unmapped", func(c *compiler, n *node, d *networkDoc) {
		if v, ok := c.boolean(n); ok {
			d.unmapped, d.out.Unmapped = n, v
		}
	}},
}

var regionFields = []field[regionDoc]{
	{"bypassId", func(c *compiler, n *node, d *regionDoc) { d.id, d.out.BypassID = n, c.bypassID(n) }},
}

var networkSiteFields = []field[networkSiteDoc]{
	{"region", setRef(func(d *networkSiteDoc) **node { return &d.region })},
	{"bandwidthPolicy", setRef(func(d *networkSiteDoc) **node { return &d.policy })},
	{"subnets", func(c *compiler, n *node, d *networkSiteDoc) { _, d.subnets = c.texts(n) }},
	{"bypassId", func(c *compiler, n *node, d *networkSiteDoc) { d.id, d.out.BypassID = n, c.bypassID(n) }},
}

var linkFields = []field[linkDoc]{
	{"regions", setNode(func(d *linkDoc) **node { return &d.between })},
	{"bandwidthPolicy", setRef(func(d *linkDoc) **node { return &d.policy })},
}

var regionRouteFields = []field[regionRouteDoc]{
	{"regions", setNode(func(d *regionRouteDoc) **node { return &d.between })},
	{"links", setNode(func(d *regionRouteDoc) **node { return &d.links })},
}

var intersiteFields = []field[linkDoc]{
	{"sites", setNode(func(d *linkDoc) **node { return &d.between })},
	{"bandwidthPolicy", setRef(func(d *linkDoc) **node { return &d.policy })},
}

// Bounds of a profile in kbit/s. A session of audio with less than 40, or of video with less than 100, has no codec (as Lync).
const (
	leastPerSession = 40
	leastVideo      = 100
	mostKbps        = 100_000_000
)

var bandwidthFields = []field[BandwidthProfile]{
	{"audio", func(c *compiler, n *node, d *BandwidthProfile) {
		decode(c, n, limitsOf(leastPerSession), &d.Kinds[Audio])
	}},
	{"video", func(c *compiler, n *node, d *BandwidthProfile) { decode(c, n, limitsOf(leastVideo), &d.Kinds[Video]) }},
}

// limitsOf are the keys of one kind of media; a session may have least at least.
func limitsOf(least int) []field[Bandwidth] {
	return []field[Bandwidth]{
		{"total", setCount(0, mostKbps, func(d *Bandwidth) *int { return &d.Total })},
		{"perSession", setCount(least, mostKbps, func(d *Bandwidth) *int { return &d.PerSession })},
	}
}

func (c *compiler) networkSection(n *node) {
	d := &networkDoc{key: n, out: &Network{}, regions: newNames[*regionDoc]("network region"), sites: newNames[*networkSiteDoc]("network site"),
		profiles: newNames[*BandwidthProfile]("bandwidth policy profile"), links: newNames[*linkDoc]("link")}
	decode(c, n, networkFields, d)
	c.network = d
}

func (c *compiler) bandwidthProfiles(n *node, d *networkDoc) {
	c.each(n, "bandwidth policy profile", func(key, value *node) {
		p := &BandwidthProfile{Name: key.text, Kinds: [MediaKinds]Bandwidth{{Unlimited, Unlimited}, {Unlimited, Unlimited}}}
		decode(c, value, bandwidthFields, p)
		d.profiles.add(c, key, p)
	})
}

// stretches reads links between regions or intersite policies. They share one space of names, because each is a link to measure.
func (c *compiler) stretches(n *node, what string, fields []field[linkDoc], d *networkDoc) {
	c.each(n, what, func(key, value *node) {
		l := &linkDoc{key: key, what: what, out: &Link{Name: quoted(what, key.text)}}
		decode(c, value, fields, l)
		if d.links.add(c, key, l) {
			d.linkDocs = append(d.linkDocs, l)
		}
	})
}

// bypassID reads an id as it stands in a=x-bypassid: Lync writes a GUID.
func (c *compiler) bypassID(n *node) string {
	s, ok := c.text(n)
	if ok && (len(s) > 64 || strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "") {
		c.errorf(n, "%q cannot be a bypass id", s).fixf("Write it like 4d4a9a7d-0f1e-4f0a-9d3c-5a1b2c3d4e5f: at most 64 letters, digits and hyphens")
		return ""
	}
	return s
}

// subnet reads 10.1.0.0/16, or an address, which is a subnet of its own.
func (c *compiler) subnet(n *node) (netip.Prefix, bool) {
	if !strings.Contains(n.text, "/") {
		a, ok := c.address(n)
		if !ok {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(n.text)
	switch {
	case err != nil || p.Addr().Is4In6():
		c.errorf(n, "%q is not a subnet", n.text).fixf("Write it like 10.1.0.0/16 or 2001:db8:1::/48")
		return netip.Prefix{}, false
	case p != p.Masked():
		c.errorf(n, "the address of subnet %s has bits beyond its length", n.text).fixf("Write %s", p.Masked())
		return netip.Prefix{}, false
	}
	return p, true
}
