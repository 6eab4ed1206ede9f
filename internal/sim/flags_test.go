package sim

import (
	"flag"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 1, "the run of TestSeed")
	callsFlag = flag.Int("sim.calls", 10000, "calls of TestTenThousandCalls")
	crowdFlag = flag.Int("sim.crowds", 0, "runs of TestCrowd; 0: as many as usual")
	update    = flag.Bool("update", false, "write the ladders")
)

func compiled(t testing.TB) *topology.Snapshot {
	t.Helper()
	snap, err := Compile(Document)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// registering is the document with a trunk that registers, compiled once.
var registering = sync.OnceValues(func() (*topology.Snapshot, error) { return Compile(Registering) })

const callsPerSeed = 20

// lossy is one run of mixed calls over a network at its worst.
func lossy(snap *topology.Snapshot, seed uint64) *World {
	registers := seed%5 == 2
	if registers {
		snap, _ = registering()
	}
	w := NewSharded(seed, snap, 1+int(seed%4))
	w.Lag = []time.Duration{0, 3 * time.Millisecond, 40 * time.Millisecond}[seed/4%3]
	w.Net.Default = worst
	if registers {
		w.Document = Registering
		w.Registrars()
	}
	mixed(w)
	return w
}

// worst is a network that loses, doubles and reorders a tenth of all packets.
var worst = Link{Loss: 0.1, Told: 0.3, Double: 0.1, Delay: 5 * time.Millisecond, Jitter: 150 * time.Millisecond}

// mixed runs a world to the end of its mixed calls.
func mixed(w *World) {
	w.Mix(callsPerSeed)
	w.Disturb()
	w.Run(20 * time.Minute)
}

// mixes runs a part of TestTenThousandCalls with another document, shows each world when its run is over, and returns how many calls there were.
func mixes(t *testing.T, document string, part int, see func(w *World), set ...func(w *World)) (placed int) {
	t.Helper()
	snap, err := Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	calls := *callsFlag / part
	if testing.Short() {
		calls = 300
	}
	for seed := *seedFlag; placed < calls; seed++ {
		w := NewSharded(seed, snap, 1+int(seed%4))
		w.Document = document
		w.Net.Default = worst
		for _, f := range set {
			f(w)
		}
		mixed(w)
		report(t, w, testing.Verbose())
		see(w)
		placed += callsPerSeed
	}
	return placed
}

// report prints what went wrong in a run, with its seed and the ladders.
func report(t *testing.T, w *World, full bool) {
	t.Helper()
	if len(w.Failures()) == 0 {
		return
	}
	for _, f := range w.Failures() {
		t.Errorf("seed %d: %s", w.Seed, f)
	}
	if full {
		for _, sc := range w.order {
			if text := strings.Join(w.Failures(), "\n"); strings.Contains(text, sc.Name+":") || strings.Contains(text, sc.Name+" is") || strings.Contains(text, sc.key) {
				t.Logf("%s from %s, node %d: %+v\ncallees %+v\n%s", sc.Name, sc.From, sc.Node+1, sc.Caller, sc.Callees, w.Trace.Of(sc.key))
			}
		}
	}
	replay := "TestSeed"
	if strings.HasSuffix(t.Name(), "Mix") {
		replay = t.Name() + " -sim.calls=20"
	}
	t.Logf("replay: go test -run %s -sim.seed=%d", replay, w.Seed)
}

// TestSeed replays one run of TestTenThousandCalls with its ladder.
func TestSeed(t *testing.T) {
	w := lossy(compiled(t), *seedFlag)
	report(t, w, testing.Verbose())
}

// TestTenThousandCalls places calls of all behaviours over a network that loses, doubles and reorders a tenth of all packets.
func TestTenThousandCalls(t *testing.T) {
	t.Parallel()
	snap, calls := compiled(t), *callsFlag
	if testing.Short() {
		calls = 500
	}
	bad, placed, answered, heard, played, moves, forwards := 0, 0, 0, 0, 0, 0, 0
	reasons := make(map[string]int)
	for seed := *seedFlag; placed < calls; seed++ {
		w := lossy(snap, seed)
		placed += callsPerSeed
		played += w.Played
		for _, sc := range w.order {
			heard += sc.heard
		}
		for _, n := range w.Nodes {
			moves, forwards = moves+n.Moves, forwards+n.Forwards
			for _, r := range n.Records {
				reasons[r.Reason]++
				if r.Status == 200 {
					answered++
				}
			}
		}
		if len(w.Failures()) > 0 {
			report(t, w, false)
			if bad++; bad == 5 {
				t.Fatal("more than enough")
			}
		}
	}
	t.Logf("%d calls placed, %d answered, media path checked %d times, %d times something was played, %d legs moved to another call, %d messages handed from shard to shard, reasons %v",
		placed, answered, heard, played, moves, forwards, reasons)
	if played == 0 {
		t.Error("nothing was ever played")
	}
}
