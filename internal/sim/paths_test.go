package sim

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

var (
	pathsFlag    = flag.Int("sim.paths", 20, "runs of TestPaths of each call")
	drawnFlag    = flag.Int("sim.drawn", 0, "orders of each call in TestPaths that are drawn; 0: as many as usual")
	settingsFlag = flag.String("sim.settings", "", "of the trunks in TestPaths besides, each with a comma behind it")
	boundsFlag   = flag.String("sim.bounds", "0,0,0,0", "packets that are lost, come twice and come late in a run of TestPaths, and timers that run out while others are on their way")
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
	name   string
	calls  []Scenario
	since  time.Duration // when the orders begin to be tried
	shards int           // of the node; 0: one
	seed   uint64        // 0: 7
	timers bool          // the node wants sessions refreshed
}

// When nothing is tried any more, when all ends must be of one mind, and when those who are left hang up.
const (
	triedUntil = 60 * time.Second
	agreedAt   = 80 * time.Second
	overAt     = 190 * time.Second
)

// attempt runs a tale once, in the order that is chosen.
func (s *tale) attempt(snap *topology.Snapshot, x *Paths, trace bool) *World {
	w := NewSharded(cmp.Or(s.seed, 7), snap, max(s.shards, 1))
	w.Paths, w.Trace.Off = x, !trace
	w.Strict = x.Bounds == Bounds{}
	for _, c := range s.calls {
		w.Call(c)
	}
	if w.Strict && !s.timers { // nothing has to be repeated, or given up
		w.atTime(epoch.Add(agreedAt/2), func() { agree(w) })
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
	reasons, moves := make(map[string]int), 0
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
		moves += w.Nodes[0].Moves
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
	t.Logf("%d runs with at most %+v, drawn %v; %d were the same as others, %d choices at most, media looked at %d times, %d legs moved, %v",
		x.Runs, x.Bounds, x.Drawn != nil, x.Same, longest, heard, moves, reasons)
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
	for _, s := range w.Nodes[0].relay.sessions {
		meets(w, s.want)
	}
}

// meets checks that each side of a session is one party, and that the two, and the relay between them, speak of the same.
func meets(w *World, m *media.Session) {
	var two []*Party
	for k := range m.Streams[0].Side {
		side := &m.Streams[0].Side[k]
		for _, h := range w.Hosts {
			for _, p := range h.all {
				switch {
				case p.state != up:
				case p.pending || p.busy || p.offered:
					w.fail("%s: a change is still under way: %v %v %v", h.Name, p.pending, p.busy, p.offered)
				case p.speaker.mine == nil || p.speaker.remote == nil:
					w.fail("%s: nothing is agreed on", h.Name)
				case p.speaker.remote.media[0].port == side.Local.Port():
					mine := p.speaker.mine.media[0]
					if two = append(two, p); side.Remote != netip.AddrPortFrom(p.speaker.addr, mine.port) {
						w.fail("%s wants its media at port %d, the relay sends to %v", h.Name, mine.port, side.Remote)
					}
					if side.Send != (mine.dir == "sendrecv" || mine.dir == "recvonly") || side.Recv != (mine.dir == "sendrecv" || mine.dir == "sendonly") {
						w.fail("%s is %s, the relay sends %v, receives %v", h.Name, mine.dir, side.Send, side.Recv)
					}
				}
			}
		}
	}
	if len(two) != 2 {
		w.fail("%d parties send to the session", len(two))
	} else if x, y := two[0].direction(), two[1].direction(); x != reversed(y) && !withMusic(m, two[0], two[1]) {
		w.fail("media is %s for %s and %s for %s", x, two[0].host.Name, y, two[1].host.Name)
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
// moment's, and where packets are lost, doubled and late as well, orders are drawn. It makes some 3000 runs. -sim.paths=5000 has most calls in all orders, 100000 runs in
// a quarter of an hour; -sim.bounds=1,0,0,0 those in which one packet is lost besides; and -sim.paths=1 shows the ladder of each.
func TestPaths(t *testing.T) {
	t.Parallel()
	document := strings.ReplaceAll(little, "{options: false,", "{options: false, "+*settingsFlag)
	snap, err := Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	refreshing, err := Compile(strings.ReplaceAll(document, "{options: false,", "{options: false, enableSessionTimer: true, sessionExpires: 90s,"))
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
		snap := snap
		if s.timers {
			snap = refreshing
		}
		t.Run(s.name, func(t *testing.T) {
			n := s.explore(t, snap, &Paths{Bounds: bounds}, limit)
			if sum += n; n < limit {
				whole++
			}
			x := &Paths{Bounds: Bounds{2, 1, 2, 1}, Drawn: rand.New(rand.NewPCG(*seedFlag, 0xa7))}
			if bounds != (Bounds{}) {
				x.Bounds = bounds
			}
			sum += s.explore(t, snap, x, max(*drawnFlag, limit/4))
		})
	}
	t.Logf("%d runs; %d of %d calls were had in all orders", sum, whole, len(tales()))
}
