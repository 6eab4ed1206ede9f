package engine

import (
	"context"
	"slices"
	"testing"
	"time"
)

// TestAnswers: one shard that hangs is enough for no answer, and it is named; when it goes on there is one, and one that has ended does not hang.
func TestAnswers(t *testing.T) {
	r := newRig(t, basic)
	if !r.Answers(t.Context(), time.Hour, nil) {
		t.Error("no answer, though none hangs")
	}
	last := len(r.shards) - 1
	release := r.block(last)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	var told []int
	if r.Answers(ctx, time.Millisecond, func(shards []int) {
		told = slices.DeleteFunc(shards, func(i int) bool { return i != last }) // those that are only slow may be there, too
		cancel()
	}) || !slices.Equal(told, []int{last}) {
		t.Errorf("shard %d hangs, and there is an answer, or it tells of %v", last, told)
	}
	if !r.Answers(t.Context(), 0, func([]int) { release() }) {
		t.Error("no answer, though none hangs any more")
	}
	r.Close()
	if !r.Answers(t.Context(), time.Hour, nil) {
		t.Error("no answer, though all have ended")
	}
}
