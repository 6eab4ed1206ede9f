package bench

import (
	"fmt"
	"os"
	"time"
)

// held sets up many calls without media, looks at them, ends them and looks again.
func (b *Bench) held() (*Table, error) {
	t := &Table{Name: "held", Title: sprintf("%d running calls without media", b.Held), Ratio: "pss", Peer: kamailio, Columns: []Column{
		{Key: "pss", Head: "KiB per call (PSS)", Format: "%.1f", Spread: true}, {Key: "rss", Head: "KiB per call (RSS)", Format: "%.1f"},
		{Key: "files", Head: "descriptors per call", Format: "%.2f"}, {Key: "threads", Head: "threads", Format: "%.0f"},
		{Key: "cpu", Head: "CPU while held, % of core", Format: "%.2f"}, {Key: "left", Head: "after the last BYE, MiB over base", Format: "%.0f"},
		{Key: "failed", Head: "failed", Format: "%.0f"},
	}}
	t.Note("Memory is read %v after the last call was set up and %v after the last BYE. Sockets' memory in the kernel is not in it.", b.Settle, b.Settle)
	if room := RaiseFiles(1 << 18); uint64(b.Held)*4+1000 > room {
		t.Note("Only %d descriptors are allowed: anchored calls need four each.", room)
	}
	for range b.Rounds {
		for _, s := range b.systems() {
			if !s.installed(t) {
				continue
			}
			b.logf("  %s", s.name)
			v, err := b.hold(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			t.Add(s.name, v)
		}
	}
	return t, nil
}

func (b *Bench) hold(s system) (map[string]float64, error) {
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
	const rate = 500
	watch := 10 * time.Second
	setup := time.Duration(float64(b.Held) / rate * float64(time.Second))
	p := basic(rate, 0)
	p.talk = setup + b.Settle + watch + 5*time.Second
	p.warm = setup - 500*time.Millisecond // plan.calls adds that
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
	time.Sleep(watch)
	used := measure(pids).since(from)
	l.finish(setup + p.talk)
	list := counts(dir + "/caller.csv")
	if len(list) == 0 {
		return nil, fmt.Errorf("SIPp wrote no figures: %s", l.caller.tail())
	}
	time.Sleep(b.Settle)
	after, _ := memory(pids)
	n, last := float64(p.calls()), list[len(list)-1]
	return map[string]float64{"pss": (pss - basePSS) / n / 1024, "rss": (rss - baseRSS) / n / 1024, "files": float64(files-baseFiles) / n,
		"threads": float64(used.threads), "cpu": 100 * float64(used.cpu) / float64(watch), "left": (after - basePSS) / (1 << 20),
		"failed": n - last.ok + last.refused}, nil
}
