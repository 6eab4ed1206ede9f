package engine

import (
	"net/netip"
	"slices"

	"github.com/directsip/directsip/internal/topology"
)

// document is a snapshot with our place in it.
type document struct {
	snap   *topology.Snapshot
	server *topology.Server
	before []*topology.Snapshot // older ones under which calls may run, whose listeners and peers it has, too
}

// maxDocuments bounds how many documents are remembered for the calls that run under them, of those that differ in listeners or peers.
const maxDocuments = 8

// serves tells whether a document has all listeners and peers of another one: then it is enough for the calls of both.
func (d document) serves(o document) bool {
	have := d.snap.Listeners(d.server)
	for _, l := range o.snap.Listeners(o.server) {
		if !slices.Contains(have, l) {
			return false
		}
	}
	for _, t := range o.snap.Trunks {
		if t.Pool != o.server.Pool {
			continue
		}
		h := d.snap.TrunkByName(t.Name)
		if h == nil || h.Pool != d.server.Pool || h.Port != t.Port || !h.SamePeer(t) || !slices.Equal(h.Gateway.Addresses, t.Gateway.Addresses) ||
			!slices.Equal(h.Gateway.Names, t.Gateway.Names) || !slices.Equal(d.server.Toward(h).Addresses, o.server.Toward(t).Addresses) {
			return false
		}
	}
	return true
}

// merged has each document that a later one serves among those before that one.
func merged(docs []document) []document {
	keep := docs[:1:1]
	for _, o := range docs[1:] {
		i := slices.IndexFunc(keep, func(d document) bool { return d.serves(o) })
		if i < 0 {
			keep = append(keep, o)
			continue
		}
		keep[i].before = append(append(slices.Clone(keep[i].before), o.snap), o.before...)
	}
	return keep
}

// documents are the current document and behind it, latest first, those under which calls still run: their peers and
// listeners must be served until the last of these calls has ended.
func (e *Engine) documents() []document { return *e.docs.Load() }

// Snapshot is the document that new calls get.
func (e *Engine) Snapshot() *topology.Snapshot { return e.documents()[0].snap }

// Older are the documents before the current one under which calls may still run.
func (e *Engine) Older() []*topology.Snapshot {
	var list []*topology.Snapshot
	for _, d := range e.documents()[1:] {
		list = append(list, d.snap)
	}
	return list
}

// Forget drops the older documents under which no call runs any more, and returns how many remain, with those that others stand for.
func (e *Engine) Forget() (left int) {
	e.applying.Lock()
	defer e.applying.Unlock()
	e.settle() // every shard has the current document: no call begins under another
	docs := e.documents()
	used := e.board.used()
	var keep []document
	for i, d := range docs {
		d.before = slices.DeleteFunc(slices.Clone(d.before), func(s *topology.Snapshot) bool { return !used(s) })
		if i == 0 || used(d.snap) || len(d.before) > 0 {
			keep = append(keep, d)
		}
	}
	keep = merged(keep)
	for _, d := range keep {
		left += 1 + len(d.before)
	}
	e.docs.Store(&keep)
	return left - 1
}

// Apply gives new calls a new document. Running calls keep theirs.
func (e *Engine) Apply(snap *topology.Snapshot) error {
	server := snap.ServerByName(e.cfg.Server)
	if server == nil {
		return &UnknownServerError{e.cfg.Server, snap}
	}
	e.applying.Lock()
	defer e.applying.Unlock()
	before := e.documents()[0].server
	docs := merged(append([]document{{snap: snap, server: server}}, e.documents()...))
	docs = docs[:min(len(docs), maxDocuments)]
	e.docs.Store(&docs)
	e.board.Configure(snap, server)
	v := e.board.View()
	e.configure(snap, server, v, before.MediaPorts != server.MediaPorts)
	select {
	case e.relearn <- struct{}{}:
	default: // it is about to look anyway
	}
	return nil
}

// Known tells whether an address is a peer's, as one of our listeners sees it: for transport.Config.Allow. Over TLS the certificate
// decides later.
func (e *Engine) Known(listener topology.Listener, remote netip.Addr) bool {
	resolved := e.resolvedFor(remote)
	for _, d := range e.documents() {
		if d.snap.CallsFrom(d.server, listener, remote, resolved) {
			return true
		}
	}
	return false
}

// Met says where this server is met by a gateway that has an address: listeners of its trunks, and the gateway's name; "" for a stranger.
func (e *Engine) Met(remote netip.Addr) (gateway string, at []topology.Listener) {
	d := e.documents()[0]
	for _, t := range d.snap.TrunksFrom(d.server.Pool, remote, e.resolvedFor(remote)) {
		if gateway == "" {
			gateway = t.Gateway.Name
		}
		for _, a := range d.server.Toward(t).Addresses {
			if x := (topology.Listener{Transport: t.Transport, AddrPort: netip.AddrPortFrom(a, t.Port)}); t.Gateway.Name == gateway && a.Is4() == remote.Unmap().Is4() && !slices.Contains(at, x) {
				at = append(at, x)
			}
		}
	}
	return gateway, at
}

// KnownNames tells whether a verified certificate is a peer's.
func (e *Engine) KnownNames(listener topology.Listener, remote netip.Addr, names []string) bool {
	resolved := e.resolvedFor(remote)
	for _, d := range e.documents() {
		t, _ := d.snap.InboundTrunk(d.server, listener.Transport, listener.AddrPort, remote, names, resolved)
		if t != nil {
			return true
		}
	}
	return false
}
