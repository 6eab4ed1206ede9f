package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"
)

var (
	walkSeed  = flag.Uint64("walk.seed", 0, "the walk of TestWalk; 0: as many as -walk.count says")
	walkCount = flag.Int("walk.count", 24, "walks of TestWalk for each tier")
	walkFirst = flag.Uint64("walk.first", 1, "the first seed")
	walkTier  = flag.String("walk.tier", "", "the only tier of TestWalk")
	walkLog   = flag.Int("walk.log", 45, "lines of the ladder of a walk that fails")
	walkSteps = flag.Int("walk.steps", 25, "changes of a walk")
)

// field is where walks are: a server of one tier, and hosts of telephones.
type field struct {
	open   func(netip.AddrPort) *net.UDPConn
	server netip.AddrPort
}

// lanes are walks at once: most of their time passes in waiting for one that crossed another to be sent again.
const lanes = 20

// peering is what a walk has at its ends.
type peering struct {
	name, caller, callee string // settings
	secure               [2]bool
	music                bool        // who is held may hear music of the server's
	talks                [2][]string // codecs that each speaks and no others, which the server converts; nil: one is common
}

// pairs are kinds of peers that a walk has at its ends.
var pairs = []peering{
	{name: "plain"},
	{name: "SRTP and RTP", caller: ", srtpMode: required", callee: ", srtpMode: notSupported", secure: [2]bool{true, false}},
	{name: "no latching", caller: ", rtpLatching: 'off'", callee: ", rtpLatching: 'off'"},
	{name: "music", caller: ", musicOnHold: generate", callee: ", musicOnHold: generate", music: true},
	{name: "SRTP both", caller: ", srtpMode: required", callee: ", srtpMode: required", secure: [2]bool{true, true}},
	{name: "converted", caller: ", codecs: [PCMU, G722]", callee: ", codecs: [PCMA]", talks: [2][]string{{"PCMU/8000", "G722/8000"}, {"PCMA/8000"}}},
	{name: "sometimes converted", caller: ", codecs: [G722, PCMU]", callee: ", codecs: [PCMA, PCMU], srtpMode: required", secure: [2]bool{false, true},
		talks: [2][]string{{"G722/8000", "PCMU/8000"}, {"PCMA/8000", "PCMU/8000"}}},
	{name: "keys by INFO", caller: ", codecs: [PCMA, G722], dtmf: info", callee: ", codecs: [PCMA, G722], dtmf: rfc4733",
		talks: [2][]string{{"PCMA/8000", "G722/8000"}, {"PCMA/8000", "G722/8000"}}},
	{name: "keys in band", caller: ", codecs: [PCMA, PCMU], dtmf: inband", callee: ", codecs: [PCMU, PCMA, G722], dtmf: rfc4733",
		talks: [2][]string{{"PCMA/8000", "PCMU/8000"}, {"PCMU/8000", "PCMA/8000", "G722/8000"}}},
	{name: "keys in band, SRTP", caller: ", codecs: [PCMA, PCMU], dtmf: inband, srtpMode: required", callee: ", codecs: [G722, PCMA], dtmf: rfc4733", secure: [2]bool{true, false},
		talks: [2][]string{{"PCMA/8000", "PCMU/8000"}, {"G722/8000", "PCMA/8000"}}},
}

// RFC 3264, RFC 3261 §14, RFC 3311: a call is changed at random, by either side and by both at once, and after each change what arrives at the two telephones, and
// where, is what they have agreed on, in each tier of the relay. A failure prints its seed.
func TestWalk(t *testing.T) {
	walks(t, *walkCount, false)
}

// walks are so many from the first seed on, or the one that is asked for; moves: with transfers.
func walks(t *testing.T, count int, moves bool) {
	for _, tier := range []string{"sockets", "steered", "kernel"} {
		if *walkTier != "" && *walkTier != tier {
			continue
		}
		t.Run(tier, func(t *testing.T) {
			n := newNetwork(t)
			doc := "pools:\n  pool.test:\n    servers:\n      med1.test: {addresses: [10.99.0.1], mediaTier: " + tier + ", mediaPorts: 20000-39999}\ngateways:\n"
			routes, settings := "", ""
			for i := range lanes {
				p := pairs[pairOf(i, moves)]
				const root = "root: {transport: UDP, gatewayPort: 5060}}\n"
				doc += fmt.Sprintf("  pbx%d: {kind: pbx, host: %s, "+root+"  gw%d: {kind: gateway, host: %s, "+root, i, n.addr(20+10*i, false), i, n.addr(25+10*i, false))
				routes += fmt.Sprintf("  - {name: out%d, pattern: '^\\+1%02d', usages: [all], trunks: [gw%d]}\n", i, i, i)
				settings += fmt.Sprintf("  trunk:pbx%d: {usages: [all, thirds], options: false%s}\n  trunk:gw%d: {usages: [thirds], options: false%s}\n", i, p.caller+moving(moves), i, p.callee+moving(moves))
				if moves {
					doc += fmt.Sprintf("  third%d: {kind: gateway, host: %s, "+root, i, n.addr(23+10*i, false))
					routes += fmt.Sprintf("  - {name: third%d, pattern: '^\\+2%02d', usages: [thirds], trunks: [third%d]}\n", i, i, i)
					settings += fmt.Sprintf("  trunk:third%d: {options: false%s, acceptRefer: true}\n", i, p.callee)
				}
			}
			doc += "usages: [all, thirds]\nroutes:\n" + routes + "trunkSettings:\n" + settings
			s := n.serveAt(1, "med1.test", doc)
			n.host(10)
			n.ip("-n", n.ns(10), "addr", "add", n.addr(9, false)+"/24", "dev", "eth0")
			for i := range lanes {
				for k := range 8 {
					n.ip("-n", n.ns(10), "addr", "add", n.addr(20+10*i+k, false)+"/24", "dev", "eth0")
				}
			}
			f := &field{open: hostOf(t, n.ns(10)), server: netip.MustParseAddrPort("10.99.0.1:5060")}
			first, last := *walkFirst, *walkFirst+uint64(count)
			if *walkSeed != 0 {
				first, last = *walkSeed, *walkSeed+1
			}
			calls := make(chan int, lanes)
			for i := range lanes {
				go func() {
					done := 0
					defer func() { calls <- done }()
					for seed := first; seed < last && !t.Failed(); seed++ {
						if int(seed)%lanes != i {
							continue
						}
						w := newWalk(f, i, seed, moves)
						w.run()
						w.close()
						done += w.calls
						if len(w.faults) > 0 {
							t.Errorf("tier %s, seed %d (%s; -test.run %s -walk.seed %d -walk.tier %s), step %d:\n%s\n%s",
								tier, seed, pairs[pairOf(i, moves)].name, t.Name(), seed, tier, w.steps, strings.Join(w.faults, "\n"), w.ladder())
						}
					}
				}()
			}
			total := 0
			for range lanes {
				total += <-calls
			}
			best, why := false, ""
			for _, r := range s.records(total) {
				for _, m := range r.Media {
					if best = best || m.Tier == tier; m.Tier != tier {
						why = m.TierWhy
					}
				}
			}
			if !best && strings.Contains(why, "this kernel cannot") {
				lack.Of(t, why)
			} else if !best {
				t.Errorf("no stream was %s: %s", tier, why)
			}
		})
	}
}

// walk is one call and its two telephones, on one goroutine: all that arrives comes by the inbox.
type walk struct {
	net      *field
	lane     int
	seed     uint64
	number   int // the seed, as far as packets tell it
	rnd      *rand.Rand
	pair     int
	a, b     *walker // caller and callee, or who has come in their place
	all      []*walker
	moves    bool // parties are transferred
	calls    int
	stranger *ear // sends from a third host
	ports    []*ear
	next     uint16 // the port that is opened next
	inbox    chan arrival
	over     chan struct{}
	timers   []timer
	packet   int // the last that was sent
	awaited  map[string]*awaited
	loads    map[string][]byte         // of all packets
	early    map[string]netip.AddrPort // packets that may be lost: the port of the server that they were sent to
	warm     map[netip.AddrPort]bool   // ports of the server that have passed something on
	faxes    int                       // m-lines of T.38 that were live
	greeted  int
	noise    *rand.Rand     // what is in packets, and takes no part in what happens
	rude     map[string]int // what has to arrive nowhere: the number of changes when it was sent, -1 of a stranger
	changes  int            // that were asked for
	faults   []string
	log      []string // the ladder
	began    time.Time
	steps    int
	gone     bool // the call has ended as it should
	music    bool // see pairs
	converts bool // … talks
	speech   spoken
	ended    bool
	probes   bool
	what     string // the step
}

type timer struct {
	at time.Time
	f  func()
}

func newWalk(f *field, lane int, seed uint64, moves bool) *walk {
	w := &walk{net: f, lane: lane, pair: pairOf(lane, moves), moves: moves, calls: 1, seed: seed, number: int(seed % 1000000), rnd: rand.New(rand.NewPCG(seed, 0x3a1c)), next: 10000 + uint16(seed%64)*600,
		inbox: make(chan arrival, 4096), over: make(chan struct{}), rude: map[string]int{}, loads: map[string][]byte{}, early: map[string]netip.AddrPort{},
		warm: map[netip.AddrPort]bool{}, noise: rand.New(rand.NewPCG(seed, 1)), began: time.Now()}
	at := func(n int) (list []netip.Addr) {
		for i := range 3 {
			list = append(list, netip.AddrFrom4([4]byte{10, 99, 0, byte(n + i)}))
		}
		return list
	}
	w.stranger = w.open(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 99, 0, 9}), 0))
	secure := pairs[w.pair].secure
	w.music = pairs[w.pair].music
	w.speech = spoken{ears: map[*ear]*hearing{}}
	w.a = w.walker("caller", at(20+10*lane), secure[0])
	w.b = w.walker("callee", at(25+10*lane), secure[1])
	if talks := pairs[w.pair].talks; talks[0] != nil {
		w.converts = true
		w.a.talks, w.b.talks = slices.Clone(talks[0]), slices.Clone(talks[1])
	}
	return w
}

func (w *walk) close() {
	w.ended = true
	close(w.over)
	for _, p := range w.ports {
		p.conn.Close()
	}
}

func (w *walk) fault(format string, args ...any) {
	if len(w.faults) < 6 {
		text := fmt.Sprintf(format, args...)
		w.faults = append(w.faults, text)
		w.log = append(w.log, "FAULT "+text)
	}
}

func (w *walk) later(d time.Duration, f func()) {
	w.timers = append(w.timers, timer{time.Now().Add(d), f})
}

// note keeps a message for the ladder.
func (w *walk) note(p *walker, out bool, data []byte) {
	arrow := "<-"
	if out {
		arrow = "->"
	}
	head, body, _ := strings.Cut(string(data), "\r\n\r\n")
	first, rest, _ := strings.Cut(head, "\r\n")
	cseq := ""
	for l := range strings.SplitSeq(rest, "\r\n") {
		if strings.HasPrefix(l, "CSeq:") {
			cseq = l
		}
		if strings.HasPrefix(l, "Warning:") || strings.HasPrefix(l, "Reason:") {
			cseq += " " + l
		}
	}
	if body != "" {
		body = "\n      " + strings.ReplaceAll(strings.TrimSuffix(body, "\r\n"), "\r\n", " | ")
	}
	w.log = append(w.log, fmt.Sprintf("%7.3f %s %s %s  %s%s", time.Since(w.began).Seconds(), p.name, arrow, first, cseq, body))
}

func (w *walk) ladder() string {
	return strings.Join(w.log[max(0, len(w.log)-*walkLog):], "\n")
}

// await takes what comes until something holds.
func (w *walk) await(what string, ok func() bool, more func() string) bool {
	deadline := time.After(15 * time.Second)
	for !ok() {
		if len(w.faults) > 0 {
			return false
		}
		wake := time.Hour
		for _, t := range w.timers {
			wake = min(wake, time.Until(t.at))
		}
		select {
		case a := <-w.inbox:
			switch p := w.whose(&a); {
			case p != nil:
				p.receive(a.data)
			case a.at == w.stranger:
				w.fault("the stranger hears something")
			default:
				w.heard(a)
			}
		case <-time.After(max(wake, 0)):
			now := time.Now()
			var due []timer
			w.timers = slices.DeleteFunc(w.timers, func(t timer) bool {
				if !t.at.After(now) {
					due = append(due, t)
					return true
				}
				return false
			})
			for _, t := range due {
				t.f()
			}
		case <-deadline:
			w.fault("waited in vain for %s%s", what, more())
			return false
		}
	}
	return true
}

// run makes the call, changes it, and ends it.
func (w *walk) run() {
	a, b := w.a, w.b
	a.callID = token() + "@" + a.ips[0].String()
	a.local = fmt.Sprintf("sip:+4989%d@%s", w.seed, a.sig.at)
	a.remote = fmt.Sprintf("sip:+1%02d%06d@%s", w.lane, w.seed, w.net.server)
	a.target = a.remote
	var offer *proposal
	if w.rnd.IntN(5) > 0 {
		list := []stream{a.begin("audio")}
		if w.rnd.IntN(3) == 0 {
			list = append(list, a.begin("video"))
		}
		offer = a.propose(list, nil)
	}
	if w.converts {
	} else if !slices.ContainsFunc(a.talks, func(c string) bool { return slices.Contains(b.talks, c) }) {
		b.talks = append(b.talks, a.talks...)
	}
	if w.converts {
	} else if offer != nil { // some codec of the offer
		b.talks = append(slices.DeleteFunc(b.talks, func(c string) bool { return c == offer.streams[0].formats[0].name }), offer.streams[0].formats[0].name)
	} else {
		a.talks = []string{"PCMU/8000", "PCMA/8000", "G722/8000", "G729/8000"}
	}
	a.change("INVITE", offer)
	w.await("an answer", func() bool { return a.up || a.early && b.early && a.idle() && b.idle() }, func() string { return "" })
	if a.early {
		for range w.rnd.IntN(3) {
			if !w.settle("the early dialog") {
				return
			}
			p := []*walker{a, b}[w.rnd.IntN(2)]
			w.what = " early"
			w.actBy(p, "UPDATE")
			w.log = append(w.log, "early:"+w.what)
		}
		if !w.settle("the early dialog") {
			return
		}
		b.pickUp()
	}
	if !w.settle("the call") {
		return
	}
	w.probe()
	for ; w.steps < *walkSteps && len(w.faults) == 0 && !w.gone; w.steps++ {
		opens := false
		switch {
		case w.moves && w.rnd.IntN(4) == 0:
			w.move()
		case w.moves && w.rnd.IntN(8) == 0:
			w.resumeBare()
			opens = true
		default:
			w.step()
		}
		if opens || strings.Contains(w.what, "cancels") { // who has accepted what is withdrawn hears of it a little later, and the server of what an ACK answers
			rested := false
			w.later(150*time.Millisecond, func() { rested = true })
			w.await("what is withdrawn", func() bool { return rested }, func() string { return "" })
		}
		if !w.settle(w.what) || w.gone {
			break
		}
		if opens {
			w.opened()
		}
		w.pressed() // first, as nothing else is heard meanwhile
		w.probe()
	}
	w.end()
}

// settle waits until nothing is under way and the two telephones agree.
func (w *walk) settle(what string) bool {
	differs := ""
	ok := w.await(what, func() bool {
		if w.gone {
			return true
		}
		if !w.a.idle() || !w.b.idle() {
			differs = fmt.Sprintf("something is under way: %v %v", w.a.idle(), w.b.idle())
			return false
		}
		if w.a.over || w.b.over {
			differs = "it is over for one"
			return false
		}
		differs = w.a.agrees(w.b)
		return differs == ""
	}, func() string { return ": " + differs })
	for _, p := range []*walker{w.a, w.b} {
		p.denials, p.slow, p.steady = nil, 0, false
	}
	w.speech.since = time.Now()
	return ok
}

// end hangs up.
func (w *walk) end() {
	if len(w.faults) > 0 {
		w.a.bye()
		w.b.bye()
		return
	}
	p, q := w.a, w.b
	if w.rnd.IntN(2) == 0 {
		p, q = q, p
	}
	switch k := w.rnd.IntN(3); {
	case k == 0:
		q.change("INVITE", q.propose(q.more(), nil))
	case k == 1 && slices.ContainsFunc(q.streams, func(s stream) bool { return s.port != nil }): // p knows nothing of the call any more
		p.denials = []int{[]int{481, 408}[w.rnd.IntN(2)]}
		list := q.more()
		live(list, func(s *stream) { s.ptime += "0" })
		q.change("INVITE", q.propose(list, nil))
		w.await("the end", func() bool { return p.over && q.over && p.idle() && q.idle() }, func() string { return "" })
		return
	}
	p.bye()
	w.await("the end", func() bool { return w.a.over && w.b.over && w.a.idle() && w.b.idle() }, func() string {
		return fmt.Sprintf(": over %v %v, idle %v %v", w.a.over, w.b.over, w.a.idle(), w.b.idle())
	})
}

// step is one change, or two that meet.
func (w *walk) step() {
	p, q := w.a, w.b
	if w.rnd.IntN(2) == 0 {
		p, q = q, p
	}
	for _, x := range []*walker{p, q} {
		if w.rnd.IntN(10) == 0 {
			x.refuses["video"] = !x.refuses["video"]
		}
		if w.rnd.IntN(20) == 0 {
			x.refuses["image"] = !x.refuses["image"]
		}
	}
	w.what = ""
	if w.rnd.IntN(3) == 0 {
		w.press(1 + w.rnd.IntN(3))
	}
	switch w.rnd.IntN(12) {
	case 0:
		q.denials = []int{[]int{488, 500, 415, 603, 491}[w.rnd.IntN(5)]}
	case 1:
		q.slow = time.Duration(w.rnd.IntN(30)) * time.Millisecond
	}
	w.act(p)
	if c := p.out; c != nil && c.req.Method == "INVITE" && w.rnd.IntN(15) == 0 { // and thinks better of it
		q.slow, q.steady = 20*time.Millisecond, true // what it answers to what is taken back nobody else hears of
		w.later(time.Duration(1+w.rnd.IntN(40))*time.Millisecond, func() { p.cancel(c) })
		w.what += " and cancels"
	}
	if w.rnd.IntN(12) == 0 {
		w.act(q)
		w.what += " (at once)"
	}
	w.log = append(w.log, fmt.Sprintf("%7.3f step %d: %s", time.Since(w.began).Seconds(), w.steps, w.what))
}

// act is one change of one side.
func (w *walk) act(p *walker) {
	verb := "INVITE"
	if w.rnd.IntN(4) == 0 {
		verb = "UPDATE"
	}
	w.actBy(p, verb)
}

// actBy is act by a request of that method.
func (w *walk) actBy(p *walker, verb string) {
	w.what += " " + p.name + " " + verb
	switch w.rnd.IntN(12) {
	case 0:
		if verb == "INVITE" {
			w.what += " without an offer"
			p.change("INVITE", nil)
			return
		}
	case 1:
		w.what += " the same"
		p.change(verb, p.propose(p.more(), nil))
		return
	case 2:
		w.what += " the same, another version"
		p.version++
		p.change(verb, p.propose(p.more(), nil))
		return
	}
	list := p.more()
	for range 1 + w.rnd.IntN(2) {
		c := &changes[w.rnd.IntN(len(changes))]
		if list = c.f(p, list); list == nil {
			list = p.more()
			continue
		}
		w.what += " " + c.name
	}
	for i := range list { // who does not say where it is stays there
		if s := &list[i]; s.nowhere && i < len(p.streams) && p.streams[i].port != nil && p.streams[i].kind == s.kind {
			s.port = p.streams[i].port
		} else {
			s.nowhere = false
		}
	}
	if p.short {
		if rest := slices.DeleteFunc(slices.Clone(list), func(s stream) bool { return s.port == nil }); len(rest) > 0 {
			list = rest
		}
	}
	if w.rnd.IntN(15) == 0 {
		p.keepsVer = true
		w.what += " (version kept)"
	}
	p.change(verb, p.propose(list, nil))
}

// live does something to each live stream.
func live(list []stream, f func(s *stream)) []stream {
	for i := range list {
		if list[i].port != nil {
			f(&list[i])
		}
	}
	return list
}

// first is the first stream of a kind, live or not; -1: none.
func first(list []stream, kind string, live bool) int {
	return slices.IndexFunc(list, func(s stream) bool { return s.kind == kind && (s.port != nil) == live })
}

// changes are what a telephone may want. nil: there is nothing to change.
var changes = []struct {
	name string
	f    func(p *walker, list []stream) []stream
}{
	{"hold", func(p *walker, list []stream) []stream {
		return live(list, func(s *stream) { s.want, s.nowhere = "sendonly", false })
	}},
	{"inactive", func(p *walker, list []stream) []stream {
		return live(list, func(s *stream) { s.want, s.nowhere = "inactive", false })
	}},
	{"listen", func(p *walker, list []stream) []stream {
		return live(list, func(s *stream) { s.want, s.nowhere = "recvonly", false })
	}},
	{"hold by 0.0.0.0", func(p *walker, list []stream) []stream {
		return live(list, func(s *stream) { s.want, s.nowhere = "sendrecv", true })
	}},
	{"resume", resume},
	{"resume", resume},
	{"resume", resume},
	{"hold one", func(p *walker, list []stream) []stream {
		s := &list[p.rnd.IntN(len(list))]
		if s.port == nil {
			return nil
		}
		s.want, s.nowhere = directions[p.rnd.IntN(4)], false
		return list
	}},
	{"codecs", func(p *walker, list []stream) []stream {
		i := first(list, "audio", true)
		if i < 0 {
			return nil
		}
		p.rnd.Shuffle(len(p.talks), func(a, b int) { p.talks[a], p.talks[b] = p.talks[b], p.talks[a] })
		list[i].formats = p.formatsOf(append(slices.Clone(p.talks[:1+p.rnd.IntN(len(p.talks))]), events))
		return list
	}},
	{"move", func(p *walker, list []stream) []stream {
		return live(list, func(s *stream) {
			if p.rnd.IntN(2) == 0 {
				s.port = p.at()
			}
		})
	}},
	{"video", func(p *walker, list []stream) []stream {
		if first(list, "video", true) >= 0 {
			return nil
		}
		if i := first(list, "video", false); i >= 0 {
			list[i] = p.begin("video")
			return list
		}
		if len(list) >= 4 {
			return nil
		}
		return append(list, p.begin("video"))
	}},
	{"no video", func(p *walker, list []stream) []stream {
		i := first(list, "video", true)
		if i < 0 || len(p.links("audio")) == 0 {
			return nil
		}
		list[i].port = nil
		return list
	}},
	{"fax", func(p *walker, list []stream) []stream {
		i := first(list, "audio", true)
		if i < 0 || first(list, "image", true) >= 0 {
			return nil
		}
		if p.rnd.IntN(2) == 0 {
			list[i] = p.begin("image")
			return list
		}
		list[i].port = nil
		if k := first(list, "image", false); k >= 0 {
			list[k] = p.begin("image")
			return list
		}
		if len(list) >= 4 {
			return nil
		}
		return append(list, p.begin("image"))
	}},
	{"speech again", func(p *walker, list []stream) []stream {
		i := first(list, "image", true)
		if i < 0 {
			return nil
		}
		if k := first(list, "audio", false); k >= 0 {
			list[i].port = nil
			list[k] = p.begin("audio")
			return list
		}
		list[i] = p.begin("audio")
		return list
	}},
	{"other event number", func(p *walker, list []stream) []stream {
		i := first(list, "audio", true)
		if i < 0 {
			return nil
		}
		delete(p.numbers, events)
		for k, f := range list[i].formats {
			if f.name == events {
				list[i].formats = slices.Clone(list[i].formats)
				list[i].formats[k].pt = p.typeOf(events)
				return list
			}
		}
		return nil
	}},
	{"ptime", func(p *walker, list []stream) []stream {
		return live(list, func(s *stream) {
			if s.kind == "audio" {
				s.ptime = []string{"", "10", "20", "30"}[p.rnd.IntN(4)]
			}
		})
	}},
	{"RTCP apart", func(p *walker, list []stream) []stream {
		return live(list, func(s *stream) {
			if s.kind != "image" {
				m := p.w.media(s.port.rtp.at.Addr(), true)
				s.port = &mediaPort{s.port.rtp, m.rtcp}
				p.media = append(p.media, s.port)
			}
		})
	}},
	{"style", func(p *walker, list []stream) []stream {
		p.style = style{lineConns: p.rnd.IntN(2) == 0, strange: p.rnd.IntN(2) == 0, rtcpLines: p.rnd.IntN(2) == 0}
		return list
	}},
	{"keys", func(p *walker, list []stream) []stream {
		if !p.secure {
			return nil
		}
		return live(list, func(s *stream) {
			if s.key != "" {
				s.key = p.newKey("1")
			}
		})
	}},
}

func resume(_ *walker, list []stream) []stream {
	return live(list, func(s *stream) { s.want, s.nowhere = "sendrecv", false })
}
