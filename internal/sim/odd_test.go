package sim

import (
	"testing"
	"time"
)

// TestOddMix is TestTenThousandCalls with peers that drop what they do not care for, move from Contact to Contact, are behind proxies that stay in their dialogs, ring behind their answers,
// answer with nothing and forget their calls, over a network that is out for seconds at a time.
func TestOddMix(t *testing.T) {
	t.Parallel()
	mixes(t, Document, 5, func(*World) {}, func(w *World) { w.Odd = true })
}

// TestStallMix is TestTenThousandCalls with nodes that stand still for up to most of a minute, and find all that has come meanwhile, and all timers, at once.
func TestStallMix(t *testing.T) {
	t.Parallel()
	mixes(t, Document, 5, func(*World) {}, func(w *World) { w.Stalls = true })
}

// TestRestlessMix is TestTenThousandCalls with parties that do much at once, before the answer too, equipment that restarts, names that change and documents that are applied meanwhile. Where
// all has come to rest, also behind transfers, the two that are left hear each other.
func TestRestlessMix(t *testing.T) {
	t.Parallel()
	faced := 0
	calls := mixes(t, Document, 10, func(w *World) { faced += w.Faced }, func(w *World) {
		if w.Restless = true; w.Seed%2 == 0 {
			w.Net.Default = Link{Delay: 5 * time.Millisecond, Jitter: 10 * time.Millisecond}
		}
	})
	if faced < calls/50 {
		t.Errorf("%d sessions were looked at", faced)
	}
}
