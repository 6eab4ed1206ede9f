package server

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/directsip/directsip/internal/cdr"
)

// TestQualityAfterATransfer: what was measured of the party that came in by a transfer is counted for its trunk.
func TestQualityAfterATransfer(t *testing.T) {
	q, reg := newQualityMetrics(), prometheus.NewRegistry()
	reg.MustRegister(q.collectors()...)
	bad := &cdr.Quality{Arrived: cdr.Heard{MOS: 200, Poor: "MOS"}, Reported: &cdr.Heard{MOS: 410}}
	q.ended(&cdr.Record{In: cdr.Leg{Trunk: "pbx"}, Out: &cdr.Leg{Trunk: "gw"}, Audio: []cdr.Audio{{From: "callee", Cause: "loss"}}, Media: []cdr.Media{
		{From: "caller"}, {From: "callee", Trunk: "sbc", Packets: cdr.LeastRated, Quality: bad}}}, slog.New(slog.DiscardHandler))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	trunks := map[string]int{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "trunk" {
					trunks[l.GetValue()]++
				}
			}
		}
	}
	if trunks["gw"] != 0 || trunks["sbc"] < 4 || trunks["pbx"] == 0 {
		t.Errorf("counted for %v", trunks)
	}
}

// TestQualityOfVideo: what was lost of the video of a call counts for no audio.
func TestQualityOfVideo(t *testing.T) {
	q, reg := newQualityMetrics(), prometheus.NewRegistry()
	reg.MustRegister(q.collectors()...)
	q.ended(&cdr.Record{In: cdr.Leg{Trunk: "pbx"}, Out: &cdr.Leg{Trunk: "gw"}, Media: []cdr.Media{
		{Kind: "video", From: "caller", Packets: cdr.LeastRated, Quality: &cdr.Quality{Arrived: cdr.Heard{Loss: 3000}, RoundTrip: 1}}}}, slog.New(slog.DiscardHandler))
	if families, err := reg.Gather(); err != nil || len(families) != 0 {
		t.Errorf("%v, %v", families, err)
	}
}
