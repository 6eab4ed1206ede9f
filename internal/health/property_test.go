package health

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/topology"
)

func anySettings(t *rapid.T) *topology.TrunkSettings {
	down := time.Duration(rapid.IntRange(1, 60).Draw(t, "intervalDown")) * time.Second
	return &topology.TrunkSettings{Options: rapid.Bool().Draw(t, "options"),
		OptionsInterval:     down * time.Duration(rapid.IntRange(1, 10).Draw(t, "interval")),
		OptionsIntervalDown: down,
		OptionsTimeout:      time.Duration(rapid.IntRange(1, 32).Draw(t, "timeout")) * time.Second,
		OptionsMisses:       rapid.IntRange(1, 6).Draw(t, "misses"),
		FailuresDown:        rapid.IntRange(1, 10).Draw(t, "failures"),
		HalfOpenCalls:       rapid.IntRange(1, 5).Draw(t, "trials")}
}

// TestAnyHistory throws random evidence at a trunk and checks what must always hold: events tell the truth, a healthy
// trunk falls only after as many bad signs in a row as the settings ask for, no more trial calls than allowed, Advance
// makes progress, and in the end a peer that answers again is in service again within the documented time.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := anySettings(t)
		now := start
		trunk := New(set, now, rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		state := trunk.State()
		badCalls, badProbes := 0, 0 // in a row
		note := func(ev Event) {
			if ev.From != state || ev.To != trunk.State() {
				t.Fatalf("event %+v, but the trunk went from %v to %v", ev, state, trunk.State())
			}
			if ev.Changed() && ev.Why == "" {
				t.Fatalf("no reason in %+v", ev)
			}
			if ev.To == Down && (ev.From == Up || ev.From == Degraded) && badProbes < set.OptionsMisses && badCalls < set.FailuresDown {
				t.Fatalf("down after %d missed probes and %d failed calls in a row: %s", badProbes, badCalls, ev.Why)
			}
			state = trunk.State()
		}
		advance := func(status int) {
			if at, why := trunk.Deadline(); !at.IsZero() {
				if why == "" {
					t.Fatal("a deadline without a reason")
				}
				if at.After(now) {
					now = at
				}
				before := trunk.sent
				a := trunk.Advance(now)
				if !before.IsZero() {
					badProbes++
				}
				note(a.Event)
				if a.Probe && status >= 0 {
					if status == 200 {
						badProbes = 0
					} else {
						badProbes++
					}
					note(trunk.ProbeResult(now, status))
				}
				if next, _ := trunk.Deadline(); !next.IsZero() && !next.After(now) {
					t.Fatalf("Advance at %v leaves the deadline at %v", now, next)
				}
			}
		}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0:
				advance(200)
			case 1:
				advance(0)
			case 2:
				advance(-1) // silence
			case 3:
				badCalls = 0
				note(trunk.CallResult(now, Good))
			case 4:
				badCalls++
				note(trunk.CallResult(now, Bad))
			case 5:
				trunk.Allow(now)
				if trunk.trials > set.HalfOpenCalls {
					t.Fatalf("%d trial calls, %d allowed", trunk.trials, set.HalfOpenCalls)
				}
			case 6:
				badProbes++
				badCalls++
				note(trunk.CallResult(now, Unreachable))
			}
		}
		settle(t, trunk, set, now)
	})
}

// settle lets the peer be healthy from now on: without calls it is out of Down within the longest wait, and Up within
// the documented time when probes had found it dead.
func settle(t *rapid.T, trunk *Trunk, set *topology.TrunkSettings, now time.Time) {
	began, byProbes := now, trunk.State() == Down && !trunk.byCalls && set.Options
	d := set.OptionsIntervalDown
	limit := d*11/10 + 2*(d/2)*11/10 + set.OptionsTimeout
	if !byProbes {
		limit = maxBackoff*d + set.OptionsTimeout + 12*set.OptionsInterval*11/10
	}
	for range 1000 {
		at, _ := trunk.Deadline()
		if trunk.State() == Up || at.IsZero() || at.Sub(began) > limit {
			break
		}
		if at.After(now) {
			now = at
		}
		if trunk.Advance(now).Probe {
			trunk.ProbeResult(now, 200)
		}
	}
	switch {
	case trunk.State() == Up:
	case !set.Options && trunk.State() == HalfOpen: // waits for calls
	default:
		t.Fatalf("%v (%s) %v after the peer began to answer", trunk.State(), trunk.Status().Why, limit)
	}
}

// TestProbesOfManyTrunksDoNotSynchronise: a hundred trunks that start together do not probe together.
func TestProbesOfManyTrunksDoNotSynchronise(t *testing.T) {
	rnd := rand.NewPCG(1, 2)
	bucket := map[time.Duration]int{}
	for range 100 {
		trunk := New(settings(), start, rnd)
		for range 3 {
			at, _ := trunk.Deadline()
			trunk.Advance(at)
			trunk.ProbeResult(at, 200)
		}
		at, _ := trunk.Deadline()
		bucket[at.Sub(start).Truncate(500*time.Millisecond)]++
	}
	for at, n := range bucket {
		if n > 25 {
			t.Errorf("%d of 100 probes within half a second at %v", n, at)
		}
	}
}
