package bench

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	heldRate  = 1000             // calls set up a second, and ended
	heldWatch = 10 * time.Second // over which CPU is measured while calls are held
	expiry    = 32 * time.Second // until no transaction is left: timers H and J (RFC 3261 §17.2), L and M (RFC 6026)
	ownFiles  = 100              // descriptors that a server wants for itself, plenty
	filesEach = 4                // descriptors of an anchored call where nothing is steered: RTP and RTCP toward each side
)

// liveHeap makes directsip collect its garbage at SIGTERM and print what is left.
var liveHeap = []string{"DIRECTSIP_MEMPROFILE=heap.pprof", "GODEBUG=gctrace=1"}

// held sets up many calls without media, looks at them, ends them and looks again.
func (b *Bench) held() (*Table, error) {
	t := &Table{Name: "held", Title: sprintf("%d running calls without media", b.Held), Ratio: "pss", Peer: kamailio, Columns: []Column{
		{Key: "calls", Head: "calls", Format: "%.0f"}, {Key: "failed", Head: "failed", Format: "%.0f"},
		{Key: "pss", Head: "KiB per call (PSS)", Format: "%.1f", Spread: true}, {Key: "rss", Head: "KiB per call (RSS)", Format: "%.1f"},
		{Key: "files", Head: "descriptors per call", Format: "%.2f"}, {Key: "threads", Head: "threads", Format: "%.0f"},
		{Key: "cpu", Head: "CPU while held, % of core", Format: "%.2f"}, {Key: "after", Head: "2 s after the last BYE, MiB over base", Format: "%.0f"},
		{Key: "left", Head: sprintf("%v after", expiry+b.Settle), Format: "%.0f"}, {Key: "live", Head: "live heap then, MiB", Format: "%.0f"},
	}}
	t.Note("Memory of the calls is read %v after the last was set up. Sockets' memory in the kernel is not in it.", b.Settle)
	t.Note("What a collection leaves of the heap at last is the live heap; what memory exceeds it by is garbage and pages that the system has not been given back yet.")
	t.Note("While one system is waited for after its calls, the next one has its own: each has an address of its own, and a copy of its program, so that PSS is its alone.")
	room := RaiseFiles(1 << 18)
	end := make(chan struct{})
	var over []*emptied
	defer func() { // in the order of their beginning; on errors at once
		close(end)
		for _, e := range over {
			<-e.done
		}
	}()
	for turn := range b.Rounds {
		for i := range b.heldSystems(sutHost) {
			e, err := b.hold(t, turn, i, room, end)
			if err != nil {
				return nil, err
			}
			if e != nil {
				over = append(over, e)
			}
		}
	}
	for _, e := range over {
		if <-e.done; e.err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, e.err)
		}
		if e.note != "" {
			t.Note("%s", e.note)
		}
		t.Add(e.name, e.v)
	}
	return t, nil
}

// heldSystems are those that hold calls, at an address of loopback.
func (b *Bench) heldSystems(host string) []system {
	return b.chosen(b.directsipAt(host, bypassed, liveHeap...), b.directsipAt(host, anchored, liveHeap...), b.directsipAt(host, muxed, liveHeap...), proxyAt(host))
}

// heldHost is the address of a system in its turn: those of two turns before are still waited for.
func heldHost(turn, system int) string { return fmt.Sprintf("127.0.1.%d", 10+(4*turn+system)%200) }

// emptied is a system whose calls have ended, and that is to be looked at once more.
type emptied struct {
	name, dir string
	sut       *process
	pids      []int
	base      float64 // PSS before the first call
	refused   float64
	v         map[string]float64
	note      string
	err       error
	done      chan struct{} // closed when all of it is known
}

// holding is the calls that a system is to hold: Held, or fewer where there is no room for their descriptors.
func (b *Bench) holding(name string, room uint64) plan {
	p := plan{caller: "uac", callee: "uas", number: "+14255550100", rate: heldRate, total: b.Held, mux: name == muxed}
	if name == anchored {
		p.total = min(p.total, int(room-ownFiles)/filesEach)
	}
	return p
}

// setup is how long it takes until all calls of a plan with a total have begun.
func (p plan) setup() time.Duration {
	return time.Duration(float64(p.total) / p.rate * float64(time.Second))
}

// hold has one system hold its calls. It returns when they have ended, and looks again when it is time for that, unless nobody wants to know any more.
// It returns nil where the system is not installed.
func (b *Bench) hold(t *Table, turn, i int, room uint64, end chan struct{}) (*emptied, error) {
	host := heldHost(turn, i)
	s := b.heldSystems(host)[i]
	if !s.installed(t) {
		return nil, nil
	}
	e := &emptied{name: s.name, done: make(chan struct{})}
	p := b.holding(s.name, room)
	if p.total < b.Held {
		t.Note("%s: %d calls, for each may take %d descriptors and %d are allowed (ulimit -Hn).", s.name, p.total, filesEach, room)
	}
	p.talk = p.setup() + b.Settle + heldWatch + 2*time.Second // the first call outlasts the last look
	b.logf("  %s, %d calls in %v: set up, held and ended in %v", s.name, p.total, p.setup(), p.setup()+p.talk)
	if err := b.fill(e, p, host, i); err != nil {
		e.close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	b.logf("    %.1f KiB per call, %.0f failed; looked at again in %v", e.v["pss"], e.v["failed"], expiry+b.Settle)
	go e.empty(b, end)
	return e, nil
}

// fill takes a system through its calls.
func (b *Bench) fill(e *emptied, p plan, host string, i int) (err error) {
	if e.dir, err = os.MkdirTemp("", "directsip-bench-"); err != nil {
		return err
	}
	own := *b
	if own.Directsip, err = copied(b.Directsip, e.dir); err != nil {
		return err
	}
	if e.sut, err = own.heldSystems(host)[i].start(e.dir); err != nil {
		return err
	}
	e.pids = tree(e.sut.pid())
	basePSS, baseRSS := memory(e.pids)
	baseFiles := descriptors(e.pids)
	l, err := begin(e.dir, p, host)
	if err != nil {
		return err
	}
	time.Sleep(p.setup() + b.Settle)
	e.pids = tree(e.sut.pid())
	pss, rss := memory(e.pids)
	files := descriptors(e.pids)
	from := measure(e.pids)
	time.Sleep(heldWatch)
	used := measure(e.pids).since(from)
	l.finish(p.setup() + p.talk)
	list := counts(e.dir + "/caller.csv")
	if len(list) == 0 {
		return fmt.Errorf("SIPp wrote no figures: %s", l.caller.tail())
	}
	time.Sleep(2 * time.Second)
	after, _ := memory(e.pids)
	n, last := float64(p.total), list[len(list)-1]
	e.base, e.refused = basePSS, last.refused
	e.v = map[string]float64{"calls": n, "pss": (pss - basePSS) / n / 1024, "rss": (rss - baseRSS) / n / 1024, "files": float64(files-baseFiles) / n,
		"threads": float64(used.threads), "cpu": 100 * float64(used.cpu) / float64(heldWatch), "after": (after - basePSS) / (1 << 20), "failed": n - last.ok + last.refused}
	return nil
}

// empty waits until nothing is left of the calls, looks, and ends the system.
func (e *emptied) empty(b *Bench, end chan struct{}) {
	defer close(e.done)
	defer e.close()
	select {
	case <-time.After(expiry + b.Settle):
	case <-end:
		return
	}
	left, _ := memory(e.pids)
	e.v["left"] = (left - e.base) / (1 << 20)
	e.sut.stop(20 * time.Second)
	if e.name == kamailio {
		return
	}
	if e.v["live"], e.err = collected(e.sut.log); e.err == nil && e.v["failed"] > 0 {
		e.note = sprintf("%s: of the failed calls %.0f were refused with 503 before they had a record; records of the others: %s.", e.name, e.refused, b.reasons(e.dir))
	}
}

// close ends the system, and takes its files away.
func (e *emptied) close() {
	if e.sut != nil {
		e.sut.stop(20 * time.Second)
	}
	os.RemoveAll(e.dir)
}

// copied is a copy of a program in dir, whose pages in memory are not those of the original.
func copied(program, dir string) (string, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "program")
	return path, os.WriteFile(path, text, 0o700)
}

// traced is a line of GODEBUG=gctrace=1 (package runtime) for a collection that was asked for: MiB before, at the end, and live.
var traced = regexp.MustCompile(`(?m)^gc \d+ @.* \d+->\d+->(\d+) MB, .*\(forced\)$`)

// collected is the live heap in MiB after the last collection in a log.
func collected(log string) (float64, error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return 0, err
	}
	all := traced.FindAllSubmatch(text, -1)
	if len(all) == 0 {
		return 0, fmt.Errorf("%s: no line tells of a collection at the end", log)
	}
	return strconv.ParseFloat(string(all[len(all)-1][1]), 64)
}

// reasons counts why calls failed by the records that directsip left.
func (b *Bench) reasons(dir string) string {
	out, err := exec.Command(b.Directsip, "--data", filepath.Join(dir, "data"), "calls", "--failed", "--json", "--limit", strconv.Itoa(2*b.Held)).Output()
	var list []struct{ Reason string }
	if err == nil {
		err = json.Unmarshal(out, &list)
	}
	if err != nil {
		return "unreadable, " + err.Error()
	}
	count := make(map[string]int)
	for _, r := range list {
		count[r.Reason]++
	}
	if len(count) == 0 {
		return "none"
	}
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%s %d", reason, count[reason]))
	}
	return strings.Join(words, ", ")
}
