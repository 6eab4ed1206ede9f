package b2bua

import (
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
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

// RFC 5589: what a referrer answers in an ACK while who stays is offered the one who comes in its place is told to nobody meanwhile, and what was offered stands: the answer
// to that is read by it.
func TestAnswerInAckBehindTransfer(t *testing.T) {
	for _, unheld := range []bool{false, true} {
		c := conversing(topology.TrunkSettings{ICE: "off", DTMF: "auto"}, topology.TrunkSettings{ICE: "off", DTMF: "auto"})
		rest, come := &c.won.leg, &attempt{}
		c.phase, c.a.sdp.body, c.a.unheld = phaseAnswered, audio, unheld
		const offered = audio + "m=video 0 RTP/AVP 96\r\n"
		rest.up, rest.sdp.body = true, offered
		c.exch = &exchange{seat: true, from: &come.leg, to: rest, before: c.plan.standing(&come.leg, rest)}
		c.a.oa.RemoteInvite(false)
		c.a.oa.LocalOffer("INVITE")
		m := sip.NewRequest("ACK", "sip:192.0.2.10")
		m.SetBody("application/sdp", with("0"))
		var out Out
		c.acknowledged(time.Time{}, &c.a, m, &out)
		if rest.sdp.body != offered || rest.again != nil || len(out.Sends) > 0 {
			t.Errorf("unheld %v: who stays was offered\n%s\nand is to be told\n%s", unheld, offered, rest.sdp.body)
		}
		at := netip.MustParseAddrPort("192.0.2.1:4000")
		if got := c.exch.before.lines[0].peer[0].rtp; got != at {
			t.Errorf("unheld %v: if nothing comes of the transfer the referrer's media is at %v", unheld, got)
		}
		if c.a.news == nil || c.a.unheld || c.a.news.unheld != unheld {
			t.Errorf("unheld %v: news %+v", unheld, c.a.news)
		}
	}
}
