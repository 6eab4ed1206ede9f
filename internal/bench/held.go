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
	heldRate  = 250              // calls set up a second: memory is the question here, not speed
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
	room := RaiseFiles(1 << 18)
	for range b.Rounds {
		for _, s := range b.chosen(b.directsip(bypassed, liveHeap...), b.directsip(anchored, liveHeap...), b.directsip(muxed, liveHeap...), proxy) {
			if !s.installed(t) {
				continue
			}
			p := b.holding(s.name, room)
			if p.total < b.Held {
				t.Note("%s: %d calls, for each may take %d descriptors and %d are allowed (ulimit -Hn).", s.name, p.total, filesEach, room)
			}
			b.logf("  %s, %d calls", s.name, p.total)
			v, err := b.hold(s, p, t)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			t.Add(s.name, v)
		}
	}
	return t, nil
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

// hold is one system that holds the calls of a plan.
func (b *Bench) hold(s system, p plan, t *Table) (map[string]float64, error) {
	dir, err := os.MkdirTemp("", "directsip-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sut, err := s.start(dir)
	if err != nil {
		return nil, err
	}
	defer sut.stop(20 * time.Second)
	setup := p.setup()
	p.talk = setup + b.Settle + heldWatch + 5*time.Second // the first call outlasts the last look
	pids := tree(sut.pid())
	basePSS, baseRSS := memory(pids)
	baseFiles := descriptors(pids)
	l, err := begin(dir, p, sutHost)
	if err != nil {
		return nil, err
	}
	time.Sleep(setup + b.Settle)
	pids = tree(sut.pid())
	pss, rss := memory(pids)
	files := descriptors(pids)
	from := measure(pids)
	time.Sleep(heldWatch)
	used := measure(pids).since(from)
	l.finish(setup + p.talk)
	list := counts(dir + "/caller.csv")
	if len(list) == 0 {
		return nil, fmt.Errorf("SIPp wrote no figures: %s", l.caller.tail())
	}
	time.Sleep(2 * time.Second)
	after, _ := memory(pids)
	time.Sleep(expiry + b.Settle)
	left, _ := memory(pids)
	sut.stop(20 * time.Second)
	n, last := float64(p.total), list[len(list)-1]
	v := map[string]float64{"calls": n, "pss": (pss - basePSS) / n / 1024, "rss": (rss - baseRSS) / n / 1024, "files": float64(files-baseFiles) / n,
		"threads": float64(used.threads), "cpu": 100 * float64(used.cpu) / float64(heldWatch), "after": (after - basePSS) / (1 << 20),
		"left": (left - basePSS) / (1 << 20), "failed": n - last.ok + last.refused}
	if s.name != kamailio {
		if v["live"], err = collected(sut.log); err != nil {
			return nil, err
		}
		if v["failed"] > 0 {
			t.Note("%s: of the failed calls %.0f were refused with 503 before they had a record; records of the others: %s.", s.name, last.refused, b.reasons(dir))
		}
	}
	return v, nil
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
