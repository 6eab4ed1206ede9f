package e2e

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/lack"
)

// MED-01, MED-04: speech between real telephones is as good in each tier of the relay, and the record and `directsip why` tell which it was. Nothing was
// lost or counted twice in between, though the kernel takes over in the middle of the call. It takes SRTP, too, whoever has made the keys, and the laws of G.711.
func TestSpeechInEachTier(t *testing.T) {
	t.Parallel()
	direct := speechDirectly(t)
	plain := party{"PCMU", keyings["RTP"]}
	for _, c := range []struct {
		name, tier string
		from, to   party
	}{
		{"sockets", "sockets", plain, plain},
		{"steered", "steered", plain, plain},
		{"kernel", "kernel", plain, plain},
		{"SDES to RTP", "kernel", party{"PCMU", keyings["SDES"]}, plain},
		{"DTLS to SDES", "kernel", party{"PCMU", keyings["DTLS"]}, party{"PCMU", keyings["SDES"]}},
		{"PCMU to PCMA", "kernel", plain, party{"PCMA", keyings["RTP"]}},
		{"PCMA and SDES to PCMU", "kernel", party{"PCMA", keyings["SDES"]}, plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			twice(t, func(host int) []string {
				s := n.serveBetween(host, c.from, c.to, ", mediaTier: "+c.tier)
				faults := append(worse(n.converse(host+1, c.from, c.to, host), direct), s.relayed(c.from, c.to)...)
				r := s.record()
				for _, m := range r.Media {
					if strings.Contains(m.TierWhy, "this kernel cannot") {
						lack.Of(t, m.TierWhy)
					}
					if m.Tier != c.tier || (c.tier == "kernel") != (m.TierWhy == "") {
						t.Errorf("media in the record: %+v", m)
					}
				}
				if out := s.cli(0, "why", r.ID); strings.Count(out, "  "+c.tier+"\n")+strings.Count(out, "  "+c.tier+" (") != 2 {
					t.Errorf("why does not tell the tier:\n%s", out)
				}
				return faults
			})
		})
	}
}
