package engine

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/ua"
)

// TestBurstIsNotHeldBack: what is said to the first of a burst leaves while others are still being handled.
func TestBurstIsNotHeldBack(t *testing.T) {
	r := newRig(t, basic)
	burst := r.block(0)
	defer burst()
	last := make(chan struct{})
	end := sync.OnceFunc(func() { close(last) })
	defer end()
	r.Packet(r.source("2", sip.UDP), r.request("OPTIONS", "ping", "c1"))
	r.shards[0].box.post(func(now time.Time, _ *ua.Core, _ *ua.Out) { // long enough
		for time.Since(now) <= gatherSends {
			runtime.Gosched()
		}
	})
	r.shards[0].box.post(func(time.Time, *ua.Core, *ua.Out) { <-last })
	burst()
	r.wire.wait(t, "200 OPTIONS", 1)
}
