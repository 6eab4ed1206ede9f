package transport

import (
	"container/list"
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// connKey is what makes an open connection fit for a hop. Local is part of it because it tells the trunk
// that requests on the connection belong to. One that is dialled by the host of a hop has that in place of an address.
type connKey struct {
	transport     sip.Transport
	local, remote netip.AddrPort
	name          string // that we asked for when dialling; "" for accepted ones
	host          string
	port          uint16 // of host
}

// connTable knows all connections.
type connTable struct {
	mu                sync.Mutex
	byFlow            map[uint64]*conn
	byKey             map[connKey]*conn
	perSource         map[netip.Addr]int // accepted ones
	unknown           list.List          // of accepted ones, those that may not be of peers, oldest first
	accepted, dialled int
	flow              uint64
	closed            bool
	empty             chan struct{} // closed when closed and nothing is left
}

func (ct *connTable) init() {
	ct.byFlow = map[uint64]*conn{}
	ct.byKey = map[connKey]*conn{}
	ct.perSource = map[netip.Addr]int{}
	// A flow that was kept across a restart or came from another server must not hit a connection of ours.
	ct.flow = rand.Uint64()
	ct.empty = make(chan struct{})
}

func (ct *connTable) count() (accepted, dialled int) {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	return ct.accepted, ct.dialled
}

// admit enters an accepted connection if the limits allow one more. When there are too many, the oldest one that is not known to be a peer's makes room, which
// the caller has to close: strangers who only connect keep nobody out. So does the one that was silent longest, of the same source when that has too many: there are
// peers that open one for each call and close none, and their next call must not wait until those are idle for long enough.
func (ct *connTable) admit(c *conn, lim *Limits, unknown bool) (ok bool, instead *conn) {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	source := c.remote.Addr()
	switch {
	case ct.closed:
		return false, nil
	case ct.perSource[source] >= lim.MaxConnsPerSource:
		instead = ct.silent(c.t.now(), source)
	case ct.accepted < lim.MaxConns:
		ct.take(c, unknown)
		return true, nil
	case ct.unknown.Len() > 0:
		instead = ct.unknown.Front().Value.(*conn)
	default:
		instead = ct.silent(c.t.now(), netip.Addr{})
	}
	if instead == nil {
		return false, nil
	}
	ct.leave(instead)
	ct.take(c, unknown)
	return true, instead
}

// silentFor is how long nothing must have come by a connection that gives way to another: longer than a transaction lasts (RFC 3261 §17.1.1.2).
const silentFor = 40 * time.Second

// silent is the accepted connection of a source, or of any, by which nothing has come for longest; nil: there is none. ct.mu is held.
func (ct *connTable) silent(now time.Duration, source netip.Addr) (longest *conn) {
	at := now - silentFor
	for _, c := range ct.byFlow {
		if heard := time.Duration(c.heard.Load()); c.accepted && heard < at && (!source.IsValid() || c.remote.Addr() == source) {
			longest, at = c, heard
		}
	}
	return longest
}

// take counts an accepted connection; ct.mu is held.
func (ct *connTable) take(c *conn, unknown bool) {
	source := c.remote.Addr()
	ct.accepted++
	ct.perSource[source]++
	ct.enter(c)
	if unknown {
		c.unknown = ct.unknown.PushBack(c)
	}
}

// dialKey is the key of a connection that is dialled for a hop.
func dialKey(hop *sip.Hop) connKey {
	if hop.Host != "" {
		return connKey{transport: hop.Transport, local: hop.Local, name: hop.Name, host: hop.Host, port: hop.Port}
	}
	return connKey{transport: hop.Transport, local: hop.Local, remote: hop.Remote, name: hop.Name}
}

// enter gives c its flow. An accepted connection is found by key only when it is open.
func (ct *connTable) enter(c *conn) {
	ct.flow++
	if ct.flow == 0 {
		ct.flow = 1
	}
	c.flow = ct.flow
	ct.byFlow[c.flow] = c
	c.counters.open.Add(1)
}

// publish lets hops to the peer's end of an accepted connection find it.
func (ct *connTable) publish(c *conn) {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	if ct.byFlow[c.flow] == c { // else it is closed already
		ct.byKey[c.key] = c
		if c.key.transport == sip.TLS {
			ct.know(c)
		}
	}
}

// know notes that an accepted connection is a peer's; ct.mu is held.
func (ct *connTable) know(c *conn) {
	if c.unknown != nil {
		ct.unknown.Remove(c.unknown)
		c.unknown = nil
	}
}

// find returns the connection for a hop: the flow that it prefers, one to the same place, or a new one that
// the caller must dial. For a hop with a host the second must be open: where that leads is found out by dialling.
func (ct *connTable) find(hop *sip.Hop, dialled func() *conn, limit int) (c *conn, isNew bool, err error) {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	if hop.Flow != 0 {
		if c = ct.byFlow[hop.Flow]; c != nil && c.key.transport == hop.Transport {
			return c, false, nil
		}
	}
	key := connKey{transport: hop.Transport, local: hop.Local, remote: hop.Remote, name: hop.Name}
	if c = ct.byKey[key]; c != nil && (hop.Host == "" || c.isOpen()) {
		return c, false, nil
	}
	if hop.Name != "" {
		key.name = ""
		if c = ct.byKey[key]; c != nil && c.accepted && c.peer.is(hop.Name) {
			return c, false, nil
		}
	}
	if hop.Host != "" {
		if c = ct.byKey[dialKey(hop)]; c != nil {
			return c, false, nil
		}
	}
	switch {
	case ct.closed:
		return nil, false, ErrClosed
	case ct.dialled >= limit:
		return nil, false, ErrConnLimit
	}
	c = dialled()
	ct.dialled++
	ct.byKey[c.key] = c
	ct.enter(c)
	return c, true, nil
}

// remove forgets c.
func (ct *connTable) remove(c *conn) {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	if ct.byFlow[c.flow] != c {
		return
	}
	ct.leave(c)
	if ct.closed && len(ct.byFlow) == 0 {
		close(ct.empty)
	}
}

// leave takes c out of the table; ct.mu is held.
func (ct *connTable) leave(c *conn) {
	delete(ct.byFlow, c.flow)
	if ct.byKey[c.key] == c {
		delete(ct.byKey, c.key)
	}
	c.counters.open.Add(-1)
	if c.accepted {
		ct.know(c)
		ct.accepted--
		source := c.remote.Addr()
		if ct.perSource[source]--; ct.perSource[source] == 0 {
			delete(ct.perSource, source)
		}
	} else {
		ct.dialled--
	}
}

// closeAll lets every connection write what is queued and end. When ctx ends first, the rest is cut off.
func (ct *connTable) closeAll(ctx context.Context) error {
	ct.mu.Lock()
	first := !ct.closed
	ct.closed = true
	if first && len(ct.byFlow) == 0 {
		close(ct.empty)
	}
	ct.mu.Unlock()
	for _, c := range ct.all() {
		c.finish()
	}
	select {
	case <-ct.empty:
		return nil
	case <-ctx.Done():
	}
	for _, c := range ct.all() {
		c.cut()
	}
	<-ct.empty
	return ctx.Err()
}

func (ct *connTable) all() []*conn {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	list := make([]*conn, 0, len(ct.byFlow))
	for _, c := range ct.byFlow {
		list = append(list, c)
	}
	return list
}
