package fastpath

import (
	"net/netip"
	"sync"
)

// path is where packets between two hosts go.
type path struct {
	device int // its index
	mtu    int // octets with the IP header
	local  bool
	why    string // it cannot be used
	deaf   string // packets cannot be taken where they come in
}

type hosts struct{ from, to netip.Addr }

// kept is a path that was asked for.
type kept struct {
	path
	used bool // since everything was asked anew
}

// network is what the table knows of devices and routes: what was asked is kept until something changes. Who asks here does not wait for
// the kernel, which may take long to answer, as it does one thing after the other for everybody (rtnl_lock): what is not known a scout asks for.
type network struct {
	scout   *scout
	watches watches

	mu      sync.Mutex // never held over a system call
	guarded string     // why IPsec forbids every flow
	paths   map[hosts]*kept
	wanted  map[hosts]struct{} // that are not known yet
	stale   bool               // something has changed
	wake    chan struct{}      // there is something to ask for
	done    sync.WaitGroup
}

const (
	// mostPaths bounds what is kept of routes.
	mostPaths = 1 << 16
	// mostWanted bounds what is to be asked for. What finds no room comes again with the next packet.
	mostWanted = 1 << 12
)

// Asking is why a flow is not installed the way of whose packets is not known yet. It will be in a moment.
const Asking = "its way is being asked for"

// openNetwork takes the scout, which is closed with it.
func openNetwork(s *scout, changed func()) (n *network, err error) {
	n = &network{scout: s, paths: make(map[hosts]*kept), wanted: make(map[hosts]struct{}), wake: make(chan struct{}, 1)}
	if err = n.watches.open(n.outdated); err != nil {
		n.watches.close()
		s.close()
		return nil, err
	}
	n.guarded = s.policies() // from here on a change is told
	n.done.Go(func() { n.run(changed) })
	return n, nil
}

func (n *network) close() {
	n.watches.close()
	close(n.wake)
	n.done.Wait()
	n.scout.close()
}

// outdated notes that something has changed.
func (n *network) outdated() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stale = true
	n.rouse()
}

// rouse wakes the scout.
func (n *network) rouse() {
	select {
	case n.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// path tells by which device a flow leaves.
func (n *network) path(f *Flow) (path, string) {
	for _, a := range [...]netip.Addr{f.Local.Addr(), f.Source.Addr(), f.From.Addr(), f.To.Addr()} {
		switch {
		case !a.IsValid() || a.IsUnspecified():
			return path{}, "the media address is every address of this host"
		case a.IsLinkLocalUnicast() && a.Is6():
			return path{}, "an address of the link"
		case a.Is4() != f.Local.Addr().Is4():
			return path{}, "IPv4 on one side and IPv6 on the other"
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.guarded != "" {
		return path{}, n.guarded
	}
	in, known := n.find(hosts{f.Local.Addr(), f.Source.Addr()}) // they come by where answers go; if not, they come to the socket
	out, too := n.find(hosts{f.From.Addr(), f.To.Addr()})
	switch {
	case !known || !too:
		return out, Asking
	case in.why != "":
		return out, in.why
	case out.why != "":
		return out, out.why
	case in.local, out.local:
		return out, "a peer on this host"
	}
	return out, in.deaf
}

// find is false for what the scout has yet to ask.
func (n *network) find(h hosts) (path, bool) {
	if p := n.paths[h]; p != nil {
		p.used = true
		return p.path, true
	}
	if len(n.wanted) < mostWanted {
		n.wanted[h] = struct{}{}
		n.rouse()
	}
	return path{}, false
}

// run asks for what is wanted and, when something has changed, for all that was used since the last time. Then it calls changed.
func (n *network) run(changed func()) {
	for range n.wake {
		n.mu.Lock()
		stale := n.stale
		n.stale = false
		n.mu.Unlock()
		if stale {
			n.renew()
			changed()
		}
		n.mu.Lock()
		wanted := n.wanted
		n.wanted = make(map[hosts]struct{})
		n.mu.Unlock()
		for h := range wanted {
			if p, err := n.scout.route(h); err == nil { // else who needs it asks again
				n.keep(h, p)
			}
		}
	}
}

func (n *network) keep(h hosts, p path) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.paths) >= mostPaths {
		clear(n.paths)
	}
	n.paths[h] = &kept{path: p}
}

// renew asks for everything anew. Until all is known what was before holds, and its flows go on.
func (n *network) renew() {
	var used []hosts
	n.mu.Lock()
	for h, p := range n.paths {
		if p.used {
			used = append(used, h)
		}
	}
	n.mu.Unlock()
	guarded := n.scout.policies()
	n.scout.forget()
	paths := make(map[hosts]*kept, len(used))
	for _, h := range used {
		if p, err := n.scout.route(h); err == nil {
			paths[h] = &kept{path: p}
		}
	}
	n.mu.Lock()
	n.guarded, n.paths = guarded, paths
	n.mu.Unlock()
}
