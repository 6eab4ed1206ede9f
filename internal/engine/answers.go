package engine

import (
	"context"
	"time"

	"github.com/directsip/directsip/internal/ua"
)

// Answers returns when every shard has come by, behind what waited for it, or has ended: none hangs. Those that have not after so long it tells of once, and waits on; false: ctx ended first.
func (e *Engine) Answers(ctx context.Context, late time.Duration, tell func(shards []int)) bool {
	came := make([]chan struct{}, len(e.shards))
	for i, s := range e.shards {
		here := make(chan struct{})
		came[i] = here
		s.box.post(func(time.Time, *ua.Core, *ua.Out) { close(here) })
	}
	timer := time.NewTimer(late)
	defer timer.Stop()
	for i := 0; i < len(e.shards); {
		select {
		case <-came[i]:
			i++
		case <-e.shards[i].done:
			i++
		case <-timer.C:
			tell(missing(came))
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// missing are the shards that have not come.
func missing(came []chan struct{}) (list []int) {
	for i, c := range came {
		select {
		case <-c:
		default:
			list = append(list, i)
		}
	}
	return list
}
