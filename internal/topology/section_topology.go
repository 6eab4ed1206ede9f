package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// The …Doc types are objects as written: names not yet resolved, with the nodes that messages point at.

type siteDoc struct {
	parent, dialPlan, policy *node
	routingPolicy            *node
	location, locationPolicy *node
	out                      *Site
}

var siteFields = []field[siteDoc]{
	{"parent", setRef(func(d *siteDoc) **node { return &d.parent })},
	{"dialPlan", setRef(func(d *siteDoc) **node { return &d.dialPlan })},
	{"voicePolicy", setRef(func(d *siteDoc) **node { return &d.policy })},
	{"enableLocationBasedRouting", setBool(func(d *siteDoc) *bool { return &d.out.LocationRouting })},
	{"voiceRoutingPolicy", setRef(func(d *siteDoc) **node { return &d.routingPolicy })},
	{"location", setRef(func(d *siteDoc) **node { return &d.location })},
	{"locationPolicy", setRef(func(d *siteDoc) **node { return &d.locationPolicy })},
}

type poolDoc struct {
	key            *node
	site, dialPlan *node
	servers        []*serverDoc
	out            *Pool
}

var poolFields = append(limitFields(func(d *poolDoc) *Limit { return &d.out.Limit }), []field[poolDoc]{
	{"site", setRef(func(d *poolDoc) **node { return &d.site })},
	{"dialPlan", setRef(func(d *poolDoc) **node { return &d.dialPlan })},
	{"tlsPorts", setPorts(func(d *poolDoc) *PortRange { return &d.out.TLSPorts })},
	{"tcpPorts", setPorts(func(d *poolDoc) *PortRange { return &d.out.TCPPorts })},
	{"udpPorts", setPorts(func(d *poolDoc) *PortRange { return &d.out.UDPPorts })},
	{"servers", func(c *compiler, n *node, d *poolDoc) { c.servers(n, d) }},
}...)

func setPorts[T any](at func(*T) *PortRange) func(*compiler, *node, *T) {
	return func(c *compiler, n *node, to *T) {
		if v, ok := c.portRange(n, "5067-5069"); ok {
			*at(to) = v
		}
	}
}

type serverDoc struct {
	key        *node
	own        interfaceDoc
	interfaces []*interfaceDoc
	mediaPorts *node
	metrics    *node
	token      *node // qualityConsumerTokenFile
	cert, pkey *node
	out        *Server
}

var serverFields = append(ownInterface(), []field[serverDoc]{
	{"interfaces", func(c *compiler, n *node, d *serverDoc) { c.interfaces(n, d) }},
	{"mediaPorts", func(c *compiler, n *node, d *serverDoc) {
		if v, ok := c.portRange(n, "49152-57500"); ok {
			d.mediaPorts, d.out.MediaPorts = n, v
		}
	}},
	{"mediaTier", func(c *compiler, n *node, d *serverDoc) {
		c.oneOf(n, &d.out.MediaTier, "sockets", "steered", defaultMediaTier)
	}},
	{"cert", func(c *compiler, n *node, d *serverDoc) { d.cert = n; d.out.Cert, _ = c.text(n) }},
	{"key", func(c *compiler, n *node, d *serverDoc) { d.pkey = n; d.out.Key, _ = c.text(n) }},
	{"ca", setText(func(d *serverDoc) *string { return &d.out.CA })},
	{"maxCalls", setCount(0, 1000000, func(d *serverDoc) *int { return &d.out.MaxCalls })},
	{"maxCPS", setCount(0, 1000000, func(d *serverDoc) *int { return &d.out.MaxCPS })},
	{"maxMessagesPerSource", setCount(0, 10000000, func(d *serverDoc) *int { return &d.out.MaxMessagesPerSource })},
	{"metrics", func(c *compiler, n *node, d *serverDoc) { c.metrics(n, d) }},
	{"qualityConsumer", func(c *compiler, n *node, d *serverDoc) { c.qualityConsumer(n, d) }},
	{"qualityConsumerTokenFile", func(c *compiler, n *node, d *serverDoc) { d.token = n; d.out.QualityConsumerTokenFile, _ = c.text(n) }},
	{"controlSocket", setText(func(d *serverDoc) *string { return &d.out.ControlSocket })},
	{"viewSocket", setText(func(d *serverDoc) *string { return &d.out.ViewSocket })},
	{"viewGroup", setText(func(d *serverDoc) *string { return &d.out.ViewGroup })},
}...)

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
		d := &siteDoc{out: &Site{Name: key.text}}
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
		d := &serverDoc{key: key, out: &Server{Name: key.text, Pool: pool.out, MediaPorts: defaultMediaPorts, MediaTier: defaultMediaTier, MaxMessagesPerSource: defaultMessagesPerSource}}
		d.own = interfaceDoc{key: key, at: &d.out.Interface}
		decode(c, value, serverFields, d)
		d.out.places = placesOf(key, value)
		if len(d.out.Addresses) == 0 && d.own.addresses == nil {
			c.errorf(key, "the server has no addresses").fixf("Add addresses: [192.0.2.10] with the address that peers reach")
		}
		d.own.complete(c, &d.out.Interface)
		for _, i := range d.interfaces {
			i.complete(c, &d.out.Interface)
		}
		pool.servers = append(pool.servers, d)
		pool.out.Servers = append(pool.out.Servers, d.out)
		c.serverNames.add(c, key, d)
	})
	if len(n.entries) == 0 && n.kind <= mapping && n.kind != scalar {
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
	d.metrics, d.out.Metrics = n, s
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
