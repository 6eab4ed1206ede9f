package ua_test

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// TestFewPacketsHaveNoMOS: what came in the first moment of a call says nothing of how well it was heard; it is told how much that was, and no more.
func TestFewPacketsHaveNoMOS(t *testing.T) {
	for packets, rated := range map[uint64]bool{3: false, 99: false, 100: true} {
		r := newRig(t)
		r.acknowledged()
		st := media.Stats{Streams: make([]media.StreamStats, 1)}
		n := &st.Streams[0].From[0]
		n.Packets, n.Sources, n.PayloadType, n.First, n.Last = packets, 1, 8, r.now, r.now.Add(time.Second)
		rec, ok := r.core.Measured(r.now.Add(time.Second), r.core.Running()[0], &st)
		if !ok || len(rec.Media) == 0 || rec.Media[0].Quality == nil {
			t.Fatalf("%v %+v", ok, rec.Media)
		}
		if m := rec.Media[0]; m.Packets != packets || (m.Quality.Arrived.MOS > 0) != rated || (m.Quality.Arrived.R > 0) != rated {
			t.Errorf("of %d packets: %+v", packets, *m.Quality)
		}
	}
}
