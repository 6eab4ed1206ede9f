package engine

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/topology"
)

const (
	// refresh is how often the names of gateways are looked up, so that their calls are known by source address. The
	// resolver asks DNS only when its answer has expired.
	refresh = 30 * time.Second
	// retry is the same after a name could not be looked up.
	retry = 5 * time.Second
	// remember is how long an address is known that DNS does not name any more. A name with many addresses may
	// have some of them in each answer, and calls from the old one go on.
	remember = 10 * time.Minute
	// lookups bounds the names that are looked up at the same time. Those of a zone whose servers are silent take five seconds each, in front of the others.
	lookups = 32
	// publishEvery is how often names that have become known are published at most: each time all are, and there may be thousands.
	publishEvery = 20 * time.Millisecond
	// tellAgain is when the log says again that a name cannot be looked up.
	tellAgain = 10 * time.Minute
)

// names are the addresses of gateways that are given by name.
type names struct {
	mu   sync.Mutex
	seen map[string]map[netip.Addr]time.Time // by host: when DNS has last named the address
	told map[string]time.Time                // by host that has none: when the log has last said so

	publishing sync.Mutex
}

// missing notes that a host has no address, and tells whether the log has not said so for a while: it is asked for every few seconds.
func (n *names) missing(now time.Time, host string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last, told := n.told[host]; told && now.Sub(last) < tellAgain {
		return false
	}
	if n.told == nil {
		n.told = make(map[string]time.Time)
	}
	n.told[host] = now
	return true
}

// back tells whether the log has said that a host has no address, and does not hold any more.
func (n *names) back(host string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, told := n.told[host]
	delete(n.told, host)
	return told
}

// hosts are the addresses of gateways that are given by name, at one time.
type hosts struct {
	byHost map[string][]netip.Addr
	all    map[netip.Addr]struct{}
}

func newHosts(byHost map[string][]netip.Addr) *hosts {
	n := &hosts{byHost, make(map[netip.Addr]struct{})}
	for _, list := range byHost {
		for _, a := range list {
			n.all[a] = struct{}{}
		}
	}
	return n
}

// resolved are the addresses that a gateway's name is known to have.
func (e *Engine) resolved(g *topology.Gateway) []netip.Addr { return e.addrs.Load().byHost[g.Host] }

// resolvedFor is resolved when that has anything to say of an address, else nil: no name is looked at for a stranger.
func (e *Engine) resolvedFor(remote netip.Addr) func(*topology.Gateway) []netip.Addr {
	if _, known := e.addrs.Load().all[remote.Unmap().WithZone("")]; known {
		return e.resolved
	}
	return nil
}

// watchNames keeps the addresses of gateways up to date.
func (e *Engine) watchNames() {
	defer e.wg.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.relearn:
		case <-timer.C:
		}
		next := e.cfg.Refresh
		if !e.learn(e.ctx, e.documents()) {
			next = min(next, retry)
		}
		timer.Reset(next)
	}
}

// Learn looks the names of a document's gateways up before it is applied, so that their calls are known from the first
// moment. It gives up when ctx ends; the engine goes on trying by itself.
func (e *Engine) Learn(ctx context.Context, snap *topology.Snapshot) {
	if server := snap.ServerByName(e.cfg.Server); server != nil {
		e.learn(ctx, append([]document{{snap: snap, server: server}}, e.documents()...))
	}
}

// question is a name to look up, as a call would: addresses by which nobody can come would take the place of others.
type question struct {
	host string
	q    resolve.Query
}

// learn looks up every name of the documents and tells whether all are known.
func (e *Engine) learn(ctx context.Context, docs []document) bool {
	var list []question
	for _, d := range docs {
		for _, t := range d.snap.Trunks {
			if g := t.Gateway; t.Pool == d.server.Pool && !g.Addr.IsValid() {
				q := question{g.Host, resolve.Query{Host: g.Host, Port: t.GatewayPort, Transport: t.Transport}}
				q.q.IPv4, q.q.IPv6 = d.server.Toward(t).Families()
				if !slices.Contains(list, q) {
					list = append(list, q)
				}
			}
		}
	}
	var wg sync.WaitGroup
	results := make([]resolve.Result, len(list))
	errs := make([]error, len(list))
	slots, news := make(chan struct{}, lookups), make(chan struct{}, 1)
	for i := range list {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			results[i], errs[i] = e.cfg.Resolver.Lookup(ctx, list[i].q)
			if errs[i] == nil && e.news(list[i].host, results[i].Hops) { // nobody's calls wait for the names of others
				e.names.found(time.Now(), list[i].host, results[i].Hops)
				select {
				case news <- struct{}{}:
				default:
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(news)
	}()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for range news {
		<-pause.C
		e.publishNames()
		pause.Reset(publishEvery)
	}
	e.names.note(time.Now(), list, results, errs)
	known := e.publishNames()
	failed := make(map[string]bool)
	for i, err := range errs {
		failed[list[i].host] = failed[list[i].host] || err != nil
	}
	for i, err := range errs {
		host := list[i].host
		switch {
		case !failed[host] && e.names.back(host):
			e.log.Info("gateway's name resolved again", "host", host, "known", len(known[host]))
		case err != nil && ctx.Err() == nil && e.names.missing(time.Now(), host):
			e.log.Warn("gateway's name not resolved", "host", host, "known", len(known[host]), "err", err)
		}
	}
	return !slices.ContainsFunc(errs, func(err error) bool { return err != nil })
}

// meet makes the addresses known at once that a message to a gateway's name goes to: DNS may have named them only now, and what comes from there must not be a
// stranger's. What else peers name makes nobody known.
func (e *Engine) meet(host string, hops []resolve.Addr) {
	_, named := e.addrs.Load().byHost[host] // what is given by address has none
	if named && e.news(host, hops) && e.names.add(time.Now(), host, hops) {
		e.publishNames()
	}
}

// news tells whether a host has an address that is not known.
func (e *Engine) news(host string, hops []resolve.Addr) bool {
	have := e.addrs.Load().byHost[host]
	return slices.ContainsFunc(hops, func(h resolve.Addr) bool { return !slices.Contains(have, h.AddrPort.Addr().Unmap()) })
}

// publishNames lets all see what is known.
func (e *Engine) publishNames() map[string][]netip.Addr {
	e.names.publishing.Lock() // what is older must not come later
	defer e.names.publishing.Unlock()
	known := e.names.addresses()
	e.addrs.Store(newHosts(known))
	return known
}

// add notes addresses of a gateway's host; false: no document has a gateway of that host any more.
func (n *names) add(now time.Time, host string, hops []resolve.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[host] == nil {
		return false
	}
	n.take(now, host, hops)
	return true
}

// found notes addresses of a host that a document has.
func (n *names) found(now time.Time, host string, hops []resolve.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = make(map[string]map[netip.Addr]time.Time)
	}
	if n.seen[host] == nil {
		n.seen[host] = make(map[netip.Addr]time.Time)
	}
	n.take(now, host, hops)
}

// take notes when addresses of a host were named. n is locked.
func (n *names) take(now time.Time, host string, hops []resolve.Addr) {
	for _, h := range hops {
		n.seen[host][h.AddrPort.Addr().Unmap()] = now
	}
}

// note takes one round of answers. Where DNS gave none, what was known stays known; where it says that there is no such
// name, or names other addresses, the rest ages.
func (n *names) note(now time.Time, list []question, results []resolve.Result, errs []error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.seen
	n.seen = make(map[string]map[netip.Addr]time.Time, len(list))
	for i, x := range list {
		have := n.seen[x.host]
		if have == nil {
			have = make(map[netip.Addr]time.Time)
			maps.Copy(have, old[x.host])
			n.seen[x.host] = have
		}
		silent := errs[i] != nil && !errors.Is(errs[i], resolve.ErrNotFound) && !errors.Is(errs[i], resolve.ErrNoService)
		for a := range have {
			if silent {
				have[a] = now
			} else if now.Sub(have[a]) > remember {
				delete(have, a)
			}
		}
		for _, h := range results[i].Hops {
			have[h.AddrPort.Addr().Unmap()] = now
		}
	}
}

// addresses is what is known now, by host.
func (n *names) addresses() map[string][]netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := make(map[string][]netip.Addr, len(n.seen))
	for host, have := range n.seen {
		known[host] = slices.SortedFunc(maps.Keys(have), netip.Addr.Compare)
	}
	return known
}
