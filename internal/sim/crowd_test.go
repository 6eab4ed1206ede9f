package sim

import (
	"testing"
	"time"
)

// crowded is one run of calls that are joined with each other over several shards.
func crowded(t *testing.T, seed uint64) *World {
	w := NewSharded(seed, compiled(t), 1+int(seed%4))
	w.Lag = []time.Duration{0, time.Millisecond, 30 * time.Millisecond, 200 * time.Millisecond}[seed/4%4]
	if seed%3 > 0 {
		w.Net.Default = worst
	}
	w.Crowd(callsPerSeed)
	w.Run(20 * time.Minute)
	return w
}

// TestCrowd joins calls of up to four shards with each other, while their mailboxes are slow and the network loses packets.
func TestCrowd(t *testing.T) {
	t.Parallel()
	seeds, bad, moves, forwards, joined := 100, 0, 0, 0, 0
	if testing.Short() {
		seeds = 20
	}
	if *crowdFlag > 0 {
		seeds = *crowdFlag
	}
	for seed := *seedFlag; seed < *seedFlag+uint64(seeds); seed++ {
		w := crowded(t, seed)
		n := w.Nodes[0]
		moves, forwards = moves+n.Moves, forwards+n.Forwards
		for _, r := range n.Records {
			for i := range r.Transfers {
				if x := &r.Transfers[i]; x.Status == 200 && (x.How == "join" || x.How == "replaces") {
					joined++
				}
			}
		}
		if report(t, w, testing.Verbose() && seeds == 1); len(w.Failures()) > 0 {
			if bad++; bad == 5 {
				t.Fatal("more than enough")
			}
		}
	}
	t.Logf("%d calls, %d legs moved to another call, %d places taken, %d messages handed from shard to shard", seeds*callsPerSeed, moves, joined, forwards)
	if seeds > 10 && (moves < seeds || forwards < seeds || joined < seeds) {
		t.Error("that is too little to show anything")
	}
}
