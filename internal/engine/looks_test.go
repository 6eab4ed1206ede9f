package engine

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/directsip/directsip/internal/cdr"
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
