package engine

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/ua"
)

// TestManyViewers: however many people look at the running calls without a pause, shards spend a tenth of their time on it, and everybody sees what was so when he asked, or later.
func TestManyViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cost, viewers, watch = 40 * time.Millisecond, 30, 20 * time.Second
		var l looks
		var spent time.Duration
		var busy sync.Mutex
		list := func() []cdr.Record {
			if !busy.TryLock() {
				t.Error("two lists are made at once")
				return nil
			}
			defer busy.Unlock()
			r := []cdr.Record{{Start: time.Now()}}
			time.Sleep(cost)
			spent += cost
			return r
		}
		end := time.Now().Add(watch)
		var wg sync.WaitGroup
		for i := range viewers {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				for time.Now().Before(end) {
					asked := time.Now()
					if r := l.get(list); r[0].Start.Before(asked) {
						t.Errorf("asked at %v, shown what was at %v", asked, r[0].Start)
					}
					if took := time.Since(asked); took > 2*(pauseFor+1)*cost {
						t.Errorf("waited for %v", took)
					}
				}
			})
		}
		wg.Wait()
		if spent > watch/9 || spent < watch/12 {
			t.Errorf("%v of %v were spent", spent, watch)
		}
		asked := time.Now()
		l.get(func() []cdr.Record { time.Sleep(time.Hour); return nil })
		l.get(func() []cdr.Record { return nil })
		if took := time.Since(asked); took > time.Hour+2*maxPause {
			t.Errorf("a shard that was stuck keeps viewers out: %v", took)
		}
	})
}

// TestManySeeTheCalls: in a crowd that asks for the running calls all the time everybody sees all of them.
func TestManySeeTheCalls(t *testing.T) {
	r := newRig(t, basic)
	const calls = 50
	for i := range calls {
		r.invite("+14255550101", fmt.Sprint("call", i))
	}
	r.Flush()
	r.wire.wait(t, "INVITE", calls)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				if n := len(r.Calls()); n != calls {
					t.Errorf("%d calls are seen", n)
				}
			}
		})
	}
	wg.Wait()
}

// TestLookInPieces: between two pieces of a list of the running calls a shard hears what has come meanwhile.
func TestLookInPieces(t *testing.T) {
	r := newRig(t, replace(basic, "40000-40399", "40000-41999"))
	const calls = 5*64 + 1
	for i := range calls {
		r.invite("+14255550101", fmt.Sprint("call", i))
	}
	r.Flush()
	r.wire.wait(t, "INVITE", calls)
	for name, c := range map[string]struct {
		look func() bool
		most int // pieces
	}{
		"list": {func() bool { return len(r.Calls()) == calls }, 64},
		"name": {func() bool { _, exact := r.Named("call7"); return exact }, 1024},
	} {
		s := r.shards[0]
		stop := func() (held, until chan struct{}) { // the shard, behind what waits for it
			held, until = make(chan struct{}), make(chan struct{})
			s.box.post(func(time.Time, *ua.Core, *ua.Out) { close(held); <-until })
			return held, until
		}
		held, until := stop()
		<-held
		seen := make(chan bool, 1)
		go func() { seen <- c.look() }()
		turns, done := -1, false // the first turn asks which calls there are
		for !done {
			for deadline := time.Now().Add(timeout); s.box.depth.Load() < 2 && !done; runtime.Gosched() {
				select {
				case all := <-seen:
					if done = true; !all {
						t.Errorf("%s: not all is seen", name)
					}
				default:
					if time.Now().After(deadline) {
						t.Fatalf("%s: nobody asks any more", name)
					}
				}
			}
			if !done {
				turns++
				held, next := stop()
				close(until)
				<-held
				until = next
			}
		}
		close(until)
		if want := (calls + c.most - 1) / c.most; turns < want {
			t.Errorf("%s: the shard has looked at %d calls in %d turns, want %d", name, calls, turns, want)
		}
	}
}

// TestNamed finds running calls of all shards by what people have at hand.
func TestNamed(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 3 })
	for i := range 30 {
		r.invite("+14255550101", fmt.Sprint("call", i))
	}
	r.Flush()
	r.wire.wait(t, "INVITE", 30)
	all := r.Calls()
	if !slices.IsSortedFunc(all, func(a, b cdr.Record) int { return a.Start.Compare(b.Start) }) || len(all) != 30 {
		t.Errorf("%d calls, not in order", len(all))
	}
	for _, rec := range all {
		for _, what := range []string{rec.ID, rec.In.CallID} {
			if list, exact := r.Named(what); !exact || len(list) != 1 || list[0].ID != rec.ID {
				t.Errorf("%q: %d calls, %v", what, len(list), exact)
			}
		}
	}
	for what, want := range map[string]int{"call": 11, "call29": 1, "call2": 1, "cal": 11, "nobody": 0} {
		if list, exact := r.Named(what); len(list) != want || exact != strings.HasPrefix(what, "call2") {
			t.Errorf("%q: %d calls, %v", what, len(list), exact)
		}
	}
}
