package e2e

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/lack"
)

// MED-01: speech between real telephones is as good in each tier of the relay, and the record and `directsip why` tell which it was. Nothing was
// lost or counted twice in between, though the kernel takes over in the middle of the call.
func TestSpeechInEachTier(t *testing.T) {
	t.Parallel()
	direct := speechDirectly(t)
	for _, tier := range []string{"sockets", "steered", "kernel"} {
		t.Run(tier, func(t *testing.T) {
			n := newNetwork(t)
			p := party{"PCMU", keyings["RTP"]}
			twice(t, func(host int) []string {
				s := n.serveBetween(host, p, p, ", mediaTier: "+tier)
				faults := append(worse(n.converse(host+1, p, p, host), direct), s.relayed(p, p)...)
				r := s.record()
				for _, m := range r.Media {
					if strings.Contains(m.TierWhy, "this kernel cannot") {
						lack.Of(t, m.TierWhy)
					}
					if m.Tier != tier || (tier == "kernel") != (m.TierWhy == "") {
						t.Errorf("media in the record: %+v", m)
					}
				}
				if out := s.cli(0, "why", r.ID); strings.Count(out, "dropped  "+tier) != 2 {
					t.Errorf("why does not tell the tier:\n%s", out)
				}
				return faults
			})
		})
	}
}
