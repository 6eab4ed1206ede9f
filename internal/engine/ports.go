package engine

import (
	"sync"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// ports are the media ports of the server, which all shards take from: calls fall to shards by chance, and none is refused while there is a port.
type ports struct {
	mu  sync.Mutex
	all *media.Ports
}

// newPorts begins at a port (firstPort).
func newPorts(server *topology.Server, quarantine time.Duration, first uint16) *ports {
	p := &ports{all: media.NewPorts(server.MediaPorts.First, server.MediaPorts.Last, quarantine)}
	p.all.Begin(first)
	return p
}

// move goes on with another range.
func (p *ports) move(server *topology.Server, quarantine time.Duration) {
	next := media.NewPorts(server.MediaPorts.First, server.MediaPorts.Last, quarantine)
	p.mu.Lock()
	defer p.mu.Unlock()
	next.Succeed(p.all)
	p.all = next
}

func (p *ports) keep(pairs int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all.Keep(pairs)
}

func (p *ports) free() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Free()
}

// Take is media.Ports, as are the others.
func (p *ports) Take(now time.Time) (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Take(now)
}

func (p *ports) TakeUrgent(now time.Time) (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.TakeUrgent(now)
}

func (p *ports) Release(now time.Time, rtp uint16) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Release(now, rtp)
}

func (p *ports) Refuse(rtp uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all.Refuse(rtp)
}

// firstPort is where a server begins to give out its ports: anywhere, for those that it had before it was killed have no quarantine. Peers of calls that were lost
// send to them still, and of two that are behind one NAT nobody can tell which is meant. It is a multiple of what is steered together.
func firstPort(server *topology.Server, rnd uint64) uint16 {
	const together = 64
	first, blocks := int(server.MediaPorts.First), int(server.MediaPorts.Last-server.MediaPorts.First)/together+1
	return uint16(min((first/together+int(rnd%uint64(blocks)))*together, int(server.MediaPorts.Last)))
}

const (
	keptPart = 32 // one in so many pairs is kept for emergency calls
	keptMost = 64 // pairs: thirty-two calls
)

// keptPorts is how many pairs are kept for emergency calls, which no limit holds back (NEW-18): none where the document has no emergency numbers, and
// none of those that maxCalls, of the server or its part of the pool's, promises to the others.
func keptPorts(snap *topology.Snapshot, server *topology.Server) int {
	if !snap.HasEmergency() {
		return 0
	}
	pairs := (int(server.MediaPorts.Last) - int(server.MediaPorts.First) + 1) / 2
	kept := min(keptMost, pairs/keptPart)
	for _, most := range [...]int{server.MaxCalls, server.Pool.Share().MaxCalls} {
		if most > 0 {
			kept = min(kept, pairs-2*most)
		}
	}
	return max(0, kept&^1) // a call takes two
}
