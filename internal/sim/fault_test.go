package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// idle is the server that no story calls: what goes wrong between it and the peers that it probes is none of theirs.
const idle = "\n      med2.sim.example: {addresses: [192.0.2.12], mediaPorts: 20000-20999}"

// TestEveryFault runs each story again and again: once without its first packet, once without its second, and so on; with each
// packet doubled; with each opening of media, look-up of a name and sending of a message failing; with no port to be had
// any more from each opening of media on; with a fault inside at each place where the core calls its surroundings. The call
// may end otherwise, but by the rules. Where legs go from call to call the story runs once more with several shards.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	list := stories()
	for i, s := range list {
		if !slices.ContainsFunc(s.changes, func(text string) bool { return strings.Contains(text, "network:") }) { // servers share out what links carry
			list[i].changes = append(slices.Clone(s.changes), idle, "")
		}
	}
	var runs atomic.Int32
	t.Cleanup(func() { t.Logf("%d runs", runs.Load()) })
	for _, s := range list {
		if s.file == "attended" || s.file == "pickup" {
			for s.shards = 2; s.run(t, noFault).Nodes[0].Forwards == 0; s.shards++ { // until something goes from shard to shard
				if s.shards == 9 {
					t.Fatalf("%s stays in one shard", s.file)
				}
			}
			s.file += "-shards"
			list = append(list, s)
		}
	}
	for _, s := range list {
		if s.long {
			continue
		}
		t.Run(s.file, func(t *testing.T) {
			t.Parallel()
			c := s.run(t, noFault).Fault.Count
			for _, k := range []struct {
				what  string
				count int
				set   func(f *Fault, i int)
			}{
				{"drop packet", c.Packets, func(f *Fault, i int) { f.Drop = i }},
				{"double packet", c.Packets, func(f *Fault, i int) { f.Double = i }},
				{"fail media", c.Media, func(f *Fault, i int) { f.Media = i }},
				{"no port from media", c.Media, func(f *Fault, i int) { f.Shut = i }},
				{"fail name", c.Names, func(f *Fault, i int) { f.Name = i }},
				{"fail send", c.Sends, func(f *Fault, i int) { f.Send = i }},
				{"panic at", c.Visits, func(f *Fault, i int) { f.Panic = i }},
			} {
				for i := range k.count {
					f := noFault
					k.set(&f, i)
					w := s.run(t, f)
					runs.Add(1)
					checkFault(t, w, fmt.Sprintf("%s %d", k.what, i))
				}
			}
		})
	}
}

func checkFault(t *testing.T, w *World, what string) {
	t.Helper()
	if len(w.Failures()) == 0 {
		return
	}
	for _, f := range w.Failures() {
		t.Errorf("%s: %s", what, f)
	}
	t.Logf("\n%s", w.Trace.String())
}
