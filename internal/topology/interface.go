package topology

import (
	"maps"
	"net/netip"
	"slices"
)

// Interface is where a server meets some of its gateways: the PSTN IP of Lync beside the primary one, and what they are behind NAT (TOP-12).
// Each list has at most one IPv4 and one IPv6 address.
type Interface struct {
	Addresses []netip.Addr // SIP listening addresses
	Media     []netip.Addr // media addresses; default Addresses
	// Public and PublicMedia are what peers know the two lists by: a NAT that keeps ports stands between, as before machines of a cloud. What has
	// none of its family there is known by itself.
	Public, PublicMedia []netip.Addr
}

// Families tells which kinds of IP address the interface has: peers are reached by no other.
func (i *Interface) Families() (v4, v6 bool) {
	for _, a := range i.Addresses {
		v4, v6 = v4 || a.Is4(), v6 || a.Is6()
	}
	return v4, v6
}

// Local is the SIP address toward a peer: of its family, or else the first.
func (i *Interface) Local(peer netip.Addr) netip.Addr { return likeFamily(i.Addresses, peer) }

// LocalMedia is the media address toward a peer, in the same way.
func (i *Interface) LocalMedia(peer netip.Addr) netip.Addr { return likeFamily(i.Media, peer) }

// Known is what peers know a SIP address of ours by.
func (i *Interface) Known(local netip.Addr) netip.Addr { return known(i.Public, local) }

// KnownMedia is what peers know a media address of ours by.
func (i *Interface) KnownMedia(local netip.Addr) netip.Addr { return known(i.PublicMedia, local) }

func known(public []netip.Addr, local netip.Addr) netip.Addr {
	for _, a := range public {
		if local.IsValid() && a.Is4() == local.Is4() {
			return a
		}
	}
	return local
}

func likeFamily(list []netip.Addr, peer netip.Addr) netip.Addr {
	for _, a := range list {
		if a.Is4() == peer.Unmap().Is4() {
			return a
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return netip.Addr{}
}

// Toward is the interface by which the gateway of a trunk is reached.
func (s *Server) Toward(t *Trunk) *Interface {
	if i := s.Interfaces[t.Gateway.Interface]; i != nil {
		return i
	}
	return &s.Interface
}

// interfaces are those of the server, its own first, the others by name.
func (s *Server) interfaces() []*Interface {
	list := []*Interface{&s.Interface}
	for _, name := range slices.Sorted(maps.Keys(s.Interfaces)) {
		list = append(list, s.Interfaces[name])
	}
	return list
}

// AllMedia is every media address of the server, each once.
func (s *Server) AllMedia() []netip.Addr {
	return s.all(func(i *Interface) []netip.Addr { return i.Media })
}

// AllAddresses is every SIP address of the server, each once.
func (s *Server) AllAddresses() []netip.Addr {
	return s.all(func(i *Interface) []netip.Addr { return i.Addresses })
}

func (s *Server) all(list func(*Interface) []netip.Addr) (all []netip.Addr) {
	for _, i := range s.interfaces() {
		for _, a := range list(i) {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// Is tells whether a SIP address is one of the server, or one that it is known by.
func (s *Server) Is(a netip.Addr) bool {
	for _, i := range s.interfaces() {
		if slices.Contains(i.Addresses, a) || slices.Contains(i.Public, a) {
			return true
		}
	}
	return false
}
