package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// interfaceDoc is an interface as written: one of a server, or the server's own keys of that kind.
type interfaceDoc struct {
	key                                   *node
	addresses, media, public, publicMedia *node
	at                                    *Interface
}

var interfaceFields = []field[interfaceDoc]{
	{"addresses", func(c *compiler, n *node, d *interfaceDoc) { d.addresses, d.at.Addresses = n, c.families(n) }},
	{"media", func(c *compiler, n *node, d *interfaceDoc) { d.media, d.at.Media = n, c.families(n) }},
	{"public", func(c *compiler, n *node, d *interfaceDoc) { d.public, d.at.Public = n, c.families(n) }},
	{"publicMedia", func(c *compiler, n *node, d *interfaceDoc) { d.publicMedia, d.at.PublicMedia = n, c.families(n) }},
}

// ownInterface are the same keys of the server itself.
func ownInterface() []field[serverDoc] {
	list := make([]field[serverDoc], len(interfaceFields))
	for i, f := range interfaceFields {
		list[i] = field[serverDoc]{f.key, func(c *compiler, n *node, d *serverDoc) { f.set(c, n, &d.own) }}
	}
	return list
}

func (c *compiler) interfaces(n *node, d *serverDoc) {
	names := newNames[*interfaceDoc]("interface")
	d.out.Interfaces = map[string]*Interface{}
	c.each(n, "interface", func(key, value *node) {
		i := &interfaceDoc{key: key, at: &Interface{}}
		decode(c, value, interfaceFields, i)
		if names.add(c, key, i) {
			d.interfaces = append(d.interfaces, i)
			d.out.Interfaces[strings.ToLower(key.text)] = i.at
		}
	})
}

// complete gives an interface what it does not say: the addresses of the server, media at the addresses, and media known as the addresses are.
func (d *interfaceDoc) complete(c *compiler, of *Interface) {
	at := d.at
	if d.media == nil {
		if at.Media = at.Addresses; d.addresses == nil {
			at.Media = of.Media
		}
	}
	if d.addresses == nil && at != of {
		if at.Addresses = of.Addresses; d.media == nil && d.public == nil && of.Public == nil { // else who is met here knows it by itself
			c.errorf(d.key, "the interface has neither addresses nor public, so it is the server's own").
				fixf("Add addresses with those that its gateways reach, or remove it")
		}
	}
	if d.public != nil && d.publicMedia == nil {
		if at.PublicMedia = at.Public; !slices.Equal(at.Media, at.Addresses) {
			c.errorf(d.public, "addresses are known as %s, and media have addresses of their own that nothing is said of", list(at.Public)).
				fixf("Add publicMedia with what peers reach them by; %s if there is no NAT before them", list(at.Media))
		}
	}
	c.checkPublic(d.public, at.Public, "addresses", at.Addresses)
	c.checkPublic(d.publicMedia, at.PublicMedia, "media", at.Media)
}

// checkPublic: what an address is known by is of its family, as a NAT translates within one.
func (c *compiler) checkPublic(n *node, public []netip.Addr, what string, local []netip.Addr) {
	if n == nil || len(local) == 0 {
		return
	}
	for _, a := range public {
		if !slices.ContainsFunc(local, func(l netip.Addr) bool { return l.Is4() == a.Is4() }) {
			c.errorf(n, "%s has the %s address %s, and %s has none of that family", n.label(), family(a), a, what).fixf("Remove it, or add one to %s", what)
		}
	}
}

func list(addresses []netip.Addr) string {
	words := make([]string, len(addresses))
	for i, a := range addresses {
		words[i] = a.String()
	}
	return strings.Join(words, " and ")
}

// checkInterfaces: every server of a pool that has a trunk to a gateway has the interface that the gateway is reached by, and none is without gateways.
func (c *compiler) checkInterfaces() {
	used := map[*Interface]bool{}
	for _, d := range c.trunkDocs {
		t := d.out
		if t.Pool == nil || t.Gateway == nil {
			continue
		}
		name := t.Gateway.Interface
		for _, s := range t.Pool.Servers {
			if at := s.Interfaces[name]; at != nil {
				used[at] = true
			}
		}
	}
	good := true
	for _, g := range c.gatewayDocs {
		if g.network != nil {
			good = c.checkInterface(g) && good
		}
	}
	if !good { // which may be why one has no gateways
		return
	}
	for _, p := range c.poolDocs {
		for _, s := range p.servers {
			for _, i := range s.interfaces {
				if !used[i.at] {
					c.warnf(i.key, "no gateway is reached by its interface %q", i.key.text).fixf("Set interface: %s at those that are, or remove it", i.key.text)
				}
			}
		}
	}
}

func (c *compiler) checkInterface(g *gatewayDoc) bool {
	for _, t := range g.out.Trunks {
		for _, s := range t.Pool.Servers {
			if s.Interfaces[g.out.Interface] != nil {
				continue
			}
			var has []string
			for name := range s.Interfaces {
				has = append(has, name)
			}
			p := c.errorf(g.network, "server %q of pool %q has no interface %q", s.Name, t.Pool.Name, g.network.text)
			if near := nearest(g.out.Interface, has); near != "" {
				p.fixf("Did you mean %q?", near)
			} else {
				p.fixf("Add interfaces.%s to the server", g.network.text)
			}
			return false
		}
	}
	return true
}
