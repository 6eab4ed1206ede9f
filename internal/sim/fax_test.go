package sim

import "testing"

// TestT38Mix is TestTenThousandCalls where parties ask for T.38 in the place of speech and behind it, take that back, and go back to speech.
func TestT38Mix(t *testing.T) {
	t.Parallel()
	faxes := 0
	calls := mixes(t, Document, 10, func(w *World) {
		for _, s := range w.order {
			if s.faxed {
				faxes++
			}
		}
	}, func(w *World) { w.Faxes = true })
	if faxes < calls/100 {
		t.Errorf("%d calls ended with T.38", faxes)
	}
}
