package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// Network is where media is: regions, sites and subnets, and what the links between them carry (CAC-01). Media bypass and call admission
// control both read it. A nil Network has no places, and trunks alone decide about bypass.
type Network struct {
	Bypass   BypassMode
	Unmapped bool // BYP-03: addresses of no subnet are one place with a bypass id of its own
	Regions  []*NetworkRegion
	Sites    []*NetworkSite
	Links    []*Link // everything that may have a limit, in the order of the document
	Servers  int     // that share the links, see Share

	subnets   map[netip.Prefix]*NetworkSite
	lengths   [2][]int // of prefixes, of IPv4 and IPv6, the longest first
	limited   bool
	intersite map[[2]*NetworkSite]*Link
	routes    map[[2]*NetworkRegion][]*Link
	bypassIDs map[string]string // lower-case id: who has it, in words
}

// BypassMode is the global mode of media bypass (BYP-01).
type BypassMode string

// The modes.
const (
	BypassOff    BypassMode = "off"
	BypassAlways BypassMode = "always" // one id for all (BYP-04): the trunks alone decide
	BypassSites  BypassMode = "sites"  // parties with equal ids (BYP-02)
)

// Mode is the mode of media bypass.
func (n *Network) Mode() BypassMode {
	if n == nil || n.Bypass == "" {
		return BypassAlways
	}
	return n.Bypass
}

// NetworkRegion is a well-connected part of the network: a backbone with its sites.
type NetworkRegion struct {
	Name     string
	BypassID string // of its sites that are not constrained
}

// NetworkSite is a place within a region. Its Link is the way to the region's backbone; nil: without a limit.
type NetworkSite struct {
	Name     string
	Region   *NetworkRegion
	Link     *Link
	BypassID string // its own when it is constrained, else that of its region (BYP-02)
}

// BandwidthProfile is a bandwidth policy profile (CAC-02).
type BandwidthProfile struct {
	Name  string
	Kinds [MediaKinds]Bandwidth
}

// Bandwidth is kbit/s in each direction, of all calls together and of one. 0 lets nothing through; Unlimited anything.
type Bandwidth struct{ Total, PerSession int }

// Limits tells whether something is bounded.
func (b Bandwidth) Limits() bool { return b.Total < Unlimited || b.PerSession < Unlimited }

// MediaKind is what a profile bounds apart.
type MediaKind uint8

// The kinds.
const (
	Audio MediaKind = iota
	Video
	MediaKinds
)

// String is the word of the document.
func (k MediaKind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// Unlimited is a limit that is none.
const Unlimited = 1 << 30

// G711Bandwidth is what a call of G.711 needs at least, in kbit/s: in RTP over IPv4, 20 ms a packet.
const G711Bandwidth = 85

// Limits tells whether the profile bounds anything.
func (p *BandwidthProfile) Limits() bool {
	return p != nil && (p.Kinds[Audio].Limits() || p.Kinds[Video].Limits())
}

// Link is a stretch of the network that a profile may bound.
type Link struct {
	Name    string // `site "reno"`, `link "atlantic"`, `policy "reno-portland"`
	Profile *BandwidthProfile
	ends    [2]*NetworkRegion // of a link between regions
}

// Share is what one server may put on a link, in kbit/s. Servers do not know each other's calls, so each has an equal part and together
// they never have more than the limit.
func (n *Network) Share(l *Link, k MediaKind) int {
	if l.Profile == nil || l.Profile.Kinds[k].Total >= Unlimited {
		return Unlimited
	}
	return l.Profile.Kinds[k].Total / max(1, n.Servers)
}

// Admits tells whether anything in the network has a limit, so that calls must be admitted.
func (n *Network) Admits() bool { return n != nil && n.limited }

// SiteOf is the site of the longest prefix that an address is in; nil: none.
func (n *Network) SiteOf(a netip.Addr) *NetworkSite {
	if n == nil {
		return nil
	}
	a = a.Unmap().WithZone("")
	for _, bits := range n.lengths[kindOf(a)] {
		if p, err := a.Prefix(bits); err == nil {
			if s := n.subnets[p]; s != nil {
				return s
			}
		}
	}
	return nil
}

// kindOf is the place in Network.lengths.
func kindOf(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// HasBypassID tells in words who has a bypass id; "": nobody. Case does not count.
func (n *Network) HasBypassID(id string) string { return n.bypassIDs[strings.ToLower(id)] }

// Between is the intersite policy of two sites, which replaces the ways over their region (CAC-03); nil: none.
func (n *Network) Between(a, b *NetworkSite) *Link { return n.intersite[pairOf(a, b, a.Name < b.Name)] }

// Route is the links from one region to another: those of the route that the document has, else the fewest; ok is false when none lead there.
func (n *Network) Route(a, b *NetworkRegion) (links []*Link, ok bool) {
	if a == b {
		return nil, true
	}
	links, ok = n.routes[pairOf(a, b, a.Name < b.Name)]
	return links, ok
}

// pairOf makes a key of two objects whose order does not matter.
func pairOf[T any](a, b *T, ordered bool) [2]*T {
	if ordered {
		return [2]*T{a, b}
	}
	return [2]*T{b, a}
}

// shortest finds the way of the fewest links from one region to another. Of several it is the one whose regions' names come first, so
// that the order of the document does not matter.
func (n *Network) shortest(from, to *NetworkRegion) ([]*Link, bool) {
	type step struct {
		at   *NetworkRegion
		ways []*Link
	}
	seen, wave := map[*NetworkRegion]bool{from: true}, []step{{at: from}}
	for len(wave) > 0 {
		var next []step
		for _, s := range wave {
			if s.at == to {
				return s.ways, true
			}
			for _, l := range n.Links {
				if l.ends[0] == s.at || l.ends[1] == s.at {
					next = append(next, step{l.far(s.at), append(slices.Clone(s.ways), l)})
				}
			}
		}
		slices.SortStableFunc(next, func(a, b step) int { return strings.Compare(a.at.Name, b.at.Name) })
		wave = wave[:0]
		for _, s := range next {
			if !seen[s.at] {
				seen[s.at] = true
				wave = append(wave, s)
			}
		}
	}
	return nil, false
}

// far is the other end of a link between regions.
func (l *Link) far(r *NetworkRegion) *NetworkRegion {
	if l.ends[0] == r {
		return l.ends[1]
	}
	return l.ends[0]
}
