package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

var (
	pathsFlag  = flag.Int("sim.paths", 100, "runs of TestPaths of each call")
	boundsFlag = flag.String("sim.bounds", "0,0,0,0", "packets that are lost, come twice and come late in a run of TestPaths, and timers that run out while others are on their way")
)

// little is a document of one server that asks nobody whether it is there.
const little = `
pools:
  pool.sim.example:
    servers:
      med1.sim.example: {addresses: [192.0.2.11], mediaPorts: 20000-20063}
gateways:
  uca: {kind: uc, host: 198.51.100.1, root: {transport: UDP, credentials: {user: directsip, password: secret}}}
  gwa: {kind: gateway, host: 198.51.100.11, root: {transport: UDP, credentials: {user: directsip, password: secret}}}
  gwb: {kind: gateway, host: 198.51.100.12, root: {transport: UDP, credentials: {user: directsip, password: secret}}}
trunkSettings:
  global: {options: false, relayMethods: [INFO, MESSAGE], usages: [all], acceptRefer: true}
  trunk:uca: {options: false, relayMethods: [INFO, MESSAGE], usages: [all], acceptRefer: true}
usages: [all]
routes:
  - {name: one, pattern: '^\+1', usages: [all], trunks: [gwa, gwb], selection: ordered}
  - {name: two, pattern: '^\+2', usages: [all], trunks: [gwb, gwa], selection: ordered}
`

// tale is what is tried in all orders.
type tale struct {
	name  string
	calls []Scenario
	since time.Duration // when the orders begin to be tried
}

// When nothing is tried any more, when all ends must be of one mind, and when those who are left hang up.
const (
	triedUntil = 60 * time.Second
	agreedAt   = 170 * time.Second
	overAt     = 190 * time.Second
)

func tales() []tale {
	rings := Callee{Progress: ringing, After: second, Final: 200}
	mid := then
	does := func(acts ...Action) Callee {
		c := rings
		c.Then = acts
		return c
	}
	one := func(name string, c Caller, callees map[string][]Callee) tale {
		return tale{name: name, calls: []Scenario{plain(c, callees)}}
	}
	// races has the two of a call that is up do what they do at the same time, or one earlier or later than the other.
	races := func(name string, a, b []Verb) tale {
		acts := func(verbs []Verb) (list []Action) {
			for i, v := range verbs {
				list = append(list, Action{2*second + time.Duration(i)*8*second, v})
			}
			return list
		}
		x := one(name, Caller{Manner: mid(acts(a)...)}, at(does(acts(b)...), "gwa"))
		x.since = 2500 * time.Millisecond
		return x
	}
	verbs := func(v ...Verb) []Verb { return v }
	rel := func(c Callee) Callee {
		c.Rel = Rel{Known: true}
		return c
	}
	late := func(c Callee, d time.Duration) Callee {
		c.Late = d
		return c
	}
	early := []Progress{{ms100(2), 183, true}}
	reliable := rel(Callee{Progress: early, After: second, Final: 200})
	updates := reliable
	updates.Early = []time.Duration{ms100(5)}
	moved := func(name string, stays []Verb, target Callee, more ...Verb) tale {
		x := races(name, append(verbs(Refer), more...), stays)
		x.calls[0].Callees["gwb"] = []Callee{target}
		x.calls[0].Caller.ReferTo = "+2"
		return x
	}
	// joined is an attended transfer: who called joins the two that it has called.
	joined := func(name string, a, b, c []Verb) tale {
		x := races(name, verbs(ReferJoin), a)
		other := plain(Caller{Manner: mid()}, at(rings, "gwb"))
		other.Name, other.Number = "other", "+24255550100"
		for i, v := range b {
			other.Callees["gwb"][0].Then = append(other.Callees["gwb"][0].Then, Action{2*second + time.Duration(i)*8*second, v})
		}
		for _, v := range c {
			other.Caller.Then = append([]Action{{2 * second, v}}, other.Caller.Then...)
		}
		x.calls = append(x.calls, other)
		return x
	}
	return []tale{
		one("cancel", Caller{GiveUp: 5 * second, Manner: mid()}, at(rings, "gwa")),
		one("cancel-early-media", Caller{GiveUp: 5 * second, Manner: mid()}, at(Callee{Progress: early, After: second, Final: 200}, "gwa")),
		one("cancel-crossed", Caller{GiveUp: 5 * second, Manner: mid()}, at(late(rings, 1), "gwa")),
		one("cancel-challenged", Caller{GiveUp: 5 * second, Manner: mid()}, at(asks(407, rings), "gwa")),
		one("cancel-hunting", Caller{GiveUp: 5 * second, Manner: mid()}, map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 503}}, "gwb": {rings}}),
		one("hunting-late", Caller{GiveUp: 20 * second, Manner: mid()}, map[string][]Callee{"gwa": {{No100: true, After: 5 * second, Final: 200}}, "gwb": {{Progress: ringing, After: 9 * second, Final: 200}}}),
		one("hunting-cancelled", Caller{GiveUp: 20 * second, Manner: mid()}, map[string][]Callee{"gwa": {late(Callee{}, 1)}, "gwb": {rings}}),
		one("fork", Caller{GiveUp: 5 * second, Manner: mid()}, at(Callee{Progress: ringing, After: second, Final: 200, Fork: []Callee{{Progress: ringing, After: second, Final: 200}}}, "gwa")),
		one("prack", Caller{GiveUp: 5 * second, Manner: Manner{Rel: Rel{Known: true}}}, at(reliable, "gwa")),
		one("prack-offer", Caller{Manner: Manner{Rel: Rel{Known: true, Reoffer: true}}}, at(reliable, "gwa")),
		one("prack-offerless", Caller{Offerless: true, Manner: Manner{Rel: Rel{Known: true}}}, at(reliable, "gwa")),
		one("early-update", Caller{Manner: Manner{Rel: Rel{Known: true}, Early: []time.Duration{ms100(5)}}}, at(reliable, "gwa")),
		one("early-update-callee", Caller{Manner: Manner{Rel: Rel{Known: true}}}, at(updates, "gwa")),
		one("early-update-both", Caller{Manner: Manner{Rel: Rel{Known: true}, Early: []time.Duration{ms100(5)}}}, at(updates, "gwa")),
		races("glare", verbs(Hold), verbs(Hold)),
		races("glare-resume", verbs(Hold, Resume), verbs(Hold)),
		races("hold-bye", verbs(Hold), verbs(Bye)),
		races("bye-hold", verbs(Bye), verbs(Hold)),
		races("bye-bye", verbs(Bye), verbs(Bye)),
		races("update-hold", verbs(Update), verbs(Hold)),
		races("update-update", verbs(Update), verbs(Update)),
		races("info-hold", verbs(Info), verbs(Hold)),
		races("info-bye", verbs(Info), verbs(Bye)),
		races("offerless-hold", verbs(Offerless), verbs(Hold)),
		races("hold-offerless", verbs(Hold), verbs(Offerless)),
		races("offerless-bye", verbs(Offerless), verbs(Bye)),
		races("withdraw-hold", verbs(Withdraw), verbs(Hold)),
		races("withdraw-bye", verbs(Withdraw), verbs(Bye)),
		races("recant-hold", verbs(Recant), verbs(Hold)),
		moved("transfer", verbs(Bye), rings),
		moved("transfer-busy", verbs(Bye), Callee{Progress: ringing, After: second, Final: 486}),
		moved("transfer-held", verbs(Hold), rings),
		moved("transfer-busy-held", verbs(Hold), Callee{Progress: ringing, After: second, Final: 486}),
		moved("transfer-leaves", nil, rings, Bye),
		moved("transfer-target-leaves", nil, does(Action{2 * second, Bye})),
		joined("join", nil, nil, nil),
		joined("join-bye-here", verbs(Bye), nil, nil),
		joined("join-bye-there", nil, verbs(Bye), nil),
		joined("join-hold-here", verbs(Hold), nil, nil),
		joined("join-hold-there", nil, verbs(Hold), nil),
		joined("join-leaves", nil, nil, verbs(Bye)),
		races("pickup", verbs(Pickup), verbs(Hold)),
		races("pickup-bye", verbs(Pickup), verbs(Bye)),
	}
}

// attempt runs a tale once, in the order that is chosen.
func (s *tale) attempt(snap *topology.Snapshot, x *Paths, trace bool) *World {
	w := New(7, snap)
	w.Paths, w.Trace.Off = x, !trace
	w.Strict = x.Bounds == Bounds{}
	for _, c := range s.calls {
		w.Call(c)
	}
	w.atTime(epoch.Add(agreedAt), func() { agree(w) })
	for i := range 3 {
		w.atTime(epoch.Add(overAt+time.Duration(i)*second), func() { hangUpOne(w) })
	}
	w.Run(time.Hour)
	return w
}

// explore tries a tale in the orders of x, or in as many as limit, and returns how many that were.
func (s *tale) explore(t *testing.T, snap *topology.Snapshot, x *Paths, limit int) int {
	t.Helper()
	x.Since, x.Until = s.since, triedUntil
	heard, longest := 0, 0
	found := make(map[string][]int) // the shortest way to each failure
	reasons := make(map[string]int)
	for x.Runs < limit && x.Next() {
		w := s.attempt(snap, x, limit == 1)
		if limit == 1 {
			t.Logf("\n%s", w.Trace.String())
		}
		if !x.Done() {
			continue
		}
		longest = max(longest, x.depth)
		for _, c := range w.order {
			heard += c.heard
		}
		for _, r := range w.Nodes[0].Records {
			reasons[r.Reason]++
		}
		for _, f := range w.Failures() {
			k, way := kindOf(f), x.Way()
			if have, ok := found[k]; !ok || oddities(way) < oddities(have) {
				found[k] = way
			}
		}
	}
	t.Logf("%d runs with at most %+v, drawn %v; %d were the same as others, %d choices at most, media looked at %d times, %v",
		x.Runs, x.Bounds, x.Drawn != nil, x.Same, longest, heard, reasons)
	s.shortest(t, snap, x, found)
	return x.Runs
}

// shortest shows the shortest way to a failure.
func (s *tale) shortest(t *testing.T, snap *topology.Snapshot, x *Paths, found map[string][]int) {
	t.Helper()
	if len(found) == 0 {
		return
	}
	short := ""
	for k, way := range found {
		if t.Errorf("%s", k); short == "" || oddities(way) < oddities(found[short]) {
			short = k
		}
	}
	again := func(way []int) *World {
		y := &Paths{Bounds: x.Bounds, Since: x.Since, Until: x.Until}
		y.Again(way)
		return s.attempt(snap, y, true)
	}
	way := found[short]
	for i := len(way) - 1; i >= 0; i-- {
		if was := way[i]; was > 0 {
			way[i] = 0
			if !slices.ContainsFunc(again(way).Failures(), func(f string) bool { return kindOf(f) == short }) {
				way[i] = was
			}
		}
	}
	w := again(way)
	t.Logf("%s\n%s\n%s", strings.Join(w.Failures(), "\n"), w.Paths.describe(), w.Trace.String())
	for _, r := range w.Nodes[0].Records {
		t.Log("\n" + sheet(r))
	}
}

// agree checks that the node has a call for every two parties that are in one. A target of which it never heard anything, because what it said was lost, cannot be
// cancelled (RFC 3261 §9.1).
func agree(w *World) {
	n, list := 0, ""
	for _, h := range w.Hosts {
		for _, p := range h.all {
			if leg := w.Nodes[0].watch.legs[p.callID]; p.state != over && leg != nil && (leg.heard || !leg.ours) {
				n++
				list += fmt.Sprintf(" %s of %s", p.state, h.Name)
			}
		}
	}
	if live := w.Nodes[0].Live(); n != 2*live {
		w.fail("%d calls, and parties are%s", live, list)
	}
}

// hangUpOne has one of those who are left hang up, and looks before at what it hears.
func hangUpOne(w *World) {
	for _, h := range w.Hosts {
		for _, p := range h.all {
			if p.state == up {
				p.act(Bye)
				return
			}
		}
	}
}

// oddities is how many choices of a way are not the first.
func oddities(way []int) (n int) {
	for _, k := range way {
		if k > 0 {
			n++
		}
	}
	return n
}

var digits = regexp.MustCompile(`b2b\.\S*|mk\.\S*|[0-9]+`)

// kindOf is a failure without what differs from run to run.
func kindOf(failure string) string {
	line, _, _ := strings.Cut(failure, "\n")
	return digits.ReplaceAllString(line, "")
}

// TestPaths has small calls in which two things meet go in all orders: of what comes from their peers, and of what these do. Where there are more than a
// moment's, and where packets are lost, doubled and late as well, orders are drawn. It makes some 3400 runs. -sim.paths=20000 has nearly all tales in all orders,
// -sim.bounds=1,0,0,0 those in which one packet is lost besides, and -sim.paths=1 shows the ladder of each.
func TestPaths(t *testing.T) {
	snap, err := Compile(little)
	if err != nil {
		t.Fatal(err)
	}
	limit, sum, whole := *pathsFlag, 0, 0
	if testing.Short() {
		limit /= 4
	}
	bounds := Bounds{}
	if _, err := fmt.Sscanf(*boundsFlag, "%d,%d,%d,%d", &bounds.Lost, &bounds.Twice, &bounds.Late, &bounds.Early); err != nil {
		t.Fatal(err)
	}
	for _, s := range tales() {
		t.Run(s.name, func(t *testing.T) {
			x := &Paths{Bounds: bounds}
			n := s.explore(t, snap, x, limit)
			if sum += n; n < limit {
				whole++
			}
			sum += s.explore(t, snap, &Paths{Bounds: Bounds{2, 1, 2, 1}, Drawn: rand.New(rand.NewPCG(*seedFlag, 0xa7))}, limit/4)
		})
	}
	t.Logf("%d runs; %d of %d calls were had in all orders", sum, whole, len(tales()))
}
