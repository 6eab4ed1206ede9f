package bench

import (
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	relayNG  = "rtpengine (user space)"
	relayNFT = "nftables (NAT, no relay)"
)

// relayOwn is directsip in a tier.
func relayOwn(tier string) string { return "directsip, " + tier }

// tiers are those of directsip, the first the fallback.
var tiers = []string{"sockets", "steered", "kernel"}

// tierOf is the tier in the name of a system, or the best.
func tierOf(name string) string {
	for _, tier := range tiers {
		if name == relayOwn(tier) {
			return tier
		}
	}
	return tiers[len(tiers)-1]
}

// relaying is a system with calls set up: where each end of them sends. One that is all in the kernel has no process.
type relaying struct {
	name  string
	need  string
	start func(b *Bench, n *network, dir string) (*process, []stream, error)
}

// media compares relays: the same packets through each, nothing else to do.
func (b *Bench) media() (*Table, error) {
	t := &Table{Name: "media", Title: sprintf("RTP through the relay, %d calls, 50 packets/s each way, %v", b.Relayed, b.Window), Ratio: "ns", Peer: relayNG,
		Columns: []Column{
			{Key: "ns", Head: "CPU ns/packet delivered", Format: "%.0f", Spread: true}, {Key: "receive", Head: "of it receiving", Format: "%.0f"},
			{Key: "ratio", Head: "of " + relayNG + " in the same round", Format: "%.2f", Spread: true},
			{Key: "loss", Head: "lost %", Format: "%.3f"}, {Key: "p50", Head: "one-way p50 us", Format: "%.0f"}, {Key: "p99", Head: "p99 us", Format: "%.0f"},
			{Key: "p999", Head: "p99.9 us", Format: "%.0f"}, {Key: "rss", Head: "RSS KiB/call, whole process", Format: "%.1f"}, {Key: "files", Head: "descriptors/call", Format: "%.1f"},
			{Key: "others", Head: "others on the core %", Format: "%.1f"}, {Key: "late", Head: "late batches", Format: "%.0f"},
		}}
	var relays []relaying
	for _, tier := range tiers {
		relays = append(relays, relaying{relayOwn(tier), b.Directsip,
			func(b *Bench, n *network, dir string) (*process, []stream, error) {
				return b.relayDirectsip(n, dir, relayOwn(tier))
			}})
	}
	relays = append(relays, relaying{relayNG, "rtpengine", (*Bench).relayRtpengine})
	if b.Outside != nil {
		relays = append(relays, relaying{relayNFT, "nft", (*Bench).relayNftables})
		t.Note("The system is in a network namespace of its own. Its CPU is that of its threads and that of the kernel's thread that receives what comes to it, " +
			"both on its core; what it sends is received on the load's. There are no other interrupts of a network card.")
	} else {
		t.Note("Without rights for namespaces this went over loopback, where a packet's receive work is done by its sender: that of arriving packets is the " +
			"generator's, that of leaving ones is in the relay's CPU. That brings the systems closer together than they are.")
	}
	t.Note("A round with loss, or with more than %.0f %% of others on the core, is repeated up to %d times; the least disturbed counts. Interrupts and the hypervisor are others.",
		quietOthers, quietTries-1)
	t.Note("A relay's threads wait for each other on its one core; that is no work, and not shown.")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6)) // threads that wait in system calls
	RaiseFiles(1 << 18)
	relays = slices.DeleteFunc(relays, func(r relaying) bool {
		return !strings.Contains(r.name, b.System) && r.name != relayNG || !(system{name: r.name, need: r.need}).installed(t)
	})
	for range b.Rounds {
		best, err := b.quiet(relays)
		if err != nil {
			return nil, err
		}
		for _, r := range relays {
			v := best[r.name]
			if peer := best[relayNG]; peer != nil {
				v["ratio"] = v["ns"] / peer["ns"]
			}
			t.Add(r.name, v)
		}
	}
	return t, nil
}

// A round is repeated so often while neighbours disturb it, and counts as quiet below these shares.
const (
	quietTries  = 4
	quietLoss   = 0.01 // %
	quietOthers = 20.0 // % of the core
)

// quiet runs all relays one after the other until none was disturbed, or returns the least disturbed round.
func (b *Bench) quiet(relays []relaying) (best map[string]map[string]float64, err error) {
	least := math.Inf(1)
tries:
	for try := 0; try < quietTries && least > 1; try++ {
		round, noise := make(map[string]map[string]float64), 0.0
		for _, r := range relays {
			b.logf("  %s", r.name)
			v, failed := b.relay(r)
			if failed != nil { // a starved core can do that, too
				err = fmt.Errorf("%s: %w", r.name, failed)
				continue tries
			}
			round[r.name] = v
			b.logf("    %.0f ns/packet, lost %.3f %%, others %.0f %% of the core", v["ns"], v["loss"], v["others"])
			noise = max(noise, v["loss"]/quietLoss, v["others"]/quietOthers)
		}
		if noise < least {
			best, least = round, noise
		}
	}
	if best == nil {
		return nil, err
	}
	return best, nil
}

func (b *Bench) relay(r relaying) (map[string]float64, error) {
	dir, err := os.MkdirTemp("", "directsip-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	n, err := b.newNetwork(dir)
	if err != nil {
		return nil, err
	}
	defer n.close()
	sut, streams, err := r.start(b, n, dir)
	var pids []int
	said := func() string { return "" }
	if sut != nil {
		defer sut.stop(10 * time.Second)
		pids, said = tree(sut.pid()), sut.tail
	}
	if err != nil {
		return nil, err
	}
	g, err := newGenerator(n.hosts, streams)
	if err != nil {
		return nil, err
	}
	time.Sleep(4 * time.Second) // sources are learnt
	from, idle := measure(pids), idleTime(sutCore)
	receiving, err := n.received()
	if err != nil {
		return nil, err
	}
	g.kind.Store(1)
	time.Sleep(b.Window)
	g.kind.Store(0)
	received, err := n.received()
	if err != nil {
		return nil, err
	}
	used, idle := measure(pids).since(from), idleTime(sutCore)-idle
	cpu := used.cpu + received - receiving
	window := time.Since(from.at)
	time.Sleep(300 * time.Millisecond)
	_, rss := memory(pids)
	files := descriptors(pids)
	g.end()
	sent, got := float64(g.sent[1].Load()), float64(g.packets)
	if got == 0 {
		return nil, fmt.Errorf("no packet came through, %g sent: %s", sent, said())
	}
	v := map[string]float64{"ns": float64(cpu) / got, "loss": 100 * (1 - got/sent), "p50": g.delayAt(0.5), "p99": g.delayAt(0.99), "p999": g.delayAt(0.999),
		"others": 100 * float64(max(0, window-idle-cpu)) / float64(window), "late": float64(g.late.Load())}
	if calls := float64(b.Relayed); sut != nil {
		v["rss"], v["files"] = rss/1024/calls, float64(files)/calls
	}
	if n != loopback {
		v["receive"] = float64(received-receiving) / got
	}
	return v, nil
}

// relayDirectsip sets calls up by SIP. They stay as long as the server.
func (b *Bench) relayDirectsip(n *network, dir, name string) (*process, []stream, error) {
	sut, err := b.startDirectsip(n, dir, name, nil)
	if err != nil {
		return sut, nil, err
	}
	p, err := newPair(n.hosts, n.sut)
	if err != nil {
		return sut, nil, err
	}
	defer p.close()
	p.ring = time.Millisecond
	var streams []stream
	for i := range b.Relayed {
		t := p.call()
		select {
		case <-t.up:
		case <-time.After(2 * time.Second):
			return sut, nil, fmt.Errorf("call %d was not answered: %s", i, sut.tail())
		}
		streams = append(streams, stream{0, t.toCaller}, stream{1, t.toCallee})
	}
	return sut, streams, nil
}

// relayRtpengine asks the daemon for ports, without its kernel module.
func (b *Bench) relayRtpengine(n *network, dir string) (*process, []stream, error) {
	control := n.sut + ":2223"
	sut, err := spawn(sutCore, dir, "rtpengine", nil, n.enter("rtpengine", "--foreground", "--interface="+n.sut, "--listen-ng="+control, "--table=-1",
		"--port-min=16384", "--port-max=65000", "--num-threads=2", "--log-level=3", "--log-stderr", "--pidfile="+dir+"/pid")...)
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.Dial("udp", control)
	if err != nil {
		return sut, nil, err
	}
	defer conn.Close()
	c := &ng{conn: conn}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err = c.do(map[string]string{"command": "ping"}); err == nil || time.Now().After(end) {
			break
		}
	}
	var streams []stream
	for i := range b.Relayed {
		a, z, err := c.relayCall(n.hosts, i)
		if err != nil {
			return sut, nil, fmt.Errorf("call %d: %w: %s", i, err, sut.tail())
		}
		streams = append(streams, stream{0, mediaOf(a)}, stream{1, mediaOf(z)})
	}
	return sut, streams, nil
}
