// Package ways knows by which device and next hop packets of this host leave. What it has asked the kernel it keeps until something changes. Who
// asks here does not wait for the kernel, which may take long to answer, as it does one thing after the other for everybody (rtnl_lock): what is not
// known yet a scout asks for.
package ways

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Path is where packets from one host to another go.
type Path struct {
	Device int        // its index
	Hop    netip.Addr // the next host on it; not valid where that is of the other family
	MTU    int        // octets with the IP header
	Local  bool       // the other host is this one
	Why    string     // there is no path that could be followed without the stack
	Odd    string     // what is wrong with the device: it is no Ethernet, or what Config.Device has said
}

// Config of Ways.
type Config struct {
	// Device is called, from a goroutine of the ways' own, for every Ethernet device that paths use, and again when something has changed. What
	// it returns becomes Path.Odd. May be nil.
	Device func(index int) (odd string)
	// Class is the type of service or traffic class of the packets, which are UDP: rules of routing may go by both.
	Class uint8
	// Filters makes the filters of this host (nftables, iptables) forbid every path where they would see its packets.
	Filters bool
	// Changed is called, from the same, when something has changed and all was asked anew. May be nil.
	Changed func()
}

type hosts struct{ from, to netip.Addr }

// kept is a path that was asked for.
type kept struct {
	Path
	used bool // since everything was asked anew
}

// Ways is what is known. All methods may be called from any goroutine.
type Ways struct {
	scout   *scout
	watches watches
	changes atomic.Uint64 // that were told of

	mu          sync.Mutex // never held over a system call
	guarded     string     // why no path may be followed
	unannounced string     // filters that nobody is told of
	paths       map[hosts]*kept
	wanted      map[hosts]struct{} // that are not known yet
	stale       bool               // something has changed
	asked       uint64             // of the changes, those after which all was asked anew
	closed      bool               // nobody asks any more
	wake        chan struct{}      // there is something to ask for
	done        sync.WaitGroup
}

const (
	// mostPaths bounds what is kept of routes.
	mostPaths = 1 << 16
	// mostWanted bounds what is to be asked for. What finds no room comes again with the next packet.
	mostWanted = 1 << 12
)

// Open begins to watch.
func Open(c Config) (*Ways, error) {
	if c.Device == nil {
		c.Device = func(int) string { return "" }
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	s, err := newScout(c)
	if err != nil {
		return nil, err
	}
	w := newWays(s)
	if err = w.watches.open(&w.changes, c.Filters, w.outdated); err != nil {
		w.watches.close()
		s.close()
		return nil, err
	}
	w.guarded, w.unannounced = s.guards() // from here on a change is told
	w.done.Go(func() { w.run(c.Changed) })
	return w, nil
}

func newWays(s *scout) *Ways {
	return &Ways{scout: s, paths: make(map[hosts]*kept), wanted: make(map[hosts]struct{}), wake: make(chan struct{}, 1)}
}

// Close ends it. What is not known then never will be.
func (w *Ways) Close() {
	w.watches.close()
	w.mu.Lock()
	w.closed = true
	close(w.wake)
	w.mu.Unlock()
	w.done.Wait()
	w.scout.close()
}

// outdated notes that something has changed.
func (w *Ways) outdated() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stale = true
	w.rouse()
}

// rouse wakes the scout. The ways are locked.
func (w *Ways) rouse() {
	if w.closed {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// Path tells how from reaches to; false: it is being asked for, and will be known in a moment. After a change what was before holds until all is known anew.
func (w *Ways) Path(from, to netip.Addr) (Path, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.path(hosts{from, to})
}

// Now is Path that does not hold after a change: then it is false until the kernel was asked again. What it says is true as long as Changes is
// what it returns.
func (w *Ways) Now(from, to netip.Addr) (p Path, changes uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked != w.changes.Load() {
		return Path{}, 0, false
	}
	p, ok = w.path(hosts{from, to})
	return p, w.asked, ok
}

// Glance looks for filters whose coming and going nobody is told of. Now is wrong about those until then.
func (w *Ways) Glance() {
	w.mu.Lock()
	before := w.unannounced
	w.mu.Unlock()
	if unannounced() != before {
		w.changes.Add(1)
		w.outdated()
	}
}

// Guarded is why no path may be followed; "": nothing forbids it.
func (w *Ways) Guarded() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.guarded
}

// Changes is how many were told of.
func (w *Ways) Changes() uint64 { return w.changes.Load() }

func (w *Ways) path(h hosts) (Path, bool) {
	if w.guarded != "" {
		return Path{Why: w.guarded}, true
	}
	if p := w.paths[h]; p != nil {
		p.used = true
		return p.Path, true
	}
	if len(w.wanted) < mostWanted {
		w.wanted[h] = struct{}{}
		w.rouse()
	}
	return Path{}, false
}

// run asks for what is wanted and, when something has changed, for all that was used since the last time. Then it calls changed.
func (w *Ways) run(changed func()) {
	for range w.wake {
		w.mu.Lock()
		stale := w.stale
		w.stale = false
		w.mu.Unlock()
		if stale {
			w.renew()
			changed()
		}
		w.mu.Lock()
		wanted := w.wanted
		w.wanted = make(map[hosts]struct{})
		w.mu.Unlock()
		for h := range wanted {
			if p, err := w.scout.route(h); err == nil { // else who needs it asks again
				w.keep(h, p)
			}
		}
	}
}

func (w *Ways) keep(h hosts, p Path) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.paths) >= mostPaths {
		clear(w.paths)
	}
	w.paths[h] = &kept{Path: p}
}

// renew asks for everything anew. Until all is known what was before holds, and what follows it goes on.
func (w *Ways) renew() {
	changes := w.changes.Load()
	var used []hosts
	w.mu.Lock()
	for h, p := range w.paths {
		if p.used {
			used = append(used, h)
		}
	}
	w.mu.Unlock()
	guarded, silent := w.scout.guards()
	w.scout.forget()
	paths := make(map[hosts]*kept, len(used))
	for _, h := range used {
		if p, err := w.scout.route(h); err == nil {
			paths[h] = &kept{Path: p}
		}
	}
	w.mu.Lock()
	w.guarded, w.unannounced, w.paths, w.asked = guarded, silent, paths, changes
	w.mu.Unlock()
}
