package bench

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCollectedIsTheLastCollectionThatWasAskedFor(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("gc 9 @11.1s 0%: 0.03+21+0.003 ms clock, 0.03+0.2/5.9/12+0.003 ms cpu, 57->57->41 MB, 59 MB goal, 0 MB stacks, 0 MB globals, 1 P\n")
	if v, err := collected(log); err == nil {
		t.Errorf("%g MiB of a log without a collection that was asked for", v)
	}
	write("gc 11 @143.0s 0%: 0.1+2.8+0.003 ms clock, 0.1+0/0.08/2.7+0.003 ms cpu, 96->96->6 MB, 99 MB goal, 0 MB stacks, 0 MB globals, 1 P (forced)\n" +
		"GC forced\ngc 12 @200.0s 0%: 0.1+2.8+0.003 ms clock, 0.1+0/0.08/2.7+0.003 ms cpu, 8->8->7 MB, 13 MB goal, 0 MB stacks, 0 MB globals, 1 P (forced)\nmsg=ended\n")
	if v, err := collected(log); v != 7 || err != nil {
		t.Errorf("%g MiB, %v; want 7", v, err)
	}
}

func TestCallsOfAPlan(t *testing.T) {
	p := basic(1000, 0)
	p.total = 5000
	if n := p.calls(); n != 5000 {
		t.Errorf("%d calls of a plan for 5000", n)
	}
	if p.total = 0; p.calls() < 3000 {
		t.Errorf("%d calls do not last for three seconds of 1000", p.calls())
	}
}
