package engine

import (
	"net/netip"

	"github.com/directsip/directsip/internal/topology"
)

// document is a snapshot with our place in it.
type document struct {
	snap   *topology.Snapshot
	server *topology.Server
}

// maxDocuments bounds how many documents are remembered for the calls that run under them.
const maxDocuments = 8

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

// Forget drops the older documents under which no call runs any more, and returns how many remain.
func (e *Engine) Forget() int {
	e.applying.Lock()
	defer e.applying.Unlock()
	e.settle() // every shard has the current document: no call begins under another
	docs := e.documents()
	used := e.board.used(docs)
	keep := docs[:1:1]
	for i, d := range docs[1:] {
		if used[i+1] {
			keep = append(keep, d)
		}
	}
	e.docs.Store(&keep)
	return len(keep) - 1
}

// Apply gives new calls a new document. Running calls keep theirs.
func (e *Engine) Apply(snap *topology.Snapshot) error {
	server := snap.ServerByName(e.cfg.Server)
	if server == nil {
		return &UnknownServerError{e.cfg.Server, snap}
	}
	e.applying.Lock()
	defer e.applying.Unlock()
	docs := append([]document{{snap, server}}, e.documents()...)
	docs = docs[:min(len(docs), maxDocuments)]
	before := docs[1].server
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

// Known tells whether an address may speak to one of our listeners at all: for transport.Config.Allow. Over TLS the certificate
// decides later.
func (e *Engine) Known(listener topology.Listener, remote netip.Addr) bool {
	return e.KnownNames(listener, remote, nil)
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
