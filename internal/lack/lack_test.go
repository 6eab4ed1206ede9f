package lack

import "testing"

// outcome is a test that notes how it ended.
type outcome struct{ skipped, failed bool }

func (*outcome) Helper()        {}
func (o *outcome) Skip(...any)  { o.skipped = true }
func (o *outcome) Fatal(...any) { o.failed = true; panic(o) }

// TestOf: a skip, or a failure where CI is set.
func TestOf(t *testing.T) {
	if testing.Short() {
		return // when it always skips
	}
	for ci, want := range map[string]outcome{"": {skipped: true}, "true": {failed: true}} {
		t.Setenv("CI", ci)
		var got outcome
		func() {
			defer func() { _ = recover() }()
			Of(&got, "a right")
		}()
		if got != want {
			t.Errorf("with CI=%q: %+v", ci, got)
		}
	}
}
