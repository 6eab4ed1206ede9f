package ua_test

import (
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/media"
)

// set is a moment as a clock shows it that was set by d: only what the wall says differs.
func set(t time.Time, d time.Duration) time.Time {
	const second = 1 << 30 // in the first word of a time that has a monotonic reading
	(*struct {
		wall uint64
		_    int64
		_    *time.Location
	})(unsafe.Pointer(&t)).wall += uint64(d/time.Second) * second
	return t
}

// TestClockIsSetWhileACallRuns: a server whose clock is set by hours, as when it first hears from NTP, has records that say how long calls rang and lasted, and
// when their media came, also to a relay that began before.
func TestClockIsSetWhileACallRuns(t *testing.T) {
	for _, by := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		r := newRig(t)
		start := time.Now()
		after := func(d time.Duration) { r.now = set(start.Add(d), by) }
		if moved := set(start, by); !moved.Equal(start) || moved.Round(0).Sub(start.Round(0)) != by {
			t.Fatalf("%v is not %v set by %v", moved, start, by)
		}
		r.now = start
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		after(2 * time.Second)
		r.in(r.pstn, response("180 Ringing", inv, "to", ""))
		after(5 * time.Second)
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200")
		r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
		live := r.core.Calls()[0]
		first := set(start.Add(6*time.Second), 2*by) // by the clock of the relay, which began before another change
		st := media.Stats{Streams: make([]media.StreamStats, 1)}
		st.Streams[0].From[0] = media.Counters{Packets: 1, First: first, Last: first, Observed: media.Observed{Refused: 1, FirstRefused: first, LastRefused: first}}
		measured, _ := r.core.Measured(r.now, r.core.Running()[0], &st)
		after(25 * time.Second)
		r.in(r.uc, request("BYE", "2", "b1", "call", "from", tagOf(header(ok, "To")), ""))
		ended := r.out.Records[0]
		from := func(at time.Time) time.Duration { return at.Round(0).Sub(start.Round(0)) } // as it is stored and shown
		m := &measured.Media[0]
		got := []time.Duration{from(live.Ringing), from(live.Answered), from(ended.Ringing), from(ended.Answered), from(ended.End), from(ended.Attempts[0].At),
			from(m.First), from(m.Last), from(m.Evidence.FirstRefused), from(m.Evidence.LastRefused)}
		want := []time.Duration{2, 5, 2, 5, 25, 0, 6, 6, 6, 6}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(got, want) {
			t.Errorf("set by %v: after the start of the call %v, want %v", by, got, want)
		}
		again, err := cdr.DecodeBinary(ended.AppendBinary(nil))
		if err != nil || again.End.Sub(again.Answered) != 20*time.Second || again.Answered.Sub(again.Start) != 5*time.Second {
			t.Errorf("set by %v: stored is %+v, %v", by, again, err)
		}
	}
}
