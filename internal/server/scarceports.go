package server

import (
	"fmt"
	"math"

	"github.com/directsip/directsip/internal/topology"
)

// scarcePorts warns where the calls that a server may have need more media ports than there are for sure. Each shard has an equal part of the ports, and calls
// fall to shards by chance, so the fullest one refuses calls while others have room: of so many parts one is fuller than the mean by three times its root.
func scarcePorts(name string, me *topology.Server, shards int) (list topology.Problems) {
	most := me.MaxCalls
	if share := me.Pool.Share().MaxCalls; share > 0 && (most == 0 || share < most) {
		most = share
	}
	if most == 0 || shards < 2 {
		return nil
	}
	each := (int(me.MediaPorts.Last) - int(me.MediaPorts.First) + 1) / 4 / shards
	mean := float64(most) / float64(shards)
	full := int(math.Ceil(mean + 3*math.Sqrt(mean)))
	if each >= full {
		return nil
	}
	p := me.Problem(name, "mediaPorts")
	p.Value, p.Warning = fmt.Sprintf("%d-%d", me.MediaPorts.First, me.MediaPorts.Last), true
	p.Why = fmt.Sprintf("each of the %d shards has ports for %d calls, and calls fall to them by chance, so some are refused for want of ports before there are %d", shards, each, most)
	p.Fix = fmt.Sprintf("Give mediaPorts %d ports at least, begin with fewer --shards, or lower maxCalls", 4*shards*full)
	return append(list, p)
}
