package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// MED-01: speech between real telephones is as good in each tier of the relay, and the record and `directsip why` tell which it was. Nothing was
// lost or counted twice in between, though the kernel takes over in the middle of the call.
func TestSpeechInEachTier(t *testing.T) {
	direct := speechDirectly(t, newNetwork(t))
	for _, tier := range []string{"sockets", "steered", "kernel"} {
		t.Run(tier, func(t *testing.T) {
			n := newNetwork(t)
			doc := strings.Replace(fmt.Sprintf(keyingDocument, keyings["RTP"].trunk, keyings["RTP"].trunk), "addresses: [10.99.0.1]", "addresses: [10.99.0.1], mediaTier: "+tier, 1)
			s := n.serveAt(1, "med1.test", doc)
			heard := n.talk2(keyings["RTP"], keyings["RTP"], "sip:+14255550102@10.99.0.1")
			for i, got := range heard {
				if got.correlation < 0.97*direct[i].correlation {
					t.Errorf("direction %d: correlation %.4f, directly %.4f", i, got.correlation, direct[i].correlation)
				}
			}
			r := s.record()
			for _, m := range r.Media {
				if strings.Contains(m.TierWhy, "this kernel cannot") {
					t.Skip(m.TierWhy)
				}
				if m.Tier != tier || (tier == "kernel") != (m.TierWhy == "") || m.Packets < 200 || m.Lost > 0 {
					t.Errorf("media in the record: %+v", m)
				}
			}
			if out := s.cli(0, "why", r.ID); strings.Count(out, "dropped  "+tier) != 2 {
				t.Errorf("why does not tell the tier:\n%s", out)
			}
		})
	}
}
