package bench

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Bench is one run of the program.
type Bench struct {
	Directsip string        // path of the binary
	Only      []string      // groups by name; none: all
	System    string        // only systems whose name has this in it; "": all
	Rounds    int           // how often each system has its turn
	Rate      float64       // calls per second of the signalling group
	Window    time.Duration // over which CPU is measured
	Long      bool          // windows long enough for timers of 32 s, and a confirmation of the capacity
	Held      int           // calls held at once
	Settle    time.Duration // before the memory of held calls is looked at
	Relayed   int           // calls with media
	Outside   *Outside      // helper outside the namespaces; nil: the bench is in none
	Profile   string        // directory for profiles of directsip; "": none
	Log       io.Writer     // progress
}

type group struct {
	name string
	what string
	run  func(*Bench) (*Table, error)
}

var groups = []group{
	{"signalling", "CPU and delay of basic calls", (*Bench).signalling},
	{"capacity", "highest rate without a failed call, and half as much again", (*Bench).capacity},
	{"held", "memory and descriptors of running calls", (*Bench).held},
	{"kinds", "CANCEL, 503 then the next trunk, OPTIONS", (*Bench).kinds},
	{"media", "RTP relay", (*Bench).media},
	{"srtp", "SRTP relay", (*Bench).srtp},
	{"memory", "octets of relayed calls", (*Bench).memory},
	{"transcoding", "relay that codes speech anew", (*Bench).transcoding},
}

// Groups names what can be measured.
func Groups() string {
	var list []string
	for _, g := range groups {
		list = append(list, g.name)
	}
	return strings.Join(list, ", ")
}

// Run measures and hands each table to show as it is ready.
func (b *Bench) Run(show func(*Table) error) error {
	for _, name := range b.Only {
		if !slices.ContainsFunc(groups, func(g group) bool { return g.name == name }) {
			return fmt.Errorf("there is no group %q; there are: %s", name, Groups())
		}
	}
	for _, g := range groups {
		if len(b.Only) > 0 && !slices.Contains(b.Only, g.name) {
			continue
		}
		b.logf("%s: %s", g.name, g.what)
		t, err := g.run(b)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		if err := show(t); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bench) logf(format string, args ...any) { fmt.Fprintf(b.Log, format+"\n", args...) }

// measured is what one load did to one system.
type measured struct {
	cpu      usage   // of the system within the window
	load     usage   // of the load within the window
	created  float64 // calls begun within the window
	ok       float64 // calls that ended well within the window
	total    count   // of the whole run
	asked    float64 // calls of the whole run
	rtt      map[string][]float64
	duration time.Duration
}

// perCall is microseconds of CPU for each call of the window.
func (m measured) perCall() float64 { return float64(m.cpu.cpu.Microseconds()) / m.created }

// failed is the calls that did not end well.
func (m measured) failed() float64 { return m.asked - m.total.ok + m.total.refused }

// busy is the share of its core that the system used.
func (m measured) busy() float64 { return 100 * float64(m.cpu.cpu) / float64(m.duration) }

// drive starts a system, puts a load on it and takes both down. A nil start is the direct run: the caller calls the callee.
func (b *Bench) drive(s system, p plan) (m measured, err error) {
	dir, err := os.MkdirTemp("", "directsip-bench-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	target, pids := probeHost, []int{}
	if s.start != nil {
		sut, err := s.start(dir)
		if err != nil {
			return m, err
		}
		defer sut.stop(15 * time.Second)
		target, pids = sutHost, tree(sut.pid())
	}
	loadTarget := target
	if s.start == nil {
		loadTarget = calleeHost
	}
	l, err := begin(dir, p, loadTarget)
	if err != nil {
		return m, err
	}
	time.Sleep(p.warm)
	from, fromLoad := measure(pids), measure(l.pids())
	var rtt map[string][]float64
	if p.probe {
		if rtt, err = probe(target, p.window); err != nil {
			l.end()
			return m, err
		}
	} else {
		time.Sleep(p.window)
	}
	to, toLoad := measure(pids), measure(l.pids())
	if err := l.caller.alive(); err != nil {
		l.end()
		return m, err
	}
	if p.limit == 0 {
		p.limit = 4 * time.Second
	}
	l.finish(p.limit)
	list := counts(dir + "/caller.csv")
	if len(list) == 0 {
		return m, fmt.Errorf("SIPp wrote no figures: %s", l.caller.tail())
	}
	m = measured{cpu: to.since(from), load: toLoad.since(fromLoad), total: list[len(list)-1], rtt: rtt, duration: to.at.Sub(from.at),
		asked: max(float64(p.calls()), list[len(list)-1].created)}
	m.created, m.ok = between(list, from.at, to.at)
	if p.probe {
		m.created += probeRate * p.window.Seconds()
	}
	if m.created == 0 {
		return m, fmt.Errorf("no call was begun: %s", l.caller.tail())
	}
	return m, nil
}
