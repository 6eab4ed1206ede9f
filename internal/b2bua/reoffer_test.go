package b2bua

import (
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// RFC 5589: what a referrer answers to a re-INVITE of ours behind its transfer moves no media of who has come in its place.
func TestAnswerBehindTransfer(t *testing.T) {
	c := conversing(topology.TrunkSettings{ICE: "off", DTMF: "auto"}, topology.TrunkSettings{ICE: "off", DTMF: "auto"})
	c.a.sdp.body = audio
	come := netip.MustParseAddrPort("192.0.2.7:4000")
	c.near = &attempt{}
	c.plan.lines[0].peer[0] = end{live: true, rtp: come, dir: sdp.SendRecv}
	c.hear(time.Time{}, &c.a, with("0"), &Out{})
	if got := c.plan.lines[0].peer[0].rtp; got != come {
		t.Errorf("the media of who has come goes to %v", got)
	}
	c.near = nil
	c.hear(time.Time{}, &c.a, with("0"), &Out{})
	if got := c.plan.lines[0].peer[0].rtp; got != netip.MustParseAddrPort("192.0.2.1:4000") {
		t.Errorf("the media of who has its place yet goes to %v", got)
	}
}
