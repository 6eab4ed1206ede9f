package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/topology"
)

// foresee says of every target where its media would go, and which links would have to carry it. What a client says of itself, and a name that is
// not resolved here, may change it.
func foresee(snap *topology.Snapshot, server *topology.Server, in *topology.Trunk, d *routing.Decision) {
	if in == nil {
		return
	}
	if server == nil && len(in.Pool.Servers) > 0 {
		server = in.Pool.Servers[0]
	}
	for i := range d.Targets {
		t := d.Targets[i].Trunk
		caller, callee := network.Party{Trunk: in}, network.Party{Trunk: t}
		v := network.Verdict{}
		if network.Wanted(in, t) {
			v = network.Bypass(snap.Network, &caller, &callee, network.NotOffered)
			if !v.Settled {
				v.Why += ", if the call says nothing else"
			}
			d.Steps = append(d.Steps, routing.MediaStep(t, v.Bypass, v.Why))
		}
		if text := demand(snap.Network, server, &caller, &callee); text != "" && !v.Bypass && snap.Network.Admits() {
			d.Steps = append(d.Steps, routing.BandwidthStep(t, true, text))
		}
	}
}

// demand is the links between the peers and a server, and what they let through; "": there are none.
func demand(n *topology.Network, server *topology.Server, parties ...*network.Party) string {
	var way []*topology.Link
	for k, p := range parties {
		a, _ := p.Where(k == 0)
		if !a.IsValid() || server == nil {
			continue
		}
		us := server.Media[0]
		for _, m := range server.Media {
			if m.Is4() == a.Is4() {
				us = m
			}
		}
		way = network.Way(n, us, a, way)
	}
	var list []string
	for i, l := range way {
		if slices.Contains(way[:i], l) {
			continue
		}
		var limits []string
		for kind, b := range l.Profile.Kinds {
			if b.Total < topology.Unlimited {
				limits = append(limits, fmt.Sprintf("%s %d kbit/s", topology.MediaKind(kind), b.Total))
			}
			if b.PerSession < topology.Unlimited {
				limits = append(limits, fmt.Sprintf("%s %d a call", topology.MediaKind(kind), b.PerSession))
			}
		}
		list = append(list, l.Name+" ("+strings.Join(limits, ", ")+")")
	}
	if len(list) == 0 {
		return ""
	}
	return "needs room on " + strings.Join(list, ", ")
}
