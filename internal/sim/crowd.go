package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Crowd adds n calls that are all answered and then joined, picked up, changed and ended at once: legs go from call to call, and so from
// shard to shard, while messages for them are on their way. Drawn from the seed.
func (w *World) Crowd(n int) {
	r := rand.New(rand.NewPCG(w.Seed, 0xc20d))
	acts := func() (m Manner) {
		verbs := []Verb{ReferJoin, ReferJoin, ReferJoin, ReferLost, PickOther, PickOther, Pickup, PickLost, Refer, Hold, Resume, Update, Ping, Info, Offerless, Bye}
		for range 1 + r.IntN(4) {
			at := ms(r, 0, 15000)
			if one(r, 2) {
				at = time.Duration(2+r.IntN(6)) * time.Second // many at once
			}
			m.Then = append(m.Then, Action{at, verbs[r.IntN(len(verbs))]})
		}
		m.Then = append(m.Then, Action{ms(r, 5000, 60000), Bye}, Action{90 * time.Second, Bye})
		if one(r, 12) {
			m.Then = append(m.Then, Action{ms(r, 1000, 15000), Vanish})
		}
		if one(r, 10) {
			m.Reinvite = []int{488, 500, 481}[r.IntN(3)]
		}
		if one(r, 6) {
			m.Slow = ms(r, 0, 3000)
		}
		m.Glare, m.ReferTo = max(0, r.IntN(8)-6), number(r)
		m.Timer = timer(r)
		if one(r, 4) {
			m.Ask = []int{401, 407}[r.IntN(2)]
		}
		return m
	}
	for i := range n {
		s := Scenario{Name: fmt.Sprintf("call%d", i+1), From: "uca", Number: number(r), Start: ms(r, 0, 4000), Callees: make(map[string][]Callee)}
		s.Caller = Caller{Manner: acts(), Video: one(r, 10)}
		for _, h := range w.Hosts {
			s.Callees[h.Name] = []Callee{{Progress: ringing, After: ms(r, 200, 1500), Final: 200, NoUpdate: one(r, 4), Manner: acts()}}
		}
		w.Call(s)
	}
}

var ringing = []Progress{{200 * time.Millisecond, 180, false}}
