package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// TestNEW09UserLimit: calls at once and calls in a second of one user; emergency calls are exempt.
func TestNEW09UserLimit(t *testing.T) {
	b, _ := newBoard(t, replace(limits, "RATE", "0"))
	now := time.Now()
	u := &topology.User{Name: "alice", Limit: topology.Limit{MaxCalls: 2, MaxCPS: 10}}
	take := func(id media.SessionID, emergency bool) *diag.Reason { return b.AcquireUser(now, u, id, emergency) }
	for i, want := range []*diag.Reason{nil, nil, diag.UserLimit} {
		if got := take(media.SessionID(i+1), false); got != want {
			t.Fatalf("call %d: %v", i+1, got)
		}
	}
	if take(4, true) != nil {
		t.Error("an emergency call is refused")
	}
	b.ReleaseUser(u, 3) // never had a place
	if take(5, false) != diag.UserLimit {
		t.Error("three calls of two")
	}
	b.ReleaseUser(u, 1)
	b.ReleaseUser(u, 4)
	if take(5, false) != nil {
		t.Error("there is room again")
	}
	fast := &topology.User{Name: "bob", Limit: topology.Limit{MaxCPS: 1}}
	if b.AcquireUser(now, fast, 6, false) != nil || b.AcquireUser(now, fast, 7, false) != diag.UserLimit || b.AcquireUser(now.Add(time.Second), fast, 7, false) != nil {
		t.Error("one call a second")
	}
}

// TestCallersAreForgotten: users who call no more take no memory.
func TestCallersAreForgotten(t *testing.T) {
	b, _ := newBoard(t, replace(limits, "RATE", "0"))
	now := time.Now()
	for i := range 10 * fewCallers {
		u := &topology.User{Name: fmt.Sprint(i), Limit: topology.Limit{MaxCalls: 1}}
		now = now.Add(10 * time.Millisecond)
		b.AcquireUser(now, u, media.SessionID(i), false)
		if i%2 == 0 {
			b.ReleaseUser(u, media.SessionID(i))
		}
	}
	if n := len(b.users); n > 8*fewCallers {
		t.Errorf("%d users are remembered, of whom %d call", n, 5*fewCallers)
	}
	b.crowd = 0
	b.newCaller(now.Add(time.Minute), "last")
	if n := len(b.users); n != 5*fewCallers+1 {
		t.Errorf("%d users are remembered, of whom %d call", n, 5*fewCallers)
	}
}

// TestNEW09PoolLimit: a server of two has half of what the pool may have.
func TestNEW09PoolLimit(t *testing.T) {
	b, s := newBoard(t, replace(replace(limits, "RATE", "0"), "maxCalls: 3, ", ""))
	pool := s.Pools[0]
	pool.Limit.MaxCalls = 2 * len(pool.Servers)
	pbx, gw := s.TrunkByName("pbx"), s.TrunkByName("gw")
	now := time.Now()
	for id, want := range []*diag.Reason{nil, nil, diag.PoolLimit} {
		if got := b.Acquire(now, pbx, media.SessionID(id+1), false); got != want {
			t.Errorf("call %d: %v", id+1, got)
		}
	}
	if b.Acquire(now, gw, 1, false) != nil {
		t.Error("the second leg of a call is refused")
	}
	if b.Acquire(now, pbx, 9, true) != nil {
		t.Error("an emergency call is refused")
	}
}
