package engine

import (
	"context"
	"net/netip"
	"sort"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// Calls are the running calls, oldest first.
func (e *Engine) Calls() []cdr.Record {
	var list []cdr.Record
	for _, s := range e.shards {
		list = append(list, s.calls()...)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Start.Before(list[j].Start) })
	return list
}

// Live is the number of running calls.
func (e *Engine) Live() int {
	n := int64(0)
	for _, s := range e.shards {
		n += s.live.Load()
	}
	return int(n)
}

// Trunks are the trunks of our pool with their health and load.
func (e *Engine) Trunks() []TrunkStatus { return e.board.Trunks() }

// Counters are what the server has seen.
type Counters struct {
	ua.Counts
	Malformed uint64 // messages that are not SIP, or break its rules
	Shed      uint64 // calls refused because of overload
}

// Counters are the counters so far.
func (e *Engine) Counters() Counters {
	c := Counters{Malformed: e.malformed.Load(), Shed: e.shed.Load()}
	for _, s := range e.shards {
		n := s.stats.Load()
		c.Calls += n.Calls
		c.Stray += n.Stray
		c.Unknown += n.Unknown
		c.Refused += n.Refused
		c.Panics += n.Panics
		c.Options += n.Options
	}
	return c
}

// Drain stops taking new calls, or takes them again.
func (e *Engine) Drain(on bool) {
	e.drain.Store(on)
	for _, s := range e.shards {
		s.box.post(func(_ time.Time, c *ua.Core, _ *ua.Out) { c.Drain(on) })
	}
}

// Draining tells whether new calls are refused.
func (e *Engine) Draining() bool { return e.drain.Load() }

// Terminate ends every running call and returns when their records are handed over.
func (e *Engine) Terminate(why *diag.Reason) {
	for _, s := range e.shards {
		done := make(chan struct{})
		s.box.post(func(now time.Time, c *ua.Core, out *ua.Out) {
			c.Terminate(now, why, out)
			close(done)
		})
		select {
		case <-done:
		case <-s.done:
		}
	}
	for _, s := range e.shards {
		s.calls() // behind the batch above: its messages are out
	}
}

// resolved are the addresses that a gateway's name is known to have.
func (e *Engine) resolved(g *topology.Gateway) []netip.Addr { return (*e.names.Load())[g.Host] }

// refresh is how often the names of gateways are looked up, so that their calls are known by source address.
const refresh = 30 * time.Second

// watchNames keeps the addresses of gateways that are given by name.
func (e *Engine) watchNames() {
	defer e.wg.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-timer.C:
		}
		e.learnNames()
		timer.Reset(refresh)
	}
}

func (e *Engine) learnNames() {
	snap := e.snap.Load()
	old := *e.names.Load()
	names := make(map[string][]netip.Addr)
	for _, t := range snap.Trunks {
		g := t.Gateway
		if g.Addr.IsValid() {
			continue
		}
		ctx, cancel := context.WithTimeout(e.ctx, 5*time.Second)
		r, err := e.cfg.Resolver.Lookup(ctx, resolve.Query{Host: g.Host, Port: t.GatewayPort, Transport: t.Transport})
		cancel()
		if err != nil {
			names[g.Host] = append(names[g.Host], old[g.Host]...) // what was known stays known
			continue
		}
		for _, h := range r.Hops {
			names[g.Host] = append(names[g.Host], h.AddrPort.Addr().Unmap())
		}
	}
	e.names.Store(&names)
}

// Known tells whether an address may speak to one of our listeners at all: for transport.Config.Allow. Over TLS the certificate
// decides later.
func (e *Engine) Known(listener topology.Listener, remote netip.Addr) bool {
	snap := e.snap.Load()
	server := snap.ServerByName(e.cfg.Server)
	if server == nil {
		return false
	}
	t, _ := snap.InboundTrunk(server.Pool, listener.Transport, listener.AddrPort.Port(), remote, nil, e.resolved)
	return t != nil
}

// KnownNames tells whether a verified certificate is a peer's.
func (e *Engine) KnownNames(listener topology.Listener, remote netip.Addr, names []string) bool {
	snap := e.snap.Load()
	server := snap.ServerByName(e.cfg.Server)
	if server == nil {
		return false
	}
	t, _ := snap.InboundTrunk(server.Pool, listener.Transport, listener.AddrPort.Port(), remote, names, e.resolved)
	return t != nil
}

// lookup asks DNS beside the shards.
func (e *Engine) lookup(q resolve.Query, got func(resolve.Result)) {
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		ctx, cancel := context.WithTimeout(e.ctx, 5*time.Second)
		defer cancel()
		r, err := e.cfg.Resolver.Lookup(ctx, q)
		if err != nil {
			e.log.Warn("name not resolved", "host", q.Host, "err", err)
			r = resolve.Result{}
		}
		got(r)
	}()
}
