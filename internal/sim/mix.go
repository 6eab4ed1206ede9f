package sim

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Mix adds n calls of all kinds of behaviour, drawn from the seed.
func (w *World) Mix(n int) {
	r, logins := rand.New(rand.NewPCG(w.Seed, 0x313)), rand.New(rand.NewPCG(w.Seed, 0x106))
	for i := range n {
		s := Scenario{From: "uca", Node: r.IntN(len(w.Nodes)), Number: number(r), Start: time.Duration(r.IntN(20000)) * time.Millisecond}
		s.moved = s.Number == greeted // an announcement leads the caller to who is called, as a transfer does
		if r.IntN(4) == 0 {
			s.From = "ucb"
		}
		s.Name = fmt.Sprintf("call%d", i+1)
		s.Caller = caller(r)
		s.Caller.Login = Login{Wrong: max(0, logins.IntN(8)-5), None: one(logins, 12)}
		s.Callees = make(map[string][]Callee)
		for _, h := range w.Hosts {
			s.Callees[h.Name] = []Callee{callee(r), callee(r)}
		}
		s.Caller.Located = s.Number == "112" && s.Start%3 == 0
		s.bare(rand.New(rand.NewPCG(w.Seed, uint64(i)<<8|0xba)))
		s.fork(rand.New(rand.NewPCG(w.Seed, uint64(i)<<8|0xf0)))
		if strings.Contains(w.Document, "\nnetwork:") {
			s.grow(rand.New(rand.NewPCG(w.Seed, uint64(i))))
		}
		if w.Faxes {
			s.fax(rand.New(rand.NewPCG(w.Seed, uint64(i))))
		}
		w.Call(s)
	}
	if w.Odd {
		w.odd()
	}
	if w.Restless {
		w.restless()
	}
	if w.Stalls {
		w.stall()
	}
}

// grow has a call begin small, and its parties ask for more, and for less again.
func (s *Scenario) grow(r *rand.Rand) {
	s.Caller.Thrifty = one(r, 2)
	more := func(m *Manner) {
		for range r.IntN(4) {
			m.Then = append(m.Then, Action{ms(r, 0, 15000), []Verb{Recode, Shorten, AddVideo, Hold, Resume, Offerless}[r.IntN(6)]})
		}
	}
	more(&s.Caller.Manner)
	for _, h := range slices.Sorted(maps.Keys(s.Callees)) {
		for i := range s.Callees[h] {
			more(&s.Callees[h][i].Manner)
		}
	}
}

// fork has a target of one call in eight be several telephones behind a proxy: they ring, change their sessions before the answer, and answer when they like, also when another one
// has.
func (s *Scenario) fork(r *rand.Rand) {
	if !one(r, 8) {
		return
	}
	for _, h := range slices.Sorted(maps.Keys(s.Callees)) {
		c := &s.Callees[h][0]
		if c.Fork != nil || c.Silent || c.Final != 200 || c.ByeEarly || c.Late > 0 {
			continue
		}
		for range 1 + r.IntN(3) {
			b := callee(r)
			b.Fork, b.Silent, b.No100, b.Ask, b.Stale, b.Locked = nil, false, false, 0, 0, false
			b.Timer = c.Timer
			b.ByeEarly, b.Late = false, 0 // a proxy keeps a refusal to itself while another telephone rings (RFC 3261 §16.7)
			if b.Final != 200 {
				b.Final, b.Cause, b.Contact, b.RetryAfter = 0, 0, "", ""
			}
			if one(r, 3) { // with the other one
				b.After = c.After + ms(r, -20, 200)
			}
			b.After = max(b.After, 0)
			c.Fork = append(c.Fork, b)
		}
	}
}

// bare has parties of one call in four hold, and resume without an offer, and others take that as much equipment does.
func (s *Scenario) bare(r *rand.Rand) {
	if !one(r, 4) {
		return
	}
	some := func(m *Manner) {
		m.Echoes = !one(r, 3)
		if one(r, 6) {
			m.Bare = []int{488, 400, 500, 603, 491}[r.IntN(5)]
		}
		if one(r, 10) {
			m.Stays = []int{488, 491, 500, 603}[r.IntN(4)]
		}
		at := ms(r, 0, 8000)
		for range r.IntN(3) {
			m.Then = append(m.Then, Action{at, []Verb{Hold, Inactive, Hold, Inactive, Zero}[r.IntN(5)]})
			at += ms(r, 100, 4000)
			m.Then = append(m.Then, Action{at, []Verb{ResumeBare, ResumeBare, ResumeBare, Resume}[r.IntN(4)]})
			at += ms(r, 0, 3000)
		}
		if one(r, 8) { // longer than who asks for an offer waits, or about as long
			m.Slow = []time.Duration{ms(r, 9900, 10100), ms(r, 5000, 15000), time.Hour}[r.IntN(3)]
		}
	}
	some(&s.Caller.Manner)
	for _, h := range slices.Sorted(maps.Keys(s.Callees)) {
		for i := range s.Callees[h] {
			c := &s.Callees[h][i]
			if some(&c.Manner); c.Deaf { // it answers when its INVITE is forgotten (RFC 3261 §9.1)
				c.Slow = min(c.Slow, 15*time.Second)
			}
		}
	}
}

// fax has parties of a call ask for T.38 and for speech again, at times both at once, and take it or not.
func (s *Scenario) fax(r *rand.Rand) {
	some := func(m *Manner) {
		m.Fax, m.Short = !one(r, 4), one(r, 2)
		if one(r, 2) {
			return
		}
		for range 1 + r.IntN(5) {
			at := ms(r, 0, 12000)
			if one(r, 3) {
				at = time.Duration(r.IntN(8)) * time.Second // both sides at once
			}
			m.Then = append(m.Then, Action{at, []Verb{Fax, Fax, FaxBehind, FaxBehind, FaxWithdraw, Resume, Resume, Hold, Offerless, Update, AddVideo}[r.IntN(11)]})
		}
	}
	some(&s.Caller.Manner)
	for _, h := range slices.Sorted(maps.Keys(s.Callees)) {
		for i := range s.Callees[h] {
			some(&s.Callees[h][i].Manner)
		}
	}
}

// Disturb lets the surroundings fail: equipment without TCP, dead or slow to come back, probes refused, links that are worse than
// others, a server that drains or is stopped. Drawn from the seed; most runs have nothing of it.
func (w *World) Disturb() {
	r := rand.New(rand.NewPCG(w.Seed, 0xd157))
	for _, h := range w.Hosts {
		if h.gw.Kind != topology.KindUC {
			h.NoTCP = one(r, 8) && h.trunk().Transport == sip.UDP
			if one(r, 12) {
				h.Dead = true
				w.after(ms(r, 0, 60000), func() { h.Dead = false })
			}
		}
		h.Probe = []int{200, 200, 200, 404, 503, -1}[r.IntN(6)]
		if one(r, 10) {
			w.Net.Links[h.Name] = Link{Delay: ms(r, 50, 300), Jitter: time.Duration(1+r.IntN(400)) * time.Millisecond, Loss: 0.1, Double: 0.3}
		}
	}
	w.takeOut(r)
	for _, n := range w.Nodes {
		switch {
		case one(r, 20):
			w.after(ms(r, 0, 30000), func() { n.Drain(true) })
		case one(r, 20):
			w.after(ms(r, 0, 60000), func() {
				n.Drain(true)
				n.Terminate(diag.ServerShutdown)
			})
		case one(r, 20):
			w.after(ms(r, 0, 30000), func() { n.Configure(w.snap) })
		}
	}
}

// takeOut takes a trunk out of service for a while (DR-11), in few runs.
func (w *World) takeOut(r *rand.Rand) {
	if !one(r, 6) {
		return
	}
	host := []string{"host: 198.51.100.11", "host: 198.51.100.13", "host: sbc.sim.example", "host: 198.51.100.1"}[r.IntN(4)]
	doc := cmp.Or(w.Document, Document)
	changed := strings.Replace(doc, host+", root: {", host+", root: {enabled: false, ", 1)
	snap, err := Compile(changed)
	if err != nil || changed == doc {
		w.fail("%s cannot be taken out of service: %v", host, err)
		return
	}
	at := ms(r, 0, 20000)
	w.after(at, w.apply(snap))
	w.after(at+ms(r, 1000, 20000), w.apply(w.snap))
}

// apply gives every node a document.
func (w *World) apply(snap *topology.Snapshot) func() {
	return func() {
		w.snap = snap
		for _, n := range w.Nodes {
			n.Configure(snap)
		}
	}
}

func number(r *rand.Rand) string {
	switch k := r.IntN(20); {
	case k < 9:
		return fmt.Sprintf("+1425555%04d", r.IntN(10000))
	case k < 12:
		return fmt.Sprintf("+2425555%04d", r.IntN(10000))
	case k < 15:
		return fmt.Sprintf("+3425555%04d", r.IntN(10000))
	case k < 17:
		return fmt.Sprintf("+6425555%04d", r.IntN(10000))
	case k < 18:
		return "112"
	case k < 19:
		return "+4989123456"
	}
	return []string{"+9999", "+7425550100", "+7425555100", greeted}[r.IntN(4)]
}

// greeted is a number whose announcement is heard after an answer and leads to somebody.
const greeted = "+7425561000"

func ms(r *rand.Rand, low, high int) time.Duration {
	return time.Duration(low+r.IntN(high-low+1)) * time.Millisecond
}

// one tells whether something of the given rarity happens.
func one(r *rand.Rand, in int) bool { return r.IntN(in) == 0 }

func caller(r *rand.Rand) Caller {
	c := Caller{Offerless: one(r, 8), Video: one(r, 8), Large: one(r, 25), NoAck: one(r, 60), EmptyAck: one(r, 8),
		ByeFirst: one(r, 40), Merged: one(r, 40), HangUp: one(r, 10)}
	if one(r, 3) {
		c.GiveUp = ms(r, 0, 6000)
		if one(r, 3) {
			c.GiveUp = ms(r, 0, 30000)
		}
	}
	if one(r, 15) {
		c.Held = []string{"sendonly", "inactive", "recvonly", "zero"}[r.IntN(4)]
	}
	if one(r, 6) {
		c.AckDelay = ms(r, 0, 3000)
	}
	c.Manner = manner(r)
	drawIdentity(r, &c)
	c.Timer = timer(r)
	rel(r, &c.Manner)
	if c.Timer.Known && one(r, 2) { // long enough for a refresh or two
		c.Then = append(c.Then, Action{ms(r, 80000, 200000), Bye})
	} else {
		c.Then = append(c.Then, Action{ms(r, 0, 40000), Bye}, Action{60 * time.Second, Bye})
	}
	if one(r, 15) {
		c.Then = append(c.Then, Action{ms(r, 0, 20000), Vanish})
	}
	return c
}

// timer draws what a party knows of session timers. It draws nothing else, so that other behaviours do not depend on it.
func timer(r *rand.Rand) Timer {
	t := Timer{Known: one(r, 2), Interval: time.Duration(r.IntN(3)) * 60 * time.Second, Refresher: []string{"", "uac", "uas"}[r.IntN(3)],
		Least: time.Duration(r.IntN(3)) * 60 * time.Second, Lazy: one(r, 6)}
	if !t.Known {
		return Timer{}
	}
	return t
}

// rel draws what a party knows of reliable provisional responses, and whether it changes the session before the answer.
func rel(r *rand.Rand, m *Manner) {
	m.Rel = Rel{Known: true, Required: one(r, 8), NoPrack: one(r, 40), Reoffer: one(r, 4), Repeat: one(r, 3)}
	m.Early = []time.Duration{ms(r, 0, 3000), ms(r, 0, 5000)}[:r.IntN(3)]
	if one(r, 2) {
		m.Rel, m.Early = Rel{}, nil
	}
}

func manner(r *rand.Rand) Manner {
	m := Manner{}
	if one(r, 3) {
		verbs := []Verb{Hold, Resume, Inactive, RecvOnly, Zero, Recode, Refresh, Offerless, Update, Refer, ReferMute, ReferBye, ReferTwo, ReferBad, ReferFar,
			ReferHome, ReferJoin, ReferLost, Pickup, PickOther, PickLost, Ping, Info, Message, Beep, Options, Withdraw, AddVideo,
			Garbage}
		for range 1 + r.IntN(4) {
			at := ms(r, 0, 12000)
			if one(r, 3) {
				at = time.Duration(r.IntN(5)) * time.Second // both sides at once
			}
			m.Then = append(m.Then, Action{at, verbs[r.IntN(len(verbs))]})
		}
	}
	if one(r, 10) {
		m.Reinvite = []int{488, 500, 481, 408, 415}[r.IntN(5)]
	}
	if one(r, 6) {
		m.Slow = ms(r, 0, 4000)
	}
	if one(r, 12) {
		m.Glare = 1 + r.IntN(4)
	}
	m.SendRecv = one(r, 12)
	if one(r, 2) {
		m.ReferTo = number(r)
	}
	if one(r, 4) {
		m.Refers = []int{200, 200, 486, 503, 0}[r.IntN(5)]
		if one(r, 4) {
			m.Refuses = []int{405, 501, 603}[r.IntN(3)]
		}
	}
	m.Video = one(r, 10)
	if one(r, 6) {
		m.Ask = []int{401, 407}[r.IntN(2)]
	}
	return m
}

func callee(r *rand.Rand) Callee {
	c := Callee{After: ms(r, 0, 5000), Final: 200, No100: one(r, 10), Twice: one(r, 20), NoUpdate: one(r, 4), Named: one(r, 4), Manner: manner(r)}
	c.Timer = timer(r)
	rel(r, &c.Manner)
	if one(r, 3) {
		c.Then = append(c.Then, Action{ms(r, 0, 30000), Bye})
	}
	c.Then = append(c.Then, Action{90 * time.Second, Bye}) // the caller may have transferred the call
	if one(r, 20) {
		c.Then = append(c.Then, Action{ms(r, 0, 20000), Vanish})
	}
	if !one(r, 5) {
		at := ms(r, 0, 1000)
		for range 1 + r.IntN(3) {
			c.Progress = append(c.Progress, Progress{at, []int{180, 183, 181, 182}[r.IntN(4)], one(r, 3)})
			at += ms(r, 0, 2000)
		}
	}
	c.Stale, c.Locked = r.IntN(3), one(r, 8)
	switch k := r.IntN(40); {
	case k < 3:
		c.Final = []int{486, 603, 404, 480, 484, 600}[r.IntN(6)]
	case k < 6:
		c.Final = []int{503, 500, 502, 408, 403, 488, 302, 401}[r.IntN(8)]
		if c.Final == 302 {
			c.Contact = "<sip:NUMBER@198.51.100.12>"
		}
		if c.Final == 503 {
			c.RetryAfter = []string{"", "1", "15 (be patient)", "99999999999"}[r.IntN(4)]
		}
		if one(r, 3) {
			c.Cause = []int{1, 17, 34, 41, 16, 21}[r.IntN(6)]
		}
	case k == 6:
		c.Silent = true
	case k == 7:
		c.Final = 0 // rings for ever
	case k == 8:
		c.Final, c.Progress = 0, nil // 100 only
	case k == 9:
		c.Fork = []Callee{{Progress: []Progress{{300 * time.Millisecond, 180, false}}}, {After: ms(r, 0, 5000), Final: 200,
			Progress: []Progress{{200 * time.Millisecond, 183, true}}, Manner: Manner{Then: []Action{{20 * time.Second, Bye}}}}}
	case k == 10:
		c.Late = ms(r, 1, 3000)
	case k == 11:
		c.Deaf = true
	case k == 12:
		c.NoAnswer = true
	case k == 13:
		c.Misfit = true
	case k == 14:
		c.ByeEarly = true
	case k < 18:
		c.Taken = ms(r, 200, 5000)
	}
	return c
}
