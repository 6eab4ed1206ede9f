package topology

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Listener is one socket that a server opens.
type Listener struct {
	Transport sip.Transport
	AddrPort  netip.AddrPort
}

// Listeners is what a server must listen on: every port of a trunk of its pool, on each address of the interface that the trunk's gateway
// is reached by. Who listens on UDP listens on TCP as well (RFC 3261 §18.2.1), unless TLS has the port.
func (s *Snapshot) Listeners(srv *Server) []Listener {
	var list []Listener
	for _, t := range s.Trunks {
		if t.Pool != srv.Pool {
			continue
		}
		for _, a := range srv.Toward(t).Addresses {
			at := netip.AddrPortFrom(a, t.Port)
			list = append(list, Listener{t.Transport, at})
			if t.Transport == sip.UDP && !s.hasTLS(t.Pool, t.Port) {
				list = append(list, Listener{sip.TCP, at})
			}
		}
	}
	slices.SortFunc(list, func(a, b Listener) int {
		return cmp.Or(a.AddrPort.Compare(b.AddrPort), cmp.Compare(a.Transport, b.Transport))
	})
	return slices.Compact(list)
}

func (s *Snapshot) hasTLS(p *Pool, port uint16) bool {
	return slices.ContainsFunc(s.Trunks, func(t *Trunk) bool { return t.Pool == p && t.Port == port && t.Transport == sip.TLS })
}

// listenKey is a listening port of a pool; its servers are configured alike.
type listenKey struct {
	pool      *Pool
	transport sip.Transport
	port      uint16
}

type addrKey struct {
	listenKey
	addr netip.Addr
}

type nameKey struct {
	listenKey
	name string // lower case
}

// inbound finds the trunk of a request that arrives: one map look-up for a peer given by address, one for each name
// of a TLS peer's certificate.
type inbound struct {
	byListener map[listenKey][]*Trunk
	byAddr     map[addrKey][]*Trunk
	byHost     map[listenKey][]*Trunk // UDP and TCP trunks whose gateway is given by name
	byName     map[nameKey][]*Trunk   // TLS
}

// indexInbound builds the tables of InboundTrunk. Where two trunks to one gateway share our port the root trunk comes
// first, else the order of the document holds.
func (s *Snapshot) indexInbound() {
	in := inbound{map[listenKey][]*Trunk{}, map[addrKey][]*Trunk{}, map[listenKey][]*Trunk{}, map[nameKey][]*Trunk{}}
	trunks := slices.Clone(s.Trunks)
	slices.SortStableFunc(trunks, func(a, b *Trunk) int {
		// A trunk of the very transport precedes a UDP trunk's TCP side.
		return cmp.Or(cmp.Compare(b.Transport, a.Transport), cmp.Compare(rank(a), rank(b)))
	})
	for _, t := range trunks {
		if t.Carrier != nil {
			continue // found by Tenant
		}
		in.add(t, listenKey{t.Pool, t.Transport, t.Port})
		if t.Transport == sip.UDP && !s.hasTLS(t.Pool, t.Port) {
			in.add(t, listenKey{t.Pool, sip.TCP, t.Port})
		}
	}
	s.inbound = in
}

func rank(t *Trunk) int {
	if t.Root {
		return 0
	}
	return 1
}

func (in *inbound) add(t *Trunk, at listenKey) {
	in.byListener[at] = append(in.byListener[at], t)
	if t.Gateway == nil {
		return
	}
	if at.transport == sip.TLS { // the address tells no more than who comes first
		for _, name := range t.Gateway.Names {
			name = strings.ToLower(name)
			in.byName[nameKey{at, name}] = append(in.byName[nameKey{at, name}], t)
			if _, parent, ok := strings.Cut(name, "."); ok && name[0] != '*' {
				wild := nameKey{at, "*." + parent}
				in.byName[wild] = append(in.byName[wild], t)
			}
		}
	}
	for _, a := range t.Gateway.sources() {
		key := addrKey{at, a}
		in.byAddr[key] = append(in.byAddr[key], t)
	}
	if !t.Gateway.Addr.IsValid() {
		in.byHost[at] = append(in.byHost[at], t)
	}
}

// sources is every address of the document that the gateway may call from.
func (g *Gateway) sources() []netip.Addr {
	if !g.Addr.IsValid() {
		return g.Addresses
	}
	return append([]netip.Addr{g.Addr.Unmap()}, g.Addresses...)
}

// InboundTrunk names the trunk of a request that came to a listener of a server. Gateways are met on the interface that they are reached by, and
// strangers on any other.
//
// Over UDP and TCP the peer is known by its source address: the gateway's host or one of its addresses, or for a gateway given
// by name one of the addresses that resolved tells (it may be nil). Over TLS it is known by the names of its verified
// certificate; *.example.com stands for every host right below. When several gateways answer to the names, the
// source address decides. Gateways of two networks may have one address, or one name, if each network has an interface with addresses of its own.
//
// The trunk is nil when the source is unknown; candidates is every trunk of the listener, to explain that. The caller
// must not change it. A look-up does not allocate.
func (s *Snapshot) InboundTrunk(srv *Server, transport sip.Transport, local netip.AddrPort, remote netip.Addr, names []string,
	resolved func(*Gateway) []netip.Addr) (trunk *Trunk, candidates []*Trunk) {
	at := listenKey{srv.Pool, transport, local.Port()}
	remote = remote.Unmap().WithZone("")
	candidates = s.inbound.byListener[at]
	here := met{srv, local.Addr().Unmap().WithZone("")}
	if transport == sip.TLS {
		return s.byCertificate(at, here, remote, names, resolved), candidates
	}
	return s.byAddress(at, here, remote, resolved), candidates
}

// CallsFrom tells whether an address is one of a gateway that is met at a listener of a server. Over TLS a certificate has to prove who it is.
func (s *Snapshot) CallsFrom(srv *Server, at Listener, remote netip.Addr, resolved func(*Gateway) []netip.Addr) bool {
	remote = remote.Unmap().WithZone("")
	here := met{srv, at.AddrPort.Addr().Unmap().WithZone("")}
	return s.byAddress(listenKey{srv.Pool, at.Transport, at.AddrPort.Port()}, here, remote, resolved) != nil
}

// TrunksFrom are the trunks of a pool whose gateway has an address, wherever they are met: to tell of who comes to the wrong listener. It looks through all of them.
func (s *Snapshot) TrunksFrom(p *Pool, remote netip.Addr, resolved func(*Gateway) []netip.Addr) (list []*Trunk) {
	remote = remote.Unmap().WithZone("")
	for _, t := range s.Trunks {
		if t.Pool == p && t.Carrier == nil && t.Gateway.reaches(remote, resolved) {
			list = append(list, t)
		}
	}
	return list
}

// met is the address of a server at which somebody came.
type met struct {
	srv   *Server
	local netip.Addr
}

// by tells whether the gateway of a trunk is met there.
func (m met) by(t *Trunk) bool { return slices.Contains(m.srv.Toward(t).Addresses, m.local) }

func (s *Snapshot) byAddress(at listenKey, here met, remote netip.Addr, resolved func(*Gateway) []netip.Addr) *Trunk {
	for _, t := range s.inbound.byAddr[addrKey{at, remote}] {
		if here.by(t) {
			return t
		}
	}
	if resolved == nil { // what the document says is in byAddr
		return nil
	}
	for _, t := range s.inbound.byHost[at] {
		if here.by(t) && t.Gateway.reaches(remote, resolved) {
			return t
		}
	}
	return nil
}

func (s *Snapshot) byCertificate(at listenKey, here met, remote netip.Addr, names []string, resolved func(*Gateway) []netip.Addr) *Trunk {
	for _, wild := range [...]bool{false, true} {
		for _, name := range names {
			if strings.HasPrefix(name, "*.") != wild {
				continue
			}
			found := s.inbound.byName[nameKey{at, strings.ToLower(name)}]
			if t := here.only(found); t != nil {
				return t
			}
			for _, t := range found {
				if here.by(t) && t.Gateway.reaches(remote, resolved) {
					return t
				}
			}
		}
	}
	return nil
}

// only is the first of the trunks that are met there, if they are all of one gateway.
func (m met) only(trunks []*Trunk) (first *Trunk) {
	for _, t := range trunks {
		switch {
		case !m.by(t):
		case first == nil:
			first = t
		case t.Gateway != first.Gateway:
			return nil
		}
	}
	return first
}

// reaches tells whether an address is one of the gateway's.
func (g *Gateway) reaches(a netip.Addr, resolved func(*Gateway) []netip.Addr) bool {
	if g.Addr == a || slices.Contains(g.Addresses, a) {
		return true
	}
	if resolved == nil || g.Addr.IsValid() {
		return false
	}
	for _, r := range resolved(g) {
		if r.Unmap() == a {
			return true
		}
	}
	return false
}

// TrunkByName finds a trunk, nil when there is none; case does not count.
func (s *Snapshot) TrunkByName(name string) *Trunk { return s.trunkByName[strings.ToLower(name)] }

// ServerByName finds a server, nil when there is none; case does not count.
func (s *Snapshot) ServerByName(name string) *Server { return s.serverByName[strings.ToLower(name)] }

func (s *Snapshot) indexNames() {
	s.trunkByName = make(map[string]*Trunk, len(s.Trunks))
	for _, t := range s.Trunks {
		s.trunkByName[strings.ToLower(t.Name)] = t
	}
	s.serverByName = make(map[string]*Server, len(s.Servers))
	for _, srv := range s.Servers {
		s.serverByName[strings.ToLower(srv.Name)] = srv
	}
}
