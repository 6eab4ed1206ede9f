package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTableMedianSpreadRatio(t *testing.T) {
	tab := &Table{Name: "x", Title: "y", Ratio: "cpu", Peer: "peer", Columns: []Column{{Key: "cpu", Head: "us", Format: "%.0f", Spread: true}, {Key: "none", Head: "z", Format: "%f"}}}
	for _, v := range []float64{30, 10, 20} {
		tab.Add("own", map[string]float64{"cpu": v})
		tab.Add("peer", map[string]float64{"cpu": 2 * v})
	}
	var b strings.Builder
	tab.WriteTo(&b)
	for _, want := range []string{"| own | 20 (10-30, 3) | 0.50 | - |", "| peer | 40 (20-60, 3) | 1.00 | - |", "|---|---|---|---|\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestCountsBetween(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.csv")
	text := "StartTime;CurrentTime;TotalCallCreated;SuccessfulCall(C);FailedCall(C);GenericCounter1(C);Retransmissions(C);CurrentCall;\n" +
		"a;2026-01-01\t00:00:00\t100.000000;0;0;0;0;0;0;\na;2026-01-01\t00:00:02\t102.000000;200;190;2;10;3;8;\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list := counts(path)
	created, ok := between(list, time.Unix(101, 0), time.Unix(102, 0))
	if len(list) != 2 || created != 100 || ok != 90 || list[1].sent != 3 || list[1].refused != 10 {
		t.Errorf("created %g, ok %g of %+v", created, ok, list)
	}
}

func TestBencodedRefusesLies(t *testing.T) {
	for text, want := range map[string]string{"4:spamrest": "spam", "0:": "", "9:short": "", "-1:x": "", "x": ""} {
		if got, _, ok := bencoded(text); got != want || ok != (text == "4:spamrest" || text == "0:") {
			t.Errorf("%q: %q %v", text, got, ok)
		}
	}
}

func TestMediaOf(t *testing.T) {
	if got := mediaOf(sdp("127.0.0.1", format{})).String(); got != "127.0.0.1:30000" {
		t.Error(got)
	}
}
