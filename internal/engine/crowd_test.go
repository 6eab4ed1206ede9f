package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// DR-12: it is told once that a trunk has 90 % of its calls, and again only when it has had less than 80 % in between.
func TestDR_12CrowdedTrunkIsToldOnce(t *testing.T) {
	b, s := newBoard(t, replace(replace(replace(limits, "RATE", "0"), "maxCalls: 2, maxCPS: 2", "maxCalls: 10"), "maxCalls: 3", "mediaPorts: 20000-29999, maxCalls: 100"))
	var told []int
	b.crowded = func(trunk *topology.Trunk, calls int) {
		if trunk.Name != "gw" {
			t.Error(trunk.Name)
		}
		told = append(told, calls)
	}
	gw, now := s.TrunkByName("gw"), time.Now()
	up := func(ids ...media.SessionID) {
		for _, id := range ids {
			if r := b.Acquire(now, gw, id, false); r != nil {
				t.Fatal(r.ID)
			}
		}
	}
	up(1, 2, 3, 4, 5, 6, 7, 8)
	if told != nil {
		t.Fatalf("told at %v calls of 10", told)
	}
	up(9, 10)
	b.Release(gw, 9)
	b.Release(gw, 10) // 80 %
	up(9, 10)
	for id := range media.SessionID(8) {
		b.Release(gw, id+1)
	}
	up(1, 2, 3, 4, 5, 6, 7)
	if !slices.Equal(told, []int{9, 9}) {
		t.Errorf("told at %v", told)
	}
}

// DR-09: a peer that asked for a pause gets no calls until it is over, but for emergencies, and may call itself; so do its derived trunks (DR-28).
// TestPauseIsOfThePeer: who stands behind a trunk now has not asked to be left alone, whatever calls to the one before still say.
func TestPauseIsOfThePeer(t *testing.T) {
	text := replace(limits, "RATE", "0")
	b, old := newBoard(t, text)
	now := time.Now()
	gw := old.TrunkByName("gw")
	b.Pause(gw, now.Add(time.Minute))
	again := compile(t, text+"# the same\n")
	b.Configure(again, again.ServerByName("med1.test"))
	if b.Trunks(now)[1].Paused.IsZero() {
		t.Error("another document ends the pause of the same peer")
	}
	next := compile(t, replace(text, "192.0.2.3", "192.0.2.4"))
	b.Configure(next, next.ServerByName("med1.test"))
	b.Pause(gw, now.Add(time.Hour))
	if st := b.Trunks(now)[1]; st.Trunk.Gateway.Host != "192.0.2.4" || !st.Paused.IsZero() {
		t.Errorf("%s is paused until %v by the peer before", st.Trunk.Gateway.Host, st.Paused)
	}
}

func TestDR_09PausedTrunk(t *testing.T) {
	b, s := newBoard(t, replace(replace(replace(limits, "RATE", "0"), ", maxCPS: 2", ""), "trunkSettings:", "trunks: {tenant: {carrier: gw, contactHost: tenant.test}}\ntrunkSettings:"))
	gw, tenant, pbx, now := s.TrunkByName("gw"), s.TrunkByName("tenant"), s.TrunkByName("pbx"), time.Now()
	b.Pause(tenant, now.Add(time.Minute))
	b.Pause(gw, now.Add(time.Second)) // a shorter one does not end it
	for i, trunk := range []*topology.Trunk{gw, tenant} {
		id := media.SessionID(i + 1)
		b.Acquire(now, pbx, id, false)
		if r := b.Acquire(now, trunk, id, false); r != diag.TrunkPaused {
			t.Errorf("%s: %v", trunk.Name, r)
		}
		if r := b.Acquire(now, trunk, id, true); r != nil {
			t.Errorf("%s: an emergency call gets %v", trunk.Name, r)
		}
		b.Release(trunk, id)
		if r := b.Acquire(now.Add(time.Minute), trunk, id, false); r != nil {
			t.Errorf("%s after the pause: %v", trunk.Name, r)
		}
		b.Release(trunk, id)
		b.Release(pbx, id)
	}
	if r := b.Acquire(now, gw, 9, false); r != nil {
		t.Errorf("a call of the paused peer gets %v", r)
	}
	if b.Trunks(now)[1].Paused.IsZero() || !b.Trunks(now.Add(time.Hour))[1].Paused.IsZero() {
		t.Error("the pause is not shown, or for too long")
	}
}
