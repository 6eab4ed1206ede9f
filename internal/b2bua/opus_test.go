package b2bua

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// TestMED02OpusAsksForWhatIsHeard: who speaks Opus with somebody who does not is told how much of it gets there, and gets what it asks for itself.
func TestMED02OpusAsksForWhatIsHeard(t *testing.T) {
	const asked, narrow, wide = "maxaveragebitrate=16000; MaxPlaybackRate = 12000;cbr=1;x;stereo=", "8000", "16000"
	want := media.Most{Rate: 12000, Bitrate: 16000, Constant: true}
	for _, c := range []struct {
		offer, codecs, answer string
		opus                  media.SideIndex // who speaks it
		rate                  string          // that it is told
	}{
		{offer: "8", codecs: "opus", answer: "111", opus: 1, rate: narrow},
		{offer: "0 9", codecs: "opus", answer: "111", opus: 1, rate: narrow},
		{offer: "9", codecs: "opus", answer: "111", opus: 1, rate: wide},
		{offer: "111", codecs: "PCMA", answer: "8", opus: 0, rate: narrow},
		{offer: "111", codecs: "G722", answer: "9", opus: 0, rate: wide},
		{offer: "111 8", codecs: "opus", answer: "111", rate: ""}, // it passes
	} {
		b := *topology.DefaultSettings()
		b.Codecs = []string{c.codecs}
		call := conversing(*topology.DefaultSettings(), b)
		leg := &call.won.leg
		describe := func(types string) string {
			text := with(types)
			if strings.Contains(types, "111") {
				text += "a=fmtp:111 " + asked + "\r\n"
			}
			return text
		}
		parse := func(text string) *sdp.Session {
			s, err := sdp.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		offer := parse(call.narrow(&call.a, describe(c.offer), true))
		outer := call.widen(leg, string(offer.Rewrite(nil, &sdp.Rewrite{Media: []sdp.MediaAddr{{Port: 6000}}, Codecs: call.codecs(offer, &b, asOffer)})), true)
		told := call.narrow(leg, describe(c.answer), false)
		call.plan.take(&call.a, offer)
		call.plan.take(leg, parse(told))
		heard := "a=fmtp:111 maxplaybackrate=" + c.rate + ";sprop-maxcapturerate=" + c.rate + ";maxaveragebitrate=32000;useinbandfec=1\r\n"
		switch {
		case c.rate == "":
			if !strings.Contains(outer, asked) || strings.Contains(outer, "sprop") || call.plan.lines[0].spoken(1) != nil {
				t.Errorf("%s to %s: what passes is changed:\n%s", c.offer, c.answer, outer)
			}
			continue
		case c.opus == 1 && !strings.Contains(outer, heard):
			t.Errorf("%s to %s: the target is offered\n%s", c.offer, c.answer, outer)
		case c.opus == 0 && !strings.Contains(told, heard):
			t.Errorf("%s to %s: the caller is told\n%s", c.offer, c.answer, told)
		}
		if first, ok := call.plan.lines[0].spoken(int(c.opus)).First(); !ok || first.Codec != media.Opus || first.Most != want {
			t.Errorf("%s to %s: side %d is sent %+v, want at most %+v", c.offer, c.answer, c.opus, first, want)
		}
	}
}
