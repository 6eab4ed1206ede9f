package engine

import (
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// ports are the shards' shares of a server's media ports.
func (e *Engine) ports(server *topology.Server) []*media.Ports {
	list := make([]*media.Ports, e.cfg.Shards)
	for i := range list {
		list[i] = media.NewShare(server.MediaPorts.First, server.MediaPorts.Last, e.cfg.Quarantine, i, len(list))
	}
	return list
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
	keptMost = 32 // pairs of a shard: sixteen calls
)

// keptPorts is how many pairs each shard keeps for emergency calls, which no limit holds back (NEW-18): none where the document has no emergency numbers, and
// none of those that maxCalls, of the server or its part of the pool's, promises to the others.
func keptPorts(snap *topology.Snapshot, server *topology.Server, shards int) int {
	if !snap.HasEmergency() {
		return 0
	}
	pairs := (int(server.MediaPorts.Last) - int(server.MediaPorts.First) + 1) / 2 / shards
	kept := min(keptMost, pairs/keptPart)
	for _, most := range [...]int{server.MaxCalls, server.Pool.Share().MaxCalls} {
		if most > 0 {
			kept = min(kept, pairs-(2*most+shards-1)/shards)
		}
	}
	return max(0, kept&^1) // a call takes two
}
