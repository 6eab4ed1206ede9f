package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Paths runs a world again and again, each time in another order of its events, until all orders within its bounds have been had.
//
// Of what may happen next one thing is chosen: the oldest packet between any two stations arrives, or a party does what its script has next, whether its time
// has come or not. When nothing is on its way, time goes by until the next timer. So the orders of what comes from different peers, and of what people do, are
// all tried. What a network does beside that costs, and each kind is bounded: a packet is lost, comes twice, or comes at any time later than those behind it; a
// timer runs out while packets are on their way. Connections lose and reorder nothing.
//
// What happens at two different stations has the same outcome in either order, so only one of the two is tried (sleep sets; Godefroid, LNCS 1032, §5).
type Paths struct {
	Bounds
	Since, Until time.Duration // of virtual time; before and behind, things happen in the order of their times
	Drawn        *rand.Rand    // choices are drawn, where there are too many orders to have them all

	Runs, Same int // had, and given up since another run is the same

	nodes   []node
	depth   int
	spent   Bounds
	asleep  []choice
	flights []*flight
	acts    []*act
	count   map[string]int // what a channel or a party has had
	over    bool           // the run is the same as another one
}

// Bounds are how often something may go wrong in one run.
type Bounds struct{ Lost, Twice, Late, Early int }

// flight is one packet on its way.
type flight struct {
	channel, id string
	to          station
	do          func()
	aside       bool // comes when it comes
}

// act is what a party does next.
type act struct {
	by    *Party
	id    string
	at    time.Time
	do    func()
	order int
}

// choice is what can happen next, and where. No place: what it changes may be anything.
type choice struct {
	id string
	at string
	do func()
}

// node is a point of a run at which there is a choice.
type node struct {
	moves []choice
	taken int
	sleep []choice // need not be tried: what was tried here is among them, and what is the same in any order
	fate  bool     // of a packet, and no event
}

// Next begins the next run; false: there is none.
func (x *Paths) Next() bool {
	if x.Drawn != nil {
		x.nodes = nil
	} else if x.Runs+x.Same > 0 && !x.back() {
		return false
	}
	x.begin()
	return true
}

func (x *Paths) begin() {
	x.depth, x.spent, x.over = 0, Bounds{}, false
	x.asleep, x.flights, x.acts, x.count = nil, nil, nil, make(map[string]int)
}

// back goes to the last point at which something is left to try.
func (x *Paths) back() bool {
	for len(x.nodes) > 0 {
		n := &x.nodes[len(x.nodes)-1]
		if !n.fate {
			n.sleep = append(n.sleep, n.moves[n.taken])
		}
		for n.taken++; n.taken < len(n.moves); n.taken++ {
			if n.fate || !has(n.sleep, n.moves[n.taken].id) {
				return true
			}
		}
		x.nodes = x.nodes[:len(x.nodes)-1]
	}
	return false
}

func has(list []choice, id string) bool {
	return slices.ContainsFunc(list, func(m choice) bool { return m.id == id })
}

// Done counts the run that has ended.
func (x *Paths) Done() (whole bool) {
	if x.over {
		x.Same++
	} else {
		x.Runs++
	}
	return !x.over
}

// Way is what was chosen, as a list for Again.
func (x *Paths) Way() (list []int) {
	for _, n := range x.nodes {
		list = append(list, n.taken)
	}
	return list
}

// Again has the next run go a way, and then on as things come. What cannot be chosen any more is not.
func (x *Paths) Again(way []int) {
	x.nodes = nil
	for _, k := range way {
		x.nodes = append(x.nodes, node{taken: k})
	}
	x.begin()
}

// choose is the choice at this point.
func (x *Paths) choose(moves []choice, fate bool) int {
	if x.depth == len(x.nodes) {
		x.nodes = append(x.nodes, node{moves: moves, sleep: x.asleep, fate: fate})
		if n := &x.nodes[x.depth]; x.Drawn != nil {
			n.sleep, n.taken = nil, x.draw(len(moves), fate)
		} else if !fate {
			for n.taken < len(moves) && has(n.sleep, moves[n.taken].id) {
				n.taken++
			}
			if n.taken == len(moves) {
				x.nodes, x.over = x.nodes[:x.depth], true
				return 0
			}
		}
	}
	n := &x.nodes[x.depth]
	if n.moves == nil { // of Again
		n.moves, n.fate, n.taken = moves, fate, min(n.taken, len(moves)-1)
	}
	x.depth++
	if !fate {
		x.asleep = nil
		for _, m := range n.sleep {
			if m.at != "" && moves[n.taken].at != "" && m.at != moves[n.taken].at {
				x.asleep = append(x.asleep, m)
			}
		}
	}
	return n.taken
}

// draw is a choice by chance. Few packets have another fate than to arrive.
func (x *Paths) draw(of int, fate bool) int {
	if fate && x.Drawn.IntN(12) > 0 {
		return 0
	}
	return x.Drawn.IntN(of)
}

// open tells whether things are tried now.
func (x *Paths) open(w *World) bool { return w.Since() >= x.Since && w.Since() < x.Until }

func (x *Paths) name(of string) string {
	x.count[of]++
	return fmt.Sprint(of, " ", x.count[of])
}

// send puts a packet on its way, and says how many copies arrive.
func (x *Paths) send(w *World, from, to station, do func()) int {
	channel := from.name() + ">" + to.name()
	f := &flight{channel: channel, id: x.name(channel), to: to, do: do}
	fates := []choice{{id: "arrives"}}
	if x.open(w) {
		for _, k := range [...]struct {
			id          string
			spent, have int
		}{{"lost", x.spent.Lost, x.Lost}, {"twice", x.spent.Twice, x.Twice}, {"late", x.spent.Late, x.Late}} {
			if k.spent < k.have {
				fates = append(fates, choice{id: k.id})
			}
		}
	}
	fate := "arrives"
	if len(fates) > 1 {
		fate = fates[x.choose(fates, true)].id
	}
	switch fate {
	case "lost":
		x.spent.Lost++
		return 0
	case "late":
		x.spent.Late++
		f.aside = true
	case "twice":
		x.spent.Twice++
		again := *f
		again.aside, again.id = true, f.id+" again"
		x.flights = append(x.flights, f, &again)
		return 2
	}
	x.flights = append(x.flights, f)
	return 1
}

// sendSafely is send by a connection.
func (x *Paths) sendSafely(from, to station, do func()) {
	channel := from.name() + ">" + to.name()
	x.flights = append(x.flights, &flight{channel: channel, id: x.name(channel), to: to, do: do})
}

// sendWithin hands something to a shard.
func (x *Paths) sendWithin(n *Node, shard int, do func()) {
	channel := fmt.Sprint(n.name(), " shard ", shard)
	x.flights = append(x.flights, &flight{channel: channel, id: x.name(channel), to: n, do: do})
}

// plan notes what a party does later of its own accord.
func (x *Paths) plan(w *World, p *Party, d time.Duration, do func()) {
	by := fmt.Sprint(p.host.Name, " party ", slices.Index(p.host.all, p))
	x.acts = append(x.acts, &act{by: p, id: x.name(by), at: w.now.Add(d), do: do, order: len(x.acts)})
	slices.SortStableFunc(x.acts, func(a, b *act) int { return a.at.Compare(b.at) })
}

// step has something happen.
func (x *Paths) step(w *World) {
	moves := x.moves(w)
	i := 0
	if x.open(w) {
		i = x.choose(moves, false)
	}
	if !x.over {
		moves[i].do()
	}
}

// moves are what can happen next, first what happens if nothing goes wrong.
func (x *Paths) moves(w *World) (list []choice) {
	open := x.open(w)
	seen := make(map[string]bool)
	for _, f := range x.flights {
		if !f.aside && seen[f.channel] {
			continue
		}
		seen[f.channel] = true
		list = append(list, choice{f.id, f.to.name(), func() {
			x.flights = slices.Delete(x.flights, slices.Index(x.flights, f), slices.Index(x.flights, f)+1)
			w.now = w.now.Add(10 * time.Microsecond)
			f.do()
		}})
	}
	timer := choice{"timer", "", func() {
		e := heap.Pop(&w.queue).(event)
		if e.at.After(w.now) {
			w.now = e.at
		}
		e.do()
	}}
	if len(list) > 0 && len(x.acts) > 0 && !x.acts[0].at.After(w.now) {
		list = append([]choice{x.act(w, x.acts[0], false)}, list...)
	}
	quiet := len(x.flights) == 0
	if quiet && len(w.queue) > 0 && (len(x.acts) == 0 || !x.acts[0].at.Before(w.queue[0].at)) {
		list = append(list, timer)
	}
	had := make(map[*Party]bool)
	for _, a := range x.acts {
		if had[a.by] || len(list) > 0 && (!open || a.at.Sub(epoch) >= x.Until) {
			continue
		}
		had[a.by] = true
		if !has(list, a.id) {
			list = append(list, x.act(w, a, len(list) == 0))
		}
	}
	if len(x.flights) > 0 && open && x.spent.Early < x.Early && len(w.queue) > 0 {
		list = append(list, choice{"timer", "", func() { x.spent.Early++; timer.do() }})
	}
	return list
}

// act is the move of an act; due: as its time comes.
func (x *Paths) act(w *World, a *act, due bool) choice {
	return choice{a.id, a.by.host.Name, func() {
		x.acts = slices.Delete(x.acts, slices.Index(x.acts, a), slices.Index(x.acts, a)+1)
		w.now = w.now.Add(10 * time.Microsecond)
		if due && a.at.After(w.now) {
			w.now = a.at
		}
		a.do()
	}}
}

// describe says what was chosen where there was a choice.
func (x *Paths) describe() string {
	var b strings.Builder
	for _, n := range x.nodes[:min(x.depth, len(x.nodes))] {
		if n.taken > 0 {
			fmt.Fprintf(&b, "%s, not %s\n", n.moves[n.taken].id, n.moves[0].id)
		}
	}
	return b.String()
}
