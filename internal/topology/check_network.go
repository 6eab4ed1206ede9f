package topology

import "strings"

// checkNetwork: bypass and call admission control fit together, and every server has room on every link.
func (c *compiler) checkNetwork() {
	d := c.network
	if d == nil {
		return
	}
	n := d.out
	if d.mode != nil && n.Bypass == BypassAlways && n.Admits() {
		c.errorf(d.mode, "bypassed calls are not subject to call admission control, so bypass mode always and bandwidth policies exclude each other").
			fixf("Set mode: sites, or remove the bandwidth policies")
	}
	if d.unmapped != nil && n.Unmapped && n.Mode() != BypassSites {
		c.errorf(d.unmapped, "unmapped is for bypass mode sites, and the mode is %s", n.Mode()).fixf("Set mode: sites, or remove unmapped")
	}
	for _, name := range d.profiles.list {
		p, _ := d.profiles.get(c, d.profiles.where[strings.ToLower(name)])
		key := d.profiles.where[strings.ToLower(name)]
		switch share := p.Kinds[Audio].Total / max(1, n.Servers); {
		case !p.Limits():
			c.errorf(key, "the bandwidth policy profile limits nothing").fixf("Add audio: {total: 2000, perSession: 175}")
		case p.Kinds[Audio].Total > 0 && share < G711Bandwidth:
			c.warnf(key, "each of the %d servers has a share of %d kbit/s, and a call of G.711 needs %d", n.Servers, share, G711Bandwidth).
				fixf("Set audio.total to %d at least", G711Bandwidth*n.Servers)
		}
	}
	for i, a := range n.Regions {
		for _, b := range n.Regions[:i] {
			if _, ok := n.Route(a, b); !ok && n.Admits() {
				c.warnf(d.regions.where[strings.ToLower(a.Name)], "no links lead to region %q, so between the two only the limits of sites hold", b.Name).
					fixf("Add a link of network.links; without bandwidthPolicy it has no limit")
			}
		}
	}
	c.checkSubnets(d)
	c.checkServerPlaces(n)
	c.checkPeerPlaces(n)
}

// checkSubnets: who is at a site is told by its addresses, and else by what clients say of themselves.
func (c *compiler) checkSubnets(d *networkDoc) {
	for _, s := range d.siteDocs {
		if len(s.subnets) == 0 && s.id == nil {
			c.warnf(s.key, "the network site has no subnets, so nobody is there").fixf("Add subnets, as in [10.2.0.0/16]")
		}
	}
}

// checkPeerPlaces: who is nowhere is at no place with anybody.
func (c *compiler) checkPeerPlaces(n *Network) {
	if n.Mode() != BypassSites || n.Unmapped {
		return
	}
	for _, d := range c.trunkDocs {
		gw := d.out.Gateway
		a := gw.Addr
		if gw.MediaIP.IsValid() {
			a = gw.MediaIP
		}
		if d.out.Settings.EnableBypass && d.out.Settings.Concentrated && a.IsValid() && n.SiteOf(a) == nil {
			c.warnf(d.nameNode(), "the trunk has enableBypass, and its gateway %q at %s is in no subnet of the network: its calls are bypassed with itself only", gw.Name, a).
				fixf("Add the address to the subnets of a network site, or set network.bypass.unmapped: true")
		}
	}
}

// checkServerPlaces: the ways of media begin at the servers.
func (c *compiler) checkServerPlaces(n *Network) {
	if !n.Admits() {
		return
	}
	for _, p := range c.poolDocs {
		for _, s := range p.servers {
			for _, a := range s.out.Media {
				if n.SiteOf(a) == nil {
					c.warnf(s.key, "the media address %s of the server is in no subnet of the network, so of the ways to it only the ends of the peers are counted", a).
						fixf("Add it to the subnets of a network site")
				}
			}
		}
	}
}
