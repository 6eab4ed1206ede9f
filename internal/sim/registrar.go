package sim

import (
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/topology"
)

// registered notes the state of a trunk's registration.
func (n *Node) registered(t *topology.Trunk, st register.Status) { n.board.bindings[t.Name] = st }
