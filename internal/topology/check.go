package topology

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// check looks at the document as a whole; every name in it is resolved.
func (c *compiler) check() {
	c.checkServers()
	c.checkInterfaces()
	listening := c.listening()
	for _, d := range c.trunkDocs {
		c.checkTrunk(d)
		c.checkLoop(d, listening)
	}
	c.checkTuples()
	c.checkContactHosts()
	c.checkPeers()
	for _, d := range c.settingsDocs {
		c.checkSettings(d)
	}
	c.checkProfiles()
	c.checkBypassPairs()
	c.checkNetwork()
	c.checkKeys()
	c.checkMedia()
	c.checkHistoryPairs()
	c.checkSimpleNames()
	c.checkRoutes()
	c.checkUsages()
	c.checkEmergency()
	c.checkInterTrunk()
	c.checkPlaces()
	c.checkELINs()
	c.checkDeviceDialing()
	c.checkUnassigned()
	c.checkTargets()
	c.checkUnused()
}

// checkServers: certificate and key go together; media ports are enough and clear of SIP over UDP; no two servers share
// an address, nor media ports of one.
func (c *compiler) checkServers() {
	addresses := map[netip.Addr]string{}
	var before []*Server
	for _, p := range c.poolDocs {
		c.checkPoolLimit(p)
		for _, d := range p.servers {
			c.checkServer(p, d)
			for _, other := range before {
				c.checkNeighbour(d, other)
			}
			before = append(before, d.out)
			for _, i := range append([]*interfaceDoc{&d.own}, d.interfaces...) {
				if i.addresses == nil {
					continue
				}
				for k, a := range i.at.Addresses {
					at := i.addresses.items[min(k, len(i.addresses.items)-1)]
					if other, taken := addresses[a]; taken && other != d.out.Name {
						c.errorf(at, "the address %s is that of server %q as well", a, other).fixf("Give every server its own")
						continue
					}
					addresses[a] = d.out.Name
				}
			}
		}
	}
}

func (c *compiler) checkServer(p *poolDoc, d *serverDoc) {
	s := d.out
	switch {
	case d.cert != nil && d.pkey == nil:
		c.errorf(d.cert, "the server has a certificate and no key").fixf("Add key: the PEM file of its private key")
	case d.pkey != nil && d.cert == nil:
		c.errorf(d.pkey, "the server has a key and no certificate").fixf("Add cert: the PEM file of its certificate")
	}
	if s.Cert == "" && s.Key == "" {
		for _, t := range c.snap.Trunks {
			if t.Pool == p.out && t.Transport == sip.TLS {
				c.errorf(d.key, "the server has no certificate, and trunk %q uses TLS", t.Name).
					fixf("Add cert and key, or set the transport of the trunk to TCP or UDP")
				break
			}
		}
	}
	ports := d.key
	if d.mediaPorts != nil {
		ports = d.mediaPorts
	}
	c.checkMetrics(d)
	c.checkConsumer(d)
	r := s.MediaPorts
	size := int(r.Last) - int(r.First) + 1
	if r.First%2 != 0 {
		c.errorf(ports, "mediaPorts begins with the odd port %d; RTP has the even one of a pair", r.First).fixf("Begin with %d", r.First+1)
	}
	if need := 4 * max(1, s.MaxCalls); size < need {
		c.errorf(ports, "mediaPorts has %d ports; %d calls need %d, two pairs for each call", size, max(1, s.MaxCalls), need).
			fixf("Widen mediaPorts or lower maxCalls")
	}
	if share := p.out.Share().MaxCalls; share > 0 && size < 4*share && (s.MaxCalls == 0 || size < 4*min(share, s.MaxCalls)) {
		c.warnf(ports, "mediaPorts has %d ports, two pairs for each of %d calls, and maxCalls of the pool lets this server have %d", size, size/4, share).
			fixf("Widen mediaPorts or lower maxCalls of the pool")
	}
	c.checkTrunkPorts(p.out, s, ports, size/4)
	for _, t := range c.snap.Trunks {
		if t.Pool != p.out || t.Transport != sip.UDP || t.Port < r.First || t.Port > r.Last {
			continue
		}
		if slices.ContainsFunc(s.AllMedia(), func(a netip.Addr) bool { return slices.Contains(s.Toward(t).Addresses, a) }) {
			c.errorf(ports, "mediaPorts %d-%d contains the port %d that trunk %q listens on over UDP", r.First, r.Last, t.Port, t.Name).
				fixf("Move the port or the range")
			return
		}
	}
}

// checkTrunkPorts: a server without a limit has media ports for as many calls as each of its trunks may have.
func (c *compiler) checkTrunkPorts(p *Pool, s *Server, ports *node, calls int) {
	if s.MaxCalls > 0 || p.Share().MaxCalls > 0 {
		return // which stands for all trunks together
	}
	for _, t := range c.snap.Trunks {
		if t.Pool == p && !t.Settings.EnableBypass && t.Settings.MaxCalls > calls {
			c.warnf(ports, "mediaPorts are enough for %d calls, two pairs for each, and maxCalls lets trunk %q alone have %d", calls, t.Name, t.Settings.MaxCalls).
				fixf("Widen mediaPorts or lower maxCalls of the trunk")
			return
		}
	}
}

// checkMetrics: the address of metrics is none that a trunk listens on.
func (c *compiler) checkMetrics(d *serverDoc) {
	if d.metrics == nil || d.out.Metrics == "" {
		return
	}
	host, port, _ := cutPort(d.out.Metrics)
	at, err := netip.ParseAddr(host)
	for _, t := range c.snap.Trunks {
		if t.Pool != d.out.Pool || strconv.Itoa(int(t.Port)) != port || t.Transport == sip.UDP && c.snap.hasTLS(t.Pool, t.Port) {
			continue
		}
		if host == "" || err == nil && (at.IsUnspecified() || slices.Contains(d.out.Toward(t).Addresses, at)) {
			c.errorf(d.metrics, "metrics is to be at %s, and trunk %q listens on port %d", d.out.Metrics, t.Name, t.Port).fixf("Give metrics another port")
			return
		}
	}
}

// doorKey is a port of a pool, which may be open at several interfaces and for several transports.
type doorKey struct {
	pool *Pool
	port uint16
}

// listening has trunks by the port that they listen on: of those that do so with one transport at one interface the first.
func (c *compiler) listening() map[doorKey][]*Trunk {
	doors := map[doorKey][]*Trunk{}
	for _, t := range c.snap.Trunks {
		key := doorKey{t.Pool, t.Port}
		if !slices.ContainsFunc(doors[key], func(o *Trunk) bool { return o.Transport == t.Transport && o.Gateway.Interface == t.Gateway.Interface }) {
			doors[key] = append(doors[key], t)
		}
	}
	return doors
}

// checkLoop: a gateway is no listener of the pool that calls it, where every call would come in again.
func (c *compiler) checkLoop(d *trunkDoc, listening map[doorKey][]*Trunk) {
	t := d.out
	if t.GatewayPort == 0 || d.byDNS {
		return
	}
	for _, s := range t.Pool.Servers {
		for _, o := range listening[doorKey{t.Pool, t.GatewayPort}] {
			if s.meets(o, t.Gateway) && (o.Transport == t.Transport || o.Transport == sip.UDP && t.Transport == sip.TCP) {
				c.errorf(d.nameNode(), "port %d of gateway %q at %s is where server %q listens for trunk %q: every call to it would come in again",
					t.GatewayPort, t.Gateway.Name, t.Gateway.Host, s.Name, o.Name).fixf("Set host or port to those of the peer")
				return
			}
		}
	}
}

// meets tells whether a gateway is at an address that the server has or is known by on a trunk, or under its name.
func (s *Server) meets(t *Trunk, g *Gateway) bool {
	here := s.Toward(t)
	return strings.EqualFold(g.Host, s.Name) || slices.ContainsFunc(g.sources(), func(a netip.Addr) bool {
		return slices.Contains(here.Addresses, a) || slices.Contains(here.Public, a)
	})
}

// SteeredPorts is how many ports from a multiple of it on a server takes together when it steers (relay).
const SteeredPorts = 64

// checkNeighbour: servers that share a media address share a host, and neither can have the ports that the other has.
func (c *compiler) checkNeighbour(d *serverDoc, other *Server) {
	s := d.out
	media, theirs := s.AllMedia(), other.AllMedia()
	shared := slices.IndexFunc(media, func(a netip.Addr) bool { return slices.Contains(theirs, a) })
	if shared < 0 || slices.Contains(other.AllAddresses(), media[shared]) && slices.Contains(s.AllAddresses(), media[shared]) { // which is an error of its own
		return
	}
	ports := d.key
	if d.mediaPorts != nil {
		ports = d.mediaPorts
	}
	low, high := s.MediaPorts, other.MediaPorts
	if low.First > high.First {
		low, high = high, low
	}
	switch {
	case low.Last >= high.First:
		c.warnf(ports, "mediaPorts %d-%d and %d-%d of server %q overlap at %s: calls are lost while the other has their ports",
			s.MediaPorts.First, s.MediaPorts.Last, other.MediaPorts.First, other.MediaPorts.Last, other.Name, media[shared]).fixf("Give every server its own")
	case low.Last/SteeredPorts == high.First/SteeredPorts && s.MediaTier != "sockets" && other.MediaTier != "sockets":
		edge := high.First / SteeredPorts * SteeredPorts
		c.warnf(ports, "mediaPorts %d-%d and %d-%d of server %q meet at %s between %d and %d, of which steering gives all to one server",
			s.MediaPorts.First, s.MediaPorts.Last, other.MediaPorts.First, other.MediaPorts.Last, other.Name, media[shared], edge, edge+SteeredPorts-1).
			fixf("End the lower range at %d, or begin the upper at %d", edge-1, edge+SteeredPorts)
	}
}

// checkTrunk: TLS needs a name and certificates (spec 1.3), DNS needs a name, the port is in the pool's range, and every
// server of the pool has an address of the gateway's family (TOP-11).
func (c *compiler) checkTrunk(d *trunkDoc) {
	t, gw := d.out, d.out.Gateway
	if t.Transport == sip.TLS {
		if gw.Addr.IsValid() {
			byDefault := ""
			if d.transport == nil {
				byDefault = ", the default,"
			}
			c.errorf(d.at(d.transport), "gateway %q listens on TLS%s but is given as an address; TLS needs a name to check the certificate against", gw.Name, byDefault).
				fixf("Set gateways.%s.host to its FQDN, or the transport to TCP or UDP", gw.Name)
		}
	}
	if d.byDNS && gw.Addr.IsValid() {
		c.errorf(d.gatewayPort, "the gateway's port is to come from DNS, but gateway %q is given as an address", gw.Name).
			fixf("Set gatewayPort to a number")
	}
	key, ports := "tlsPorts", t.Pool.TLSPorts
	switch t.Transport {
	case sip.TCP:
		key, ports = "tcpPorts", t.Pool.TCPPorts
	case sip.UDP:
		key, ports = "udpPorts", t.Pool.UDPPorts
	}
	if ports.First != 0 && (t.Port < ports.First || t.Port > ports.Last) {
		c.errorf(d.at(d.port), "our port %d is outside %s %d-%d of pool %q", t.Port, key, ports.First, ports.Last, t.Pool.Name).
			fixf("Choose a port of the range or widen it")
	}
	if !gw.Addr.IsValid() {
		return
	}
	for _, s := range t.Pool.Servers {
		here := s.Toward(t)
		if !slices.ContainsFunc(here.Addresses, func(a netip.Addr) bool { return a.Is4() == gw.Addr.Is4() }) {
			c.errorf(d.nameNode(), "gateway %q is at %s, and server %q of the pool has no %s address", gw.Name, gw.Addr, s.Name, family(gw.Addr)).
				fixf("Add one to the server's addresses")
		} else if !slices.ContainsFunc(here.Media, func(a netip.Addr) bool { return a.Is4() == gw.Addr.Is4() }) {
			c.warnf(d.nameNode(), "gateway %q is at %s, and media of server %q has no %s address", gw.Name, gw.Addr, s.Name, family(gw.Addr)).
				fixf("Add one to media of the server, unless the peer has its media elsewhere")
		}
	}
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// checkTuples: two trunks of one pool and gateway differ in one port at least (spec 1.3); a port is not both TLS and TCP.
func (c *compiler) checkTuples() {
	for i, d := range c.trunkDocs {
		t := d.out
		for _, e := range c.trunkDocs[:i] {
			o := e.out
			if o.Pool != t.Pool || o.Port != t.Port || t.Watched() == o.Watched() {
				continue
			}
			if o.Transport != t.Transport && o.Transport != sip.UDP && t.Transport != sip.UDP {
				c.errorf(d.at(d.port), "trunk %q listens on port %d with %s, and a port cannot be both %s and %s",
					o.Name, o.Port, o.Transport, o.Transport, t.Transport).fixf("Give one of them another port")
				continue
			}
			if o.Gateway != t.Gateway || o.Transport != t.Transport {
				continue
			}
			if o.GatewayPort == t.GatewayPort {
				c.errorf(d.nameNode(), "trunk %q has the same pool, gateway and ports %d and %d", o.Name, t.Port, t.GatewayPort).
					fixf("Change port or gatewayPort of one of them")
				continue
			}
			c.warnf(d.nameNode(), "trunk %q has the same pool, gateway and our port %d: all calls from the gateway count for the %s one",
				o.Name, t.Port, firstOf(o, t)).fixf("Give one of them another port if calls arrive on both")
		}
	}
}

func firstOf(a, b *Trunk) string {
	if b.Root && !a.Root {
		return b.Name
	}
	return a.Name
}

// checkPeers: when two gateways share a listener, a call from one must not look like a call from the other.
func (c *compiler) checkPeers() {
	known := map[nameKey][]*trunkDoc{} // by what a gateway is known by
	for _, d := range c.trunkDocs {
		t := d.out
		at := listenKey{t.Pool, t.Transport, t.Port}
		reported := map[*trunkDoc]bool{}
		for _, mark := range t.Gateway.marks(t.Transport) {
			key := nameKey{at, mark}
			for _, e := range known[key] {
				o := e.out
				what := sameSource(t, o)
				if o.Gateway == t.Gateway || what == "" || reported[e] || t.Pool.meetsApart(t, o) {
					continue
				}
				reported[e] = true
				fix := "Give one of the trunks another port"
				if t.Gateway.Interface != o.Gateway.Interface {
					fix += ", or the interfaces of the two addresses of their own"
				}
				c.errorf(d.nameNode(), "a call to port %d from %s can be from gateway %q of trunk %q as well", t.Port, what, o.Gateway.Name, o.Name).fixf("%s", fix)
			}
			known[key] = append(known[key], d)
		}
	}
}

// meetsApart tells whether each server of the pool meets the gateways of two trunks at different addresses of its own.
func (p *Pool) meetsApart(a, b *Trunk) bool {
	return len(p.Servers) > 0 && !slices.ContainsFunc(p.Servers, func(s *Server) bool {
		return slices.ContainsFunc(s.Toward(a).Addresses, func(at netip.Addr) bool { return slices.Contains(s.Toward(b).Addresses, at) })
	})
}

// marks is everything by which a request over a transport is known to come from the gateway.
func (g *Gateway) marks(t sip.Transport) []string {
	if t == sip.TLS {
		return g.Names
	}
	marks := []string{strings.ToLower(g.Host)}
	for _, a := range g.Addresses {
		marks = append(marks, a.String())
	}
	return marks
}

// sameSource is an address or name by which the gateways of two trunks would both be known.
func sameSource(a, b *Trunk) string {
	common := ""
	for _, x := range a.Gateway.sources() {
		if slices.Contains(b.Gateway.sources(), x) {
			common = x.String()
			break
		}
	}
	if a.Transport != sip.TLS {
		if common == "" && !a.Gateway.Addr.IsValid() && strings.EqualFold(a.Gateway.Host, b.Gateway.Host) {
			common = a.Gateway.Host
		}
		return common
	}
	for _, name := range a.Gateway.Names {
		// Over TLS addresses may still tell two bearers of one name apart.
		if slices.Contains(b.Gateway.Names, name) && (common != "" || strings.EqualFold(a.Gateway.Host, b.Gateway.Host) ||
			len(a.Gateway.Addresses) == 0 && len(b.Gateway.Addresses) == 0) {
			return name
		}
	}
	return ""
}
