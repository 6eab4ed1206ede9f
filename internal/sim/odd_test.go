package sim

import "testing"

// TestOddMix is TestTenThousandCalls with peers that drop what they do not care for, move from Contact to Contact, are behind proxies that stay in their dialogs, ring behind their answers,
// answer with nothing and forget their calls, over a network that is out for seconds at a time.
func TestOddMix(t *testing.T) {
	mixes(t, Document, 5, func(*World) {}, func(w *World) { w.Odd = true })
}

// TestStallMix is TestTenThousandCalls with nodes that stand still for up to most of a minute, and find all that has come meanwhile, and all timers, at once.
func TestStallMix(t *testing.T) {
	mixes(t, Document, 5, func(*World) {}, func(w *World) { w.Stalls = true })
}
