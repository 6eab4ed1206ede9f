package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
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

// TestNEW09UserTakesNothingOfOthers: what one user calls too much is refused before it counts against calls per second of the trunk.
func TestNEW09UserTakesNothingOfOthers(t *testing.T) {
	r := newRig(t, strings.NewReplacer("trunk:pbx: {", "trunk:pbx: {maxCPS: 3, ", "kind: pbx", "kind: uc").Replace(basic)+
		"users: {alice: {uri: 'sip:alice@example.com', lineURI: 'tel:+14255550100', maxCPS: 1}}\n")
	for i := range 5 {
		r.invite("+14255550101", fmt.Sprint("alice", i))
	}
	other := string(r.request("INVITE", "+14255550101", "other"))
	r.Packet(r.source("2", sip.UDP), []byte(strings.Replace(other, "<sip:+14255550100@", "<sip:+14255550109@", 1)))
	r.Flush()
	r.wire.wait(t, "403 INVITE", 4)
	r.wire.wait(t, "INVITE", 2)
	if n := r.wire.count("503 INVITE"); n != 0 {
		t.Errorf("%d calls are refused for the rate of the trunk", n)
	}
}
