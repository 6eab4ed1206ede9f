package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"
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

func TestHeldCallsFitTheDescriptors(t *testing.T) {
	b := &Bench{Held: 5000}
	for name, want := range map[string]int{anchored: 975, muxed: 5000, bypassed: 5000} {
		if p := b.holding(name, 4000); p.calls() != want || p.mux != (name == muxed) {
			t.Errorf("%s: %d calls, muxed %v", name, p.calls(), p.mux)
		}
	}
	if p := b.holding(anchored, 1<<18); p.calls() != 5000 || p.setup() != 20*time.Second {
		t.Errorf("%d calls in %v", p.calls(), p.setup())
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
