package topology

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

type gatewayDoc struct {
	key     *node
	body    *node
	host    *node
	site    *node
	network *node // interface
	names   *node
	profile *node
	root    *trunkDoc
	out     *Gateway
}

var gatewayFields = []field[gatewayDoc]{
	{"kind", func(c *compiler, n *node, d *gatewayDoc) {
		if s, ok := c.text(n); ok {
			if !slices.Contains(GatewayKinds(), s) {
				c.errorf(n, "%q is not a kind of gateway", s).fixf("Write gateway, pbx, sbc or uc")
				return
			}
			d.out.Kind = GatewayKind(s)
		}
	}},
	{"host", func(c *compiler, n *node, d *gatewayDoc) { c.gatewayHost(n, d) }},
	{"addresses", func(c *compiler, n *node, d *gatewayDoc) {
		_, at := c.texts(n)
		for _, item := range at {
			if a, ok := c.address(item); ok {
				d.out.Addresses = append(d.out.Addresses, a)
			}
		}
	}},
	{"names", func(c *compiler, n *node, d *gatewayDoc) { c.certificateNames(n, d) }},
	{"representativeMediaIP", func(c *compiler, n *node, d *gatewayDoc) { d.out.MediaIP, _ = c.address(n) }},
	{"alternateBypassId", func(c *compiler, n *node, d *gatewayDoc) { d.out.AlternateBypassID = c.bypassID(n) }},
	{"site", setRef(func(d *gatewayDoc) **node { return &d.site })},
	{"profile", setRef(func(d *gatewayDoc) **node { return &d.profile })},
	{"interface", func(c *compiler, n *node, d *gatewayDoc) {
		if s, ok := c.text(n); ok {
			d.network, d.out.Interface = n, strings.ToLower(s)
		}
	}},
	{"routable", setBool(func(d *gatewayDoc) *bool { return &d.out.Routable })},
	{"root", func(c *compiler, n *node, d *gatewayDoc) {
		d.root = newRoot(d)
		decode(c, n, rootFields, d.root)
	}},
}

type trunkDoc struct {
	key                     *node // of the trunk, or of the gateway whose root it is
	name                    *node // root.name
	gateway, pool           *node
	transport, port         *node
	gatewayPort             *node
	site, dialPlan          *node
	carrier, contactHost    *node
	portValue, gatewayValue uint16
	byDNS                   bool // gatewayPort: dns
	transportValue          sip.Transport
	access                  *accessDoc // nil without credentials and registration
	out                     *Trunk
}

// newRoot makes the root trunk of a gateway. Its name is that of the gateway, and messages about it speak of the trunk.
func newRoot(gw *gatewayDoc) *trunkDoc {
	key := *gw.key
	key.parent, key.name = gw.body, "root"
	return &trunkDoc{key: &key, out: &Trunk{Root: true}}
}

// trunkFields are the keys of a trunk of its own; rootFields those of a gateway's root trunk.
var trunkFields = append([]field[trunkDoc]{
	{"gateway", setRef(func(d *trunkDoc) **node { return &d.gateway })},
	{"carrier", setRef(func(d *trunkDoc) **node { return &d.carrier })},
}, tupleFields...)

var rootFields = append([]field[trunkDoc]{
	{"name", setRef(func(d *trunkDoc) **node { return &d.name })},
}, tupleFields...)

var tupleFields = slices.Concat([]field[trunkDoc]{
	{"pool", setRef(func(d *trunkDoc) **node { return &d.pool })},
	{"transport", func(c *compiler, n *node, d *trunkDoc) {
		if v, ok := c.transport(n); ok {
			d.transport, d.transportValue = n, v
		}
	}},
	{"port", func(c *compiler, n *node, d *trunkDoc) {
		if v, ok := c.port(n); ok {
			d.port, d.portValue = n, v
		}
	}},
	{"gatewayPort", func(c *compiler, n *node, d *trunkDoc) {
		d.gatewayPort = n
		if d.byDNS = n.kind == scalar && n.text == "dns"; d.byDNS {
			return
		}
		d.gatewayValue, _ = c.port(n)
	}},
	{"site", setRef(func(d *trunkDoc) **node { return &d.site })},
	{"dialPlan", setRef(func(d *trunkDoc) **node { return &d.dialPlan })},
}, nameFields, accessFields)

func (c *compiler) gateways(n *node) {
	c.each(n, "gateway", func(key, value *node) {
		d := &gatewayDoc{key: key, body: value, out: &Gateway{Name: key.text, Kind: KindGateway, Routable: true}}
		decode(c, value, gatewayFields, d)
		if d.host == nil {
			c.errorf(key, "the gateway has no host").fixf("Set gateways.%s.host to its FQDN or address", key.text)
		}
		if c.gatewayNames.add(c, key, d) {
			c.gatewayDocs = append(c.gatewayDocs, d)
		}
	})
}

func (c *compiler) gatewayHost(n *node, d *gatewayDoc) {
	d.host = n
	s, ok := c.text(n)
	if !ok {
		return
	}
	d.out.Host = s
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		if a, ok := c.address(n); ok {
			d.out.Addr, d.out.Host = a, a.String()
		}
		return
	}
	if !isHost(s) {
		c.errorf(n, "%q is neither a host name nor an IP address", s).
			fixf("Write it like gw1.example.com or 192.0.2.20; ports belong into root.gatewayPort")
	}
}

// certificateNames reads the names that a peer's certificate may carry; *.example.com stands for that very name.
func (c *compiler) certificateNames(n *node, d *gatewayDoc) {
	d.names = n
	list, at := c.texts(n)
	for i, s := range list {
		if !isHost(strings.TrimPrefix(s, "*.")) {
			c.errorf(at[i], "%q is not a name that a certificate can carry", s).fixf("Write it like sbc.example.com or *.example.com")
			continue
		}
		d.out.Names = append(d.out.Names, strings.ToLower(s))
	}
}

func (c *compiler) trunks(n *node) {
	c.each(n, "trunk", func(key, value *node) {
		d := &trunkDoc{key: key, out: &Trunk{Name: key.text}}
		decode(c, value, trunkFields, d)
		if d.gateway == nil && value.get("gateway") == nil && value.get("carrier") == nil {
			c.errorf(key, "the trunk has no gateway").fixf("Set trunks.%s.gateway to the name of one", key.text)
		}
		c.trunkDocs = append(c.trunkDocs, d)
	})
}
