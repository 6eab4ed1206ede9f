package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/cdr"
)

// TestMediaLine: what was done with packets on their way stands beside the tier.
func TestMediaLine(t *testing.T) {
	for _, c := range []struct {
		media cdr.Media
		want  string
	}{
		{cdr.Media{Tier: "kernel"}, "0 dropped  kernel"},
		{cdr.Media{Tier: "sockets", TierWhy: "SRTP", SRTP: "AEAD_AES_256_GCM", Quality: &cdr.Quality{Anew: true}, Evidence: &cdr.Evidence{ICE: true}},
			"0 dropped  AEAD_AES_256_GCM  sockets (SRTP), coded anew, ICE"},
		{cdr.Media{Tier: "steered", TierWhy: "conversion", Unauthentic: 3, Quality: &cdr.Quality{}}, "0 dropped  no keys, 3 unauthentic  steered (conversion)"},
		{cdr.Media{}, "0 dropped"},
	} {
		var b strings.Builder
		writeMedia(&b, []cdr.Media{c.media})
		if got := strings.TrimSpace(b.String()); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s\nhas no %q", got, c.want)
		}
	}
}

// TestRunningCallHasNoEnd: the zero time is no end.
func TestRunningCallHasNoEnd(t *testing.T) {
	b, err := json.Marshal(cdr.Record{ID: "x"})
	if err != nil || strings.Contains(string(b), `"end"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestLadderCountsWhatIsLeftOut: a line without a leg stands between the two halves of a long ladder.
func TestLadderCountsWhatIsLeftOut(t *testing.T) {
	var b strings.Builder
	WriteLadder(&b, &cdr.Record{Ladder: []cdr.Message{{Leg: "a", Line: "INVITE x"}, {Line: "12 more messages"}, {Leg: "a", Line: "BYE"}}})
	rows := strings.Split(b.String(), "\n")
	if got := strings.TrimSpace(rows[2]); got != ":  12 more messages" || strings.Index(rows[2], ":") != strings.Index(rows[1], "|") {
		t.Errorf("%s", b.String())
	}
}
