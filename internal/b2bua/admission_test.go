package b2bua

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sdp"
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

// TestOpusThatWeCode: where we code Opus the peer is told to send no more than is counted for it, whether we have offered it or it has; elsewhere what counts is what the two
// peers take.
func TestOpusThatWeCode(t *testing.T) {
	const said = "maxaveragebitrate=32000;useinbandfec=1\r\n"
	const thrifty = "a=fmtp:111 maxaveragebitrate=20000\r\n"
	for _, x := range []struct {
		codecs, offer, answer string
		offered, told         bool // said is in what the target is offered, and the caller is told
		kbps                  int  // of Opus
	}{
		{"opus", with("8"), with("111"), true, false, 53},
		{"PCMA", with("111"), with("8"), false, true, 53},
		{"PCMA", with("111") + thrifty, with("8"), false, true, 53},
		{"", with("111"), with("111"), false, false, 85},
		{"", with("111") + thrifty, with("111"), false, false, 85},
		{"", with("111") + thrifty, with("111") + thrifty, false, false, 41},
	} {
		a, b := *topology.DefaultSettings(), *topology.DefaultSettings()
		b.Codecs = strings.Fields(x.codecs)
		c := conversing(a, b)
		c.plan.reckons = true
		leg := &c.won.leg
		inner, err := sdp.Parse(c.narrow(&c.a, x.offer, true))
		if err != nil {
			t.Fatal(err)
		}
		text := string(inner.Rewrite(nil, &sdp.Rewrite{Media: []sdp.MediaAddr{{Port: 6000}}, Codecs: c.codecs(inner, &b, asOffer)}))
		if got := strings.Contains(c.widen(leg, text, true), said); got != x.offered {
			t.Errorf("%s for\n%s: offered %v", x.codecs, x.offer, got)
		}
		answer, err := sdp.Parse(c.narrow(leg, x.answer, false))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(answer.Body(), said); got != x.told {
			t.Errorf("%s for\n%s: told %v", x.codecs, x.offer, got)
		}
		c.plan.take(&c.a, inner)
		c.plan.take(leg, answer)
		packets := [2]network.Packets{c.plan.packets(0), c.plan.packets(1)}
		c.plan.agree(&packets[0], &packets[1])
		if got := network.Bandwidth("opus", packets[0]); got != x.kbps || network.Bandwidth("opus", packets[1]) != got {
			t.Errorf("%s for\n%s answered\n%s: %d kbit/s, want %d", x.codecs, x.offer, x.answer, got, x.kbps)
		}
	}
}
