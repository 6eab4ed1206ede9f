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

// relaying is a system that carries calls: start sets so many up and tells where each end of them sends. One that is all in the kernel has no process.
type relaying struct {
	name  string
	need  string
	peer  string // what it is compared with
	calls int
	start func(n *network, dir string, calls int) (*process, []stream, error)
}

// media compares relays: the same packets through each, nothing else to do.
func (b *Bench) media() (*Table, error) {
	var relays []relaying
	for _, tier := range tiers {
		relays = append(relays, b.own(relayOwn(tier), relayNG, b.Relayed, tier, parties{}))
	}
	relays = append(relays, b.rtpengine(relayNG, b.Relayed, parties{}))
	relays = append(relays, relaying{relayFloor, "", relayNG, b.Relayed, func(n *network, dir string, calls int) (*process, []stream, error) {
		return relayAlone(n, dir, calls, tierFloor)
	}})
	if b.Outside != nil {
		relays = append(relays, relaying{relayNFT, "nft", relayNG, b.Relayed, b.relayNftables})
	}
	return b.compare("media", "RTP", relays)
}

// srtp compares them where one end of each call has SRTP, and where both have.
func (b *Bench) srtp() (*Table, error) {
	var relays []relaying
	for _, kind := range []struct {
		name string
		parties
	}{{"SRTP to RTP", parties{{secure: true}, {}}}, {"SRTP to SRTP", parties{{secure: true}, {secure: true}}}} {
		peer := "rtpengine, " + kind.name
		for _, tier := range tiers {
			relays = append(relays, b.own(relayOwn(tier)+", "+kind.name, peer, b.Relayed, tier, kind.parties))
		}
		relays = append(relays, b.rtpengine(peer, b.Relayed, kind.parties))
	}
	return b.compare("srtp", suite, relays)
}

// own is directsip in a tier.
func (b *Bench) own(name, peer string, calls int, tier string, k parties) relaying {
	return relaying{name, b.Directsip, peer, calls, func(n *network, dir string, calls int) (*process, []stream, error) {
		return b.relayDirectsip(n, dir, calls, tier, k)
	}}
}

func (b *Bench) rtpengine(name string, calls int, k parties) relaying {
	return relaying{name, "rtpengine", name, calls, func(n *network, dir string, calls int) (*process, []stream, error) {
		return b.relayRtpengine(n, dir, calls, k)
	}}
}

// compare sends the same packets through each.
func (b *Bench) compare(name, what string, relays []relaying, notes ...string) (*Table, error) {
	t := &Table{Name: name, Title: sprintf("%s through the relay, 50 packets/s each way, %v", what, b.Window),
		Columns: []Column{
			{Key: "calls", Head: "calls", Format: "%.0f"},
			{Key: "ns", Head: "CPU ns/packet delivered", Format: "%.0f", Spread: true}, {Key: "receive", Head: "of it receiving", Format: "%.0f"},
			{Key: "ratio", Head: "of rtpengine in user space, in the same round", Format: "%.2f", Spread: true},
			{Key: "core", Head: "calls that take a core", Format: "%.0f"},
			{Key: "loss", Head: "lost %", Format: "%.3f"}, {Key: "p50", Head: "one-way p50 us", Format: "%.0f"}, {Key: "p99", Head: "p99 us", Format: "%.0f"},
			{Key: "p999", Head: "p99.9 us", Format: "%.0f"}, {Key: "rss", Head: "RSS KiB/call, beyond that at rest", Format: "%.1f"}, {Key: "files", Head: "descriptors/call", Format: "%.1f"},
			{Key: "others", Head: "others on the core %", Format: "%.1f"}, {Key: "late", Head: "late batches", Format: "%.0f"},
		}}
	if b.Outside != nil {
		t.Note("The system is in a network namespace of its own. Its CPU is that of its threads and that of the kernel's thread that receives what comes to it, "+
			"both on its core; what it sends is received on the load's, at most every %d us as by a network card, so nobody pays for waking the load up. There are no other interrupts of a card.", coalesced.Microseconds())
	} else {
		t.Note("Without rights for namespaces this went over loopback, where a packet's receive work is done by its sender: that of arriving packets is the " +
			"generator's, that of leaving ones is in the relay's CPU. That brings the systems closer together than they are.")
	}
	t.Note("A round with loss, or with more than %.0f %% of others on the core, is repeated up to %d times; the least disturbed counts. Interrupts and the hypervisor are others.",
		quietOthers, quietTries-1)
	for _, n := range notes {
		t.Note("%s", n)
	}
	t.Note("A relay's threads wait for each other on its one core; that is no work, and not shown.")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6)) // threads that wait in system calls
	RaiseFiles(1 << 18)
	peers := make(map[string]bool)
	for _, r := range relays {
		peers[r.peer] = peers[r.peer] || strings.Contains(r.name, b.System)
	}
	relays = slices.DeleteFunc(relays, func(r relaying) bool {
		return !strings.Contains(r.name, b.System) && !peers[r.name] || !(system{name: r.name, need: r.need}).installed(t)
	})
	for range b.Rounds {
		best, err := b.quiet(relays)
		if err != nil {
			return nil, err
		}
		for _, r := range relays {
			v := best[r.name]
			if peer := best[r.peer]; peer != nil {
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

// carry sets the calls of a system up, sends packets, and looks at it when sources are learnt. look may end the generator.
func (b *Bench) carry(r relaying, look func(n *network, sut *process, pids []int, g *generator) error) error {
	dir, err := os.MkdirTemp("", "directsip-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	n, err := b.newNetwork(dir)
	if err != nil {
		return err
	}
	defer n.close()
	sut, streams, err := r.start(n, dir, r.calls)
	var pids []int
	if sut != nil {
		defer sut.stop(10 * time.Second)
		pids = tree(sut.pid())
	}
	if err != nil {
		return err
	}
	g, err := newGenerator(n.hosts, streams)
	if err != nil {
		return err
	}
	defer g.end()
	time.Sleep(4 * time.Second)
	return look(n, sut, pids, g)
}

func (b *Bench) relay(r relaying) (v map[string]float64, err error) {
	err = b.carry(r, func(n *network, sut *process, pids []int, g *generator) error {
		v, err = b.window(r, n, sut, pids, g)
		return err
	})
	return v, err
}

// window is what a system costs that carries calls, and what becomes of their packets.
func (b *Bench) window(r relaying, n *network, sut *process, pids []int, g *generator) (map[string]float64, error) {
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
		said := ""
		if sut != nil {
			said = sut.tail()
		}
		return nil, fmt.Errorf("no packet came through, %g sent: %s", sent, said)
	}
	v := map[string]float64{"calls": float64(r.calls), "ns": float64(cpu) / got, "core": 1e9 / float64(2*packetRate) * got / float64(cpu), "loss": 100 * (1 - got/sent), "p50": g.delayAt(0.5), "p99": g.delayAt(0.99), "p999": g.delayAt(0.999),
		"others": 100 * float64(max(0, window-idle-cpu)) / float64(window), "late": float64(g.late.Load())}
	if calls := float64(r.calls); sut != nil {
		v["rss"], v["files"] = (rss-sut.rest)/1024/calls, float64(files)/calls
	}
	if n != loopback {
		v["receive"] = float64(received-receiving) / got
	}
	return v, nil
}

// relayDirectsip sets calls up by SIP. They stay as long as the server.
func (b *Bench) relayDirectsip(n *network, dir string, calls int, tier string, k parties) (*process, []stream, error) {
	sut, err := b.startDirectsip(n, dir, mode{tier: tier, callee: k[1]}, nil)
	if err != nil {
		return sut, nil, err
	}
	_, sut.rest = memory(tree(sut.pid()))
	p, err := newPair(n.hosts, n.sut)
	if err != nil {
		return sut, nil, err
	}
	defer p.close()
	p.ring, p.parties = time.Millisecond, k
	var streams []stream
	for i := range calls {
		t := p.call()
		select {
		case <-t.up:
		case <-time.After(2 * time.Second):
			return sut, nil, fmt.Errorf("call %d was not answered: %s", i, sut.tail())
		}
		list, err := streamsOf(k, t.told[0], t.told[1])
		if err != nil {
			return sut, nil, err
		}
		streams = append(streams, list...)
	}
	return sut, streams, nil
}

// relayRtpengine asks the daemon for ports, without its kernel module.
func (b *Bench) relayRtpengine(n *network, dir string, calls int, k parties) (*process, []stream, error) {
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
		if _, err = c.do(dictionary{"command": "ping"}); err == nil || time.Now().After(end) {
			break
		}
	}
	_, sut.rest = memory(tree(sut.pid()))
	var streams []stream
	for i := range calls {
		a, z, err := c.relayCall(n.hosts, k, i)
		if err != nil {
			return sut, nil, fmt.Errorf("call %d: %w: %s", i, err, sut.tail())
		}
		list, err := streamsOf(k, a, z)
		if err != nil {
			return sut, nil, err
		}
		streams = append(streams, list...)
	}
	return sut, streams, nil
}
