package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/ua"
)

// TestOverdueTimersWaitForWhatWasSaid: timers that are late by more than a busy machine makes them wait for a moment, once.
func TestOverdueTimersWaitForWhatWasSaid(t *testing.T) {
	r := newRig(t, basic)
	r.invite("+14255550101", "c1")
	r.Flush()
	r.wire.wait(t, "INVITE", 1)
	r.quiesce()
	var got []bool
	done := make(chan struct{})
	s := r.shards[0]
	s.box.post(func(_ time.Time, c *ua.Core, _ *ua.Out) {
		defer close(done)
		at := c.Deadline()
		for _, x := range []struct{ late, hears time.Duration }{{overdue, overdue / 4}, {time.Minute, hearing}} {
			for _, late := range []time.Duration{0, overdue - 1, x.late, x.late + x.hears - 1} {
				got = append(got, s.hears(at.Add(late)))
			}
			if w := s.wakes(); !w.Equal(at.Add(x.late + x.hears)) {
				t.Errorf("%v late it wakes %v after its deadline", x.late, w.Sub(at))
			}
			got = append(got, s.hears(at.Add(x.late+x.hears)))
			if w := s.wakes(); !w.Equal(at) {
				t.Errorf("it wakes %v after its deadline when it has heard", w.Sub(at))
			}
		}
	})
	<-done
	if want := []bool{false, false, true, true, false, false, false, true, true, false}; !slices.Equal(got, want) {
		t.Errorf("timers wait: %v, want %v", got, want)
	}
}
