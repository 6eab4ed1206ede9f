package ua

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The heap always gives the earliest deadline, whatever is set, moved and removed.
func TestTimersGiveTheEarliest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h timers
		list := make([]timer, 20)
		base := time.Unix(1000, 0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			x := &list[rapid.IntRange(0, len(list)-1).Draw(t, "timer")]
			switch n := rapid.IntRange(-1, 50).Draw(t, "seconds"); n {
			case -1:
				h.remove(x)
			case 0:
				h.set(x, time.Time{})
			default:
				h.set(x, base.Add(time.Duration(n)*time.Second))
			}
			var first *timer
			set := 0
			for i := range list {
				if list[i].place == 0 {
					continue
				}
				set++
				if first == nil || list[i].at.Before(first.at) {
					first = &list[i]
				}
			}
			if got := h.first(); set != len(h.heap) || (got == nil) != (first == nil) || got != nil && !got.at.Equal(first.at) {
				t.Fatalf("first is %v, want %v; %d set", got, first, set)
			}
		}
	})
}
