// Package sim runs whole calls in virtual time: user agent cores as nodes, scripted peers that know nothing of our code but
// the parser, a network that loses, doubles, delays and reorders by a seed, and a watch that knows the rules of SIP
// and of call records and reports every breach.
//
// A World is a function of its seed and its scenarios: the same ones give the same packets at the same times.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/topology"
)

// World is one run.
type World struct {
	Seed  uint64
	Net   Network
	Fault Fault
	Trace Trace
	Nodes []*Node
	Hosts []*Host

	// Played is how much the nodes have played, Faced how often a session at rest was looked at.
	Played, Faced int

	// Strict: the network is perfect and peers keep the rules, so that rules can be checked which loss alone can break.
	Strict bool
	// Bypass: media goes past the nodes, so descriptions pass as they are.
	Bypass bool
	// Faxes: in many calls one side wants T.38 instead of speech, or beside it.
	Faxes bool
	// Full: no call gets more ports than it has begun with.
	Full bool
	// Odd: many peers do what few do, and some forget their calls.
	Odd bool
	// Restless: everybody does much at once, and the surroundings change.
	Restless bool
	// Stalls: nodes stand still for seconds.
	Stalls bool
	// Paths: the order of events is chosen by it.
	Paths *Paths
	// Lag is how long a message waits at most in front of a shard.
	Lag time.Duration

	snap      *topology.Snapshot
	rnd       *rand.Rand
	now       time.Time
	applied   time.Time // a document, the last time
	queue     events
	serial    uint64
	at        map[netip.Addr]station
	scenarios map[string]*Scenario // by calling number
	order     []*Scenario
	second    time.Time // the one that passes
	steps     int       // that it has had
	parties   int       // that are not over
	Document  string    // that the nodes began with, to come back to after a change; empty: the package's
	waiting   int       // scenarios that have not begun
	failures  []string
	strangers bool            // gwa is not in every document: who is in none is not answered
	cut       map[string]bool // Call-IDs of which a message was lost with its connection: nobody sends it again
}

// station is what has an address in the network.
type station interface {
	arrive(p *packet)
	name() string
}

// epoch is the beginning of every run.
var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// New is a World of the given document: a node for each of its servers and a host for each address of its gateways.
func New(seed uint64, snap *topology.Snapshot) *World { return NewSharded(seed, snap, 1) }

// NewSharded is a World whose nodes have several shards each.
func NewSharded(seed uint64, snap *topology.Snapshot, shards int) *World {
	w := &World{Seed: seed, snap: snap, rnd: rand.New(rand.NewPCG(seed, 0x5eed)), now: epoch,
		at: make(map[netip.Addr]station), scenarios: make(map[string]*Scenario), cut: make(map[string]bool)}
	w.Net.start(w)
	w.Fault = Fault{Drop: -1, Double: -1, Media: -1, Shut: -1, Name: -1, Send: -1, Panic: -1}
	for i, s := range snap.Servers {
		n := newNode(w, i, s, shards)
		w.Nodes = append(w.Nodes, n)
		for _, a := range s.AllAddresses() {
			w.at[a] = n
		}
	}
	for _, g := range snap.Gateways {
		for i, a := range w.Net.addresses(g) {
			h := newHost(w, g, i, a)
			w.Hosts = append(w.Hosts, h)
			w.at[a] = h
		}
	}
	return w
}

// Fault names one thing that goes wrong, by its number; -1 nothing.
type Fault struct {
	Drop, Double      int // packet
	Media, Name, Send int // opening or updating media, looking up a name, sending a message of a node
	Shut              int // opening or updating media from which on somebody else has all ports that are not open
	Panic             int // a call of the core into its surroundings, which panics
	Count             struct{ Packets, Media, Names, Sends, Visits int }
}

// visit is the place where a fault inside of a node is simulated.
func (f *Fault) visit() {
	f.Count.Visits++
	if f.Panic == f.Count.Visits-1 {
		panic("simulated fault")
	}
}

// Host finds a host by its name.
func (w *World) Host(name string) *Host {
	for _, h := range w.Hosts {
		if h.Name == name {
			return h
		}
	}
	panic("sim: no host " + name)
}

// after runs do in d.
func (w *World) after(d time.Duration, do func()) { w.atTime(w.now.Add(d), do) }

func (w *World) atTime(t time.Time, do func()) {
	if t.Before(w.now) {
		t = w.now
	}
	w.serial++
	heap.Push(&w.queue, event{t, w.serial, do})
}

// after is World.after for what a party does of its own accord.
func (p *Party) after(d time.Duration, do func()) {
	switch w := p.w(); {
	case w.Paths == nil:
		w.after(d, do)
	case d == 0:
		do()
	default:
		w.Paths.plan(w, p, d, do)
	}
}

// Since is how long the run has lasted.
func (w *World) Since() time.Duration { return w.now.Sub(epoch) }

// Now is the virtual time.
func (w *World) Now() time.Time { return w.now }

// fail notes a breach of a rule.
func (w *World) fail(format string, args ...any) {
	if len(w.failures) < 20 {
		w.failures = append(w.failures, fmt.Sprintf("%8.3f  ", w.Since().Seconds())+fmt.Sprintf(format, args...))
	}
}

// Failures are the breaches found so far.
func (w *World) Failures() []string { return w.failures }

// Run runs until every call is over and everything has come to rest, or limit has passed, and then checks what must hold
// at the end.
func (w *World) Run(limit time.Duration) {
	w.runFor(limit)
	if !w.rest() && w.unmissed() {
		for _, n := range w.Nodes {
			n.Terminate(diag.ServerShutdown)
		}
		w.runFor(limit)
	}
	if !w.rest() {
		w.stuck()
	}
	for _, n := range w.Nodes {
		n.finish()
	}
	for _, s := range w.order {
		s.finish(w)
	}
}

func (w *World) runFor(limit time.Duration) {
	end := w.now.Add(limit)
	for w.more() && !w.rest() && w.steps < maxSteps {
		if w.Paths == nil && w.queue[0].at.After(end) || w.now.After(end) {
			w.now = end
			break
		}
		w.step()
	}
}

// more tells whether anything is left to happen.
func (w *World) more() bool {
	if x := w.Paths; x != nil {
		return !x.over && len(w.queue)+len(x.flights)+len(x.acts) > 0
	}
	return len(w.queue) > 0
}

// unmissed tells whether the calls that are left are on hold, and both their parties have vanished: on hold nobody is missed, so they last until somebody ends them.
func (w *World) unmissed() bool {
	for _, n := range w.Nodes {
		for _, s := range n.relay.sessions {
			for k := range s.want.Timeout {
				if s.want.Timeout[k] > 0 && awaited(s.want, k) != nil {
					return false
				}
			}
		}
	}
	return w.parties == 0
}

// RunUntil runs until a virtual time.
func (w *World) RunUntil(t time.Duration) {
	end := epoch.Add(t)
	for len(w.queue) > 0 && !w.queue[0].at.After(end) && w.steps < maxSteps {
		w.step()
	}
	w.now = end
}

func (w *World) step() {
	e := event{at: w.now}
	if w.Paths == nil {
		e = heap.Pop(&w.queue).(event)
		w.now = e.at
	} else {
		e.do = func() { w.Paths.step(w) }
	}
	if w.now.Sub(w.second) >= time.Second {
		w.second, w.steps = w.now, 0
	}
	if w.steps++; w.steps == maxSteps {
		w.fail("more than %d things happen within a second: something goes round in circles", maxSteps)
	}
	e.do()
}

// maxSteps in one second are more than any run needs.
const maxSteps = 100000

// rest tells whether nothing is left but probes.
func (w *World) rest() bool {
	if w.waiting > 0 || w.parties > 0 || w.Net.flying > 0 || w.Paths != nil && len(w.Paths.flights) > 0 {
		return false
	}
	for _, n := range w.Nodes {
		if n.held() > 0 || len(n.relay.sessions) > 0 || n.busy() {
			return false
		}
	}
	return true
}

// stuck says what has not come to rest.
func (w *World) stuck() {
	for _, n := range w.Nodes {
		if k := n.held(); k > 0 {
			w.fail("%s holds %d calls that never end", n.name(), k)
			for _, s := range n.shards {
				for _, r := range s.core.Calls() {
					w.fail("live call from %s, reason %q", r.Calling.Received, r.Reason)
				}
			}
			for id := range n.watch.legs {
				if n.owns(id) {
					key := ""
					if c := n.watch.legs[id].call; c != nil {
						key = c.key
					}
					w.fail("%s still owns Call-ID %s of %s", n.name(), id, key)
				}
			}
		}
	}
	for _, h := range w.Hosts {
		for _, p := range h.all {
			if p.state != over && !w.cut[p.callID] && w.Fault.Panic < 0 { // a call that fails inside may end without a word
				w.fail("%s: party %s of %s is still %s", h.Name, p.tag, p.scenario.Name, p.state)
			}
		}
	}
}

type event struct {
	at  time.Time
	seq uint64
	do  func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return last
}
