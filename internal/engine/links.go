package engine

import (
	"sync"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/topology"
)

// links is what the calls of all shards have on the links of the network.
type links struct {
	mu      sync.Mutex
	account network.Account
}

// Reserve is b2bua.Limits.
func (b *Board) Reserve(n *topology.Network, id media.SessionID, legs *network.Legs, force bool) *network.Refusal {
	b.links.mu.Lock()
	defer b.links.mu.Unlock()
	return b.links.account.Reserve(n, id, legs, force)
}

// Refuse is b2bua.Limits.
func (b *Board) Refuse(l *topology.Link, kind topology.MediaKind) {
	b.links.mu.Lock()
	defer b.links.mu.Unlock()
	b.links.account.Refuse(l, kind)
}

// Links are the links of the current document that have a profile, with what the calls of this server have on them.
func (e *Engine) Links() []network.LinkUse {
	b := &e.board
	b.links.mu.Lock()
	defer b.links.mu.Unlock()
	return b.links.account.Links(e.Snapshot().Network)
}
