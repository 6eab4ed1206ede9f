package engine

import (
	"net/netip"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// registered sets the registration of a trunk and tells what it was before; nil: unknown.
func (b *Board) registered(t *topology.Trunk, st register.Status) *register.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byName[t.Name]
	if p == nil || !b.registers(p.trunk) { // the shard has the document before still
		return nil
	}
	before := p.reg.Load()
	p.reg.Store(&st)
	return before
}

// registers tells whether this server registers a trunk of the current document; the board is locked.
func (b *Board) registers(t *topology.Trunk) bool {
	return t.Registration != nil && !t.Disabled && t.Registration.Server.Name == b.server.Name
}

// Binding is b2bua.Env.Binding.
func (b *Board) Binding(t *topology.Trunk) (out b2bua.Binding) {
	b.mu.Lock()
	p := b.byName[t.Name]
	known := p != nil && p.trunk.SamePeer(t) // a call of an older document goes to the peer of that
	b.mu.Unlock()
	if !known {
		return out
	}
	if st := p.reg.Load(); st != nil && st.Up() {
		out.At, out.Routes = st.At, st.Routes
	}
	return out
}

// registered is called by a shard when the registration of a trunk that it owns has changed.
func (e *Engine) registered(t *topology.Trunk, st register.Status) {
	before := e.board.registered(t, st)
	if before != nil && before.State == st.State && before.Error == st.Error {
		return // a refresh
	}
	switch {
	case st.Error != "" && st.Next.IsZero(): // the next address of the registrar is being asked
		e.log.Warn("registration", "trunk", t.Name, "state", string(st.State), "why", st.Error)
	case st.Error != "":
		e.log.Warn("registration", "trunk", t.Name, "state", string(st.State), "why", st.Error, "next", st.Next)
	case st.State == register.Registered:
		e.log.Info("registration", "trunk", t.Name, "state", string(st.State), "at", st.At, "until", st.Until)
	default:
		e.log.Info("registration", "trunk", t.Name, "state", string(st.State))
	}
}

// Lost is transport.Config.Lost: a registration that was made by the connection is made again by another one.
func (e *Engine) Lost(local netip.AddrPort, tr sip.Transport, remote netip.AddrPort) {
	d := e.documents()[0]
	for _, t := range d.registering(local, tr) {
		name := t.Name
		e.shards[ua.Watcher(t, len(e.shards))].box.post(func(now time.Time, c *ua.Core, _ *ua.Out) { c.ConnectionLost(now, name, remote) })
	}
}

// registering are the trunks that register from an address of ours: one registrar may be reached by two interfaces.
func (d document) registering(local netip.AddrPort, tr sip.Transport) (list []*topology.Trunk) {
	for _, t := range d.snap.Trunks {
		if t.Registration != nil && t.Transport == tr && t.Port == local.Port() && slices.Contains(d.server.Toward(t).Addresses, local.Addr().Unmap()) {
			list = append(list, t)
		}
	}
	return list
}

// Listen begins the registrations, once the listeners are open.
func (e *Engine) Listen() {
	e.each(func(_ *shard, now time.Time, c *ua.Core, _ *ua.Out) { c.Listen(now) })
}

// RetryRegistrations tries those that have failed again at once.
func (e *Engine) RetryRegistrations() {
	e.each(func(_ *shard, now time.Time, c *ua.Core, _ *ua.Out) { c.RetryRegistrations(now) })
}

// Leaving tells whether registrations are still being ended.
func (e *Engine) Leaving() bool {
	for _, t := range e.Trunks() {
		if t.Registration != nil && t.Registration.State == register.Leaving {
			return true
		}
	}
	return false
}
