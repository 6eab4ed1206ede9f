package b2bua

import (
	"testing"

	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/topology"
)

// TestNarrowest: the link that is named for want of room is that of the leg on which a codec is too wide, also where it lets a call have more.
func TestNarrowest(t *testing.T) {
	plain, sealed := &topology.Link{Name: "plain"}, &topology.Link{Name: "sealed"}
	r := room{at: [2]*topology.Link{plain, sealed}, limits: network.Limits{{Most: 86}, {Most: 90, Packets: network.Packets{Tag: 10, IPv6: true}}}}
	if !r.limits[0].Fits("PCMA") || r.limits[1].Fits("PCMA") {
		t.Fatal("PCMA is not too wide for one of the two")
	}
	if at, most := r.narrowest(); at != sealed || most != 90 {
		t.Errorf("%s lets a call have %d kbit/s", at.Name, most)
	}
	r.limits[1].Most = topology.Unlimited
	if at, most := r.narrowest(); at != plain || most != 86 {
		t.Errorf("%s lets a call have %d kbit/s", at.Name, most)
	}
}
