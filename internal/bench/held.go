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
	"sync"
	"time"
)

const (
	heldRate  = 250              // calls set up a second: memory is the question here, not speed, and more at once leave more garbage
	heldWatch = 10 * time.Second // over which CPU is measured while calls are held
	expiry    = 32 * time.Second // until no transaction is left: timers H and J (RFC 3261 §17.2), L and M (RFC 6026)
	ownFiles  = 100              // descriptors that a server wants for itself, plenty
	together  = 2                // systems that hold calls at the same time
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
	t.Note("Two systems hold calls at a time, the second sets its own up while the first is at rest, and both are at rest while one is looked at. The next two begin when the " +
		"calls have ended. Each has addresses of its own, and a copy of its program, so that PSS is its alone.")
	room := RaiseFiles(1 << 18)
	var list []*holder
	for range b.Rounds {
		for i := range b.heldSystems(hosts{}) {
			h := &holder{plan: b.holding(b.heldSystems(hosts{})[i].name, room), done: make(chan struct{})}
			h.at = heldHosts(len(list))
			h.system = b.heldSystems(h.at)[i]
			if !h.installed(t) {
				continue
			}
			if h.total < b.Held {
				t.Note("%s: %d calls, for each may take %d descriptors and %d are allowed (ulimit -Hn).", h.name, h.total, filesEach, room)
			}
			list = append(list, h)
		}
	}
	end, begun := make(chan struct{}), 0
	defer func() { // on errors at once
		close(end)
		for _, h := range list[:begun] {
			<-h.done
		}
	}()
	for some := range slices.Chunk(list, together) {
		if err := b.hold(some); err != nil {
			return nil, err
		}
		for _, h := range some {
			b.logf("    %s: %.1f KiB per call, %.0f failed; looked at again in %v", h.name, h.v["pss"], h.v["failed"], expiry+b.Settle)
			begun++
			go h.empty(b, end)
		}
	}
	for _, h := range list {
		if <-h.done; h.err != nil {
			return nil, fmt.Errorf("%s: %w", h.name, h.err)
		}
		if h.note != "" {
			t.Note("%s", h.note)
		}
		t.Add(h.name, h.v)
	}
	return t, nil
}

// heldSystems are those that hold calls, at addresses of loopback.
func (b *Bench) heldSystems(h hosts) []system {
	return b.chosen(b.directsipAt(h, bypassed, liveHeap...), b.directsipAt(h, anchored, liveHeap...), b.directsipAt(h, muxed, liveHeap...), proxyAt(h))
}

// heldHosts are the addresses of the system whose turn comes after so many: earlier ones are still there.
func heldHosts(turn int) hosts {
	at := func(host int) string { return fmt.Sprintf("127.0.%d.%d", 1+turn%200, host) }
	return hosts{sut: at(10), caller: at(11), callee: at(12), busy: at(13), probe: at(14)}
}

// holder is a system and the calls that it holds.
type holder struct {
	system
	plan
	dir     string
	sut     *process
	pids    []int
	base    float64 // PSS before the first call
	refused float64
	v       map[string]float64
	note    string
	err     error
	done    chan struct{} // closed when all of it is known
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

// hold has some systems hold their calls, and returns when these have ended. One sets its calls up after the other, and they end them together.
func (b *Bench) hold(some []*holder) error {
	slot := time.Duration(0)
	var names []string
	for _, h := range some {
		slot, names = max(slot, h.setup()), append(names, sprintf("%s, %d calls", h.name, h.total))
	}
	last := time.Duration(len(some))*slot + b.Settle + heldWatch + 2*time.Second // the first call outlasts the last look
	b.logf("  %s: set up, held and ended in %v", strings.Join(names, "; "), last+slot)
	var all sync.WaitGroup
	for i, h := range some {
		before := time.Duration(i) * slot
		h.talk = last - before
		all.Go(func() {
			time.Sleep(before)
			h.err = b.fill(h)
		})
	}
	all.Wait()
	for _, h := range some {
		if h.err != nil {
			for _, other := range some {
				other.close()
			}
			return fmt.Errorf("%s: %w", h.name, h.err)
		}
	}
	return nil
}

// fill takes a system through its calls.
func (b *Bench) fill(h *holder) (err error) {
	if h.dir, err = os.MkdirTemp("", "directsip-bench-"); err != nil {
		return err
	}
	if h.name != kamailio {
		own := *b
		if own.Directsip, err = copied(b.Directsip, h.dir); err != nil {
			return err
		}
		h.start = own.directsipAt(h.at, h.name, liveHeap...).start
	}
	if h.sut, err = h.start(h.dir); err != nil {
		return err
	}
	h.pids = tree(h.sut.pid())
	basePSS, baseRSS := memory(h.pids)
	baseFiles := descriptors(h.pids)
	l, err := begin(h.dir, h.plan, h.at.sut)
	if err != nil {
		return err
	}
	time.Sleep(h.setup() + b.Settle)
	h.pids = tree(h.sut.pid())
	pss, rss := memory(h.pids)
	files := descriptors(h.pids)
	from := measure(h.pids)
	time.Sleep(heldWatch)
	used := measure(h.pids).since(from)
	l.finish(h.setup() + h.talk)
	list := counts(h.dir + "/caller.csv")
	if len(list) == 0 {
		return fmt.Errorf("SIPp wrote no figures: %s", l.caller.tail())
	}
	time.Sleep(2 * time.Second)
	after, _ := memory(h.pids)
	n, last := float64(h.total), list[len(list)-1]
	h.base, h.refused = basePSS, last.refused
	h.v = map[string]float64{"calls": n, "pss": (pss - basePSS) / n / 1024, "rss": (rss - baseRSS) / n / 1024, "files": float64(files-baseFiles) / n,
		"threads": float64(used.threads), "cpu": 100 * float64(used.cpu) / float64(heldWatch), "after": (after - basePSS) / (1 << 20), "failed": n - last.ok + last.refused}
	return nil
}

// empty waits until nothing is left of the calls, looks, and ends the system.
func (h *holder) empty(b *Bench, end chan struct{}) {
	defer close(h.done)
	defer h.close()
	select {
	case <-time.After(expiry + b.Settle):
	case <-end:
		return
	}
	left, _ := memory(h.pids)
	h.v["left"] = (left - h.base) / (1 << 20)
	h.sut.stop(20 * time.Second)
	if h.name == kamailio {
		return
	}
	if h.v["live"], h.err = collected(h.sut.log); h.err == nil && h.v["failed"] > 0 {
		h.note = sprintf("%s: of the failed calls %.0f were refused with 503 before they had a record; records of the others: %s.", h.name, h.refused, b.reasons(h.dir))
	}
}

// close ends the system, and takes its files away.
func (h *holder) close() {
	if h.sut != nil {
		h.sut.stop(20 * time.Second)
	}
	os.RemoveAll(h.dir)
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
