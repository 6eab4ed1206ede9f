package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// WriteProfiles runs directsip under basic calls, then with calls held, each with media anchored, and leaves profiles in b.Profile:
// cpu.pprof and allocs.pprof of the calls, held.pprof of memory in use.
func (b *Bench) WriteProfiles(show func(text string)) error {
	dir, err := filepath.Abs(b.Profile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cpu, allocs, heap := filepath.Join(dir, "cpu.pprof"), filepath.Join(dir, "allocs.pprof"), filepath.Join(dir, "held.pprof")
	m, err := b.drive(b.directsip(anchored, "DIRECTSIP_CPUPROFILE="+cpu), basic(b.Rate, b.Window))
	if err != nil {
		return err
	}
	b.logf("%.0f us per call under the CPU profile", m.perCall())
	// Every allocation is sampled at a thousandth of the usual distance, which costs time: a run of its own.
	if m, err = b.drive(b.directsip(anchored, "DIRECTSIP_MEMPROFILE="+allocs, "GODEBUG=memprofilerate=4096"), basic(b.Rate, b.Window)); err != nil {
		return err
	}
	calls := m.asked
	held := b.holding(anchored, RaiseFiles(1<<18))
	held.window = held.setup() + 5*time.Second
	held.talk, held.limit = held.window+30*time.Second, time.Millisecond
	if _, err = b.drive(b.directsip(anchored, "DIRECTSIP_MEMPROFILE="+heap, "GODEBUG=memprofilerate=4096"), held); err != nil {
		return err
	}
	show(fmt.Sprintf("allocations are of %.0f calls, memory in use of %d running calls\n", calls, held.total))
	for _, args := range [][]string{{"-top", "-cum", "-nodecount=60", cpu}, {"-top", "-nodecount=40", cpu},
		{"-sample_index=alloc_space", "-top", "-nodecount=40", allocs}, {"-sample_index=alloc_objects", "-top", "-nodecount=40", allocs},
		{"-sample_index=inuse_space", "-top", "-nodecount=40", heap}} {
		out, err := exec.Command("go", append([]string{"tool", "pprof"}, args...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("go tool pprof: %w: %s", err, out)
		}
		show(string(out))
	}
	return nil
}
