package network

import (
	"slices"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// Account is what the calls of one server have on links: for each link the set of calls with their kbit/s, so that what is in use is always what
// the calls have. Links are known by name and keep their calls when a document is applied. It is not safe for concurrent use.
type Account struct {
	links map[place]*load
	calls map[media.SessionID][]*load // on which a call has something
}

// place is a kind of media on a link.
type place struct {
	link string
	kind topology.MediaKind
}

type load struct {
	calls   map[media.SessionID]int
	used    int // the sum of calls
	refused uint64
}

// Refusal says which link has no room for a call.
type Refusal struct {
	Link              *topology.Link
	Kind              topology.MediaKind
	Used, Share, Need int // kbit/s
}

// Need is what one leg of a call needs: the links on its way, and kbit/s on each.
type Need struct {
	Way  []*topology.Link
	Kbps [topology.MediaKinds]int
}

// Legs is what both legs of a call need. A link that both of them go over, or one of them twice, counts each time.
type Legs [2]Need

// Over tells whether a leg goes over a link.
func (n *Need) Over(l *topology.Link) bool {
	return slices.ContainsFunc(n.Way, func(x *topology.Link) bool { return x.Name == l.Name })
}

// on is what the legs need on a link.
func (n *Legs) on(l *topology.Link, kind topology.MediaKind) (kbps int) {
	for k := range n {
		for _, x := range n[k].Way {
			if x.Name == l.Name {
				kbps += n[k].Kbps[kind]
			}
		}
	}
	return kbps
}

// each yields the links with the kinds of media that they are to carry, perhaps twice.
func (n *Legs) each(yield func(*topology.Link, topology.MediaKind) bool) {
	for k := range n {
		for _, l := range n[k].Way {
			for kind := range topology.MediaKinds {
				if n[k].Kbps[kind] > 0 && !yield(l, kind) {
					return
				}
			}
		}
	}
}

// Any tells whether a leg goes over a link.
func (n *Legs) Any() bool { return len(n[0].Way)+len(n[1].Way) > 0 }

// Reserve gives a call what its legs need, instead of what it had. When one link has no room nothing changes, unless the call goes through all
// the same (force). It may always have as much as it had, or less, and without legs it has nothing.
func (a *Account) Reserve(n *topology.Network, id media.SessionID, legs *Legs, force bool) *Refusal {
	for l, kind := range legs.each {
		need, used, own := legs.on(l, kind), 0, 0
		if p := a.links[place{l.Name, kind}]; p != nil {
			used, own = p.used, p.calls[id]
		}
		if share := n.Share(l, kind); !force && need > own && used-own+need > share {
			return &Refusal{l, kind, used - own, share, need}
		}
	}
	old := a.calls[id]
	var list []*load
	for l, kind := range legs.each {
		if p := a.load(l, kind); !has(list, p) {
			p.set(id, legs.on(l, kind))
			list = append(list, p)
		}
	}
	for _, p := range old {
		if !has(list, p) {
			p.set(id, 0)
		}
	}
	switch {
	case len(list) > 0:
		a.calls[id] = list
	case len(old) > 0:
		delete(a.calls, id)
	}
	return nil
}

// Calls is how many calls have something.
func (a *Account) Calls() int { return len(a.calls) }

// Refuse counts a call, or a change of one, that a link does not let through.
func (a *Account) Refuse(l *topology.Link, kind topology.MediaKind) { a.load(l, kind).refused++ }

// set gives a call kbps on the link; 0 takes it off.
func (p *load) set(id media.SessionID, kbps int) {
	p.used += kbps - p.calls[id]
	if kbps == 0 {
		delete(p.calls, id)
	} else {
		p.calls[id] = kbps
	}
}

func (a *Account) load(l *topology.Link, kind topology.MediaKind) *load {
	if a.links == nil {
		a.links, a.calls = make(map[place]*load), make(map[media.SessionID][]*load)
	}
	at := place{l.Name, kind}
	p := a.links[at]
	if p == nil {
		p = &load{calls: make(map[media.SessionID]int)}
		a.links[at] = p
	}
	return p
}

// LinkUse is one kind of media on a link for people and metrics.
type LinkUse struct {
	Link               *topology.Link
	Kind               topology.MediaKind
	Total, Share, Used int // kbit/s; Total and Share are topology.Unlimited where there is no limit
	Calls              int
	Refused            uint64 // calls and changes of calls, since the server began
}

// Links are the links of a network that have a profile, with video where it bounds that.
func (a *Account) Links(n *topology.Network) (list []LinkUse) {
	if n == nil {
		return nil
	}
	for _, l := range n.Links {
		for kind := range topology.MediaKinds {
			if l.Profile == nil || kind == topology.Video && !l.Profile.Kinds[kind].Limits() {
				continue
			}
			u := LinkUse{Link: l, Kind: kind, Total: l.Profile.Kinds[kind].Total, Share: n.Share(l, kind)}
			if p := a.links[place{l.Name, kind}]; p != nil {
				u.Used, u.Calls, u.Refused = p.used, len(p.calls), p.refused
			}
			list = append(list, u)
		}
	}
	return list
}

// Keep forgets links that a new document does not have and no call is on.
func (a *Account) Keep(n *topology.Network) {
	known := make(map[string]bool)
	if n != nil {
		for _, l := range n.Links {
			known[l.Name] = true
		}
	}
	for at, p := range a.links {
		if !known[at.link] && len(p.calls) == 0 {
			delete(a.links, at)
		}
	}
}

func has(list []*load, p *load) bool {
	for _, x := range list {
		if x == p {
			return true
		}
	}
	return false
}

// Has is what a call has on all links, in kbit/s.
func (a *Account) Has(id media.SessionID) (kbps [topology.MediaKinds]int) {
	for at, p := range a.links {
		kbps[at.kind] += p.calls[id]
	}
	return kbps
}
