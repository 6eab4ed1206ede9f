package topology

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// The …Doc types are objects as written: names not yet resolved, with the nodes that messages point at.

type siteDoc struct {
	key                      *node
	parent, dialPlan, policy *node
	out                      *Site
}

var siteFields = []field[siteDoc]{
	{"parent", setRef(func(d *siteDoc) **node { return &d.parent })},
	{"dialPlan", setRef(func(d *siteDoc) **node { return &d.dialPlan })},
	{"voicePolicy", setRef(func(d *siteDoc) **node { return &d.policy })},
}

type poolDoc struct {
	key            *node
	site, dialPlan *node
	servers        []*serverDoc
	out            *Pool
}

var poolFields = []field[poolDoc]{
	{"site", setRef(func(d *poolDoc) **node { return &d.site })},
	{"dialPlan", setRef(func(d *poolDoc) **node { return &d.dialPlan })},
	{"tlsPorts", setPorts(func(d *poolDoc) *PortRange { return &d.out.TLSPorts })},
	{"tcpPorts", setPorts(func(d *poolDoc) *PortRange { return &d.out.TCPPorts })},
	{"udpPorts", setPorts(func(d *poolDoc) *PortRange { return &d.out.UDPPorts })},
	{"servers", func(c *compiler, n *node, d *poolDoc) { c.servers(n, d) }},
}

func setPorts[T any](at func(*T) *PortRange) func(*compiler, *node, *T) {
	return func(c *compiler, n *node, to *T) {
		if v, ok := c.portRange(n); ok {
			*at(to) = v
		}
	}
}

type serverDoc struct {
	key        *node
	addresses  *node
	media      *node
	mediaPorts *node
	cert, pkey *node
	out        *Server
}

var serverFields = []field[serverDoc]{
	{"addresses", func(c *compiler, n *node, d *serverDoc) { d.addresses, d.out.Addresses = n, c.families(n) }},
	{"media", func(c *compiler, n *node, d *serverDoc) { d.media, d.out.Media = n, c.families(n) }},
	{"mediaPorts", func(c *compiler, n *node, d *serverDoc) {
		if v, ok := c.portRange(n); ok {
			d.mediaPorts, d.out.MediaPorts = n, v
		}
	}},
	{"cert", func(c *compiler, n *node, d *serverDoc) { d.cert = n; d.out.Cert, _ = c.text(n) }},
	{"key", func(c *compiler, n *node, d *serverDoc) { d.pkey = n; d.out.Key, _ = c.text(n) }},
	{"ca", setText(func(d *serverDoc) *string { return &d.out.CA })},
	{"maxCalls", setCount(0, 1000000, func(d *serverDoc) *int { return &d.out.MaxCalls })},
	{"maxCPS", setCount(0, 1000000, func(d *serverDoc) *int { return &d.out.MaxCPS })},
	{"metrics", func(c *compiler, n *node, d *serverDoc) { c.metrics(n, d) }},
	{"controlSocket", setText(func(d *serverDoc) *string { return &d.out.ControlSocket })},
}

type gatewayDoc struct {
	key   *node
	body  *node
	host  *node
	site  *node
	names *node
	root  *trunkDoc
	out   *Gateway
}

var gatewayFields = []field[gatewayDoc]{
	{"kind", func(c *compiler, n *node, d *gatewayDoc) {
		kinds := []GatewayKind{KindGateway, KindPBX, KindSBC, KindUC}
		if s, ok := c.text(n); ok {
			if !slices.Contains(kinds, GatewayKind(s)) {
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
	{"site", setRef(func(d *gatewayDoc) **node { return &d.site })},
	{"mediaAddress", func(c *compiler, n *node, d *gatewayDoc) { d.out.MediaAddress, _ = c.address(n) }},
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
	portValue, gatewayValue uint16
	byDNS                   bool // gatewayPort: dns
	transportValue          sip.Transport
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
}, tupleFields...)

var rootFields = append([]field[trunkDoc]{
	{"name", setRef(func(d *trunkDoc) **node { return &d.name })},
}, tupleFields...)

var tupleFields = []field[trunkDoc]{
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
}

// each goes through a section that maps names to objects.
func (c *compiler) each(n *node, what string, object func(key, value *node)) {
	switch n.kind {
	case null:
		return
	case mapping:
	default:
		c.errorf(n, "names with their objects are expected here, not %s", kindName(n)).fixf("Write the name of the %s, a colon, and its keys indented below", what)
		return
	}
	for _, e := range n.entries {
		if c.checkName(e.key) {
			object(e.key, e.value)
		}
	}
}

func (c *compiler) sites(n *node) {
	c.each(n, "site", func(key, value *node) {
		d := &siteDoc{key: key, out: &Site{Name: key.text}}
		decode(c, value, siteFields, d)
		c.siteDocs = append(c.siteDocs, d)
		c.siteNames.add(c, key, d)
	})
}

func (c *compiler) pools(n *node) {
	c.each(n, "pool", func(key, value *node) {
		if !isHost(key.text) {
			c.errorf(key, "the name of a pool is its host name, %q is none", key.text).fixf("Write it like mediation.example.com")
		}
		d := &poolDoc{key: key, out: &Pool{Name: key.text}}
		decode(c, value, poolFields, d)
		if len(d.servers) == 0 && value.get("servers") == nil {
			c.errorf(key, "the pool has no servers").fixf("Add servers with at least one")
		}
		c.poolDocs = append(c.poolDocs, d)
		c.poolNames.add(c, key, d)
	})
}

func (c *compiler) servers(n *node, pool *poolDoc) {
	c.each(n, "server", func(key, value *node) {
		if !isHost(key.text) {
			c.errorf(key, "the name of a server is its host name, %q is none", key.text).fixf("Write it like med1.example.com")
		}
		d := &serverDoc{key: key, out: &Server{Name: key.text, Pool: pool.out, MediaPorts: defaultMediaPorts}}
		decode(c, value, serverFields, d)
		if len(d.out.Addresses) == 0 && d.addresses == nil {
			c.errorf(key, "the server has no addresses").fixf("Add addresses: [192.0.2.10] with the address that peers reach")
		}
		if d.media == nil {
			d.out.Media = d.out.Addresses
		}
		pool.servers = append(pool.servers, d)
		pool.out.Servers = append(pool.out.Servers, d.out)
		c.serverNames.add(c, key, d)
	})
	if len(n.entries) == 0 {
		c.errorf(n, "the pool has no servers").fixf("Add servers with at least one")
	}
}

// families reads at most one IPv4 and one IPv6 address.
func (c *compiler) families(n *node) []netip.Addr {
	var list []netip.Addr
	for _, item := range c.list(n) {
		a, ok := c.address(item)
		if !ok {
			continue
		}
		if slices.ContainsFunc(list, func(b netip.Addr) bool { return b.Is4() == a.Is4() }) {
			c.errorf(item, "%s has two addresses of the same family", n.label()).fixf("Keep one IPv4 and one IPv6 address at most")
			continue
		}
		list = append(list, a)
	}
	if n.kind == sequence && len(n.items) == 0 {
		c.errorf(n, "%s is empty", n.label()).fixf("Write it like [192.0.2.10]")
	}
	return list
}

func (c *compiler) metrics(n *node, d *serverDoc) {
	s, ok := c.text(n)
	if !ok {
		return
	}
	host, port, found := cutPort(s)
	if _, err := netip.ParseAddr(host); !found || host != "" && err != nil && !isHost(host) || !isPort(port) {
		c.errorf(n, "metrics is %q, not host:port", s).fixf("Write it like 127.0.0.1:9090")
		return
	}
	d.out.Metrics = s
}

// cutPort separates host:port and [address]:port.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	host, port = s[:i], s[i+1:]
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	return host, port, true
}

func isPort(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i > 4 {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n > 0 && n < 65536
}

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
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		if a, ok = c.address(n); ok {
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
		d := &trunkDoc{key: key, out: &Trunk{Name: key.text, Line: key.line}}
		decode(c, value, trunkFields, d)
		if d.gateway == nil && value.get("gateway") == nil {
			c.errorf(key, "the trunk has no gateway").fixf("Set trunks.%s.gateway to the name of one", key.text)
		}
		c.trunkDocs = append(c.trunkDocs, d)
	})
}
