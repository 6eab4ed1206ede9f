package bench

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"time"
)

const (
	relayOwn = "directsip"
	relayNG  = "rtpengine (user space)"
)

// relay is a system with calls set up: where each end of them sends.
type relaying struct {
	name  string
	need  string
	start func(b *Bench, dir string) (*process, []stream, error)
}

// media compares relays: the same packets through each, nothing else to do.
func (b *Bench) media() (*Table, error) {
	t := &Table{Name: "media", Title: sprintf("RTP through the relay, %d calls, 50 packets/s each way, %v", b.Relayed, b.Window), Ratio: "ns", Peer: relayNG,
		Columns: []Column{
			{Key: "ns", Head: "CPU ns/packet delivered", Format: "%.0f", Spread: true}, {Key: "softirq", Head: "softirq of the core ns/packet", Format: "%.0f"},
			{Key: "loss", Head: "lost %", Format: "%.3f"}, {Key: "p50", Head: "one-way p50 us", Format: "%.0f"}, {Key: "p99", Head: "p99 us", Format: "%.0f"},
			{Key: "p999", Head: "p99.9 us", Format: "%.0f"}, {Key: "rss", Head: "RSS KiB/call, whole process", Format: "%.1f"}, {Key: "files", Head: "descriptors/call", Format: "%.1f"},
			{Key: "waited", Head: "waited for the core %", Format: "%.1f"}, {Key: "late", Head: "late batches", Format: "%.0f"},
		}}
	t.Note("Over loopback a packet's receive work is done by its sender: that of arriving packets is the generator's, that of leaving ones is in the relay's CPU.")
	t.Note("With loss, or more than 20 %% waited for, neighbours were on the cores: repeat.")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6)) // threads that wait in system calls
	RaiseFiles(1 << 18)
	for range b.Rounds {
		for _, r := range []relaying{{relayOwn, b.Directsip, (*Bench).relayDirectsip}, {relayNG, "rtpengine", (*Bench).relayRtpengine}} {
			if !(system{name: r.name, need: r.need}).installed(t) {
				continue
			}
			b.logf("  %s", r.name)
			v, err := b.relay(r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			t.Add(r.name, v)
		}
	}
	return t, nil
}

func (b *Bench) relay(r relaying) (map[string]float64, error) {
	dir, err := os.MkdirTemp("", "directsip-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sut, streams, err := r.start(b, dir)
	if sut != nil {
		defer sut.stop(10 * time.Second)
	}
	if err != nil {
		return nil, err
	}
	pids := tree(sut.pid())
	g, err := newGenerator(streams)
	if err != nil {
		return nil, err
	}
	time.Sleep(4 * time.Second) // sources are learnt
	from, irq := measure(pids), softirq(sutCore)
	g.kind.Store(1)
	time.Sleep(b.Window)
	g.kind.Store(0)
	used, irq := measure(pids).since(from), softirq(sutCore)-irq
	window := time.Since(from.at)
	time.Sleep(300 * time.Millisecond)
	_, rss := memory(pids)
	files := descriptors(pids)
	g.end()
	sent, got := float64(g.sent[1]), float64(g.ends[0].packets+g.ends[1].packets)
	if got == 0 {
		return nil, fmt.Errorf("no packet came through, %g sent: %s", sent, sut.tail())
	}
	calls := float64(b.Relayed)
	return map[string]float64{"ns": float64(used.cpu) / got, "softirq": float64(irq) / got, "loss": 100 * (1 - got/sent), "p50": g.delayAt(0.5),
		"p99": g.delayAt(0.99), "p999": g.delayAt(0.999), "rss": rss / 1024 / calls, "files": float64(files) / calls,
		"waited": 100 * float64(used.waited) / float64(window), "late": float64(g.late.Load())}, nil
}

// relayDirectsip sets calls up by SIP. They stay as long as the server.
func (b *Bench) relayDirectsip(dir string) (*process, []stream, error) {
	sut, err := b.startDirectsip(dir, false, nil)
	if err != nil {
		return sut, nil, err
	}
	p, err := newPair(sutHost)
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
func (b *Bench) relayRtpengine(dir string) (*process, []stream, error) {
	const control = sutHost + ":2223"
	sut, err := spawn(sutCore, dir, "rtpengine", nil, "rtpengine", "--foreground", "--interface="+sutHost, "--listen-ng="+control, "--table=-1",
		"--port-min=16384", "--port-max=65000", "--num-threads=2", "--log-level=3", "--log-stderr", "--pidfile="+dir+"/pid")
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
		a, z, err := c.relayCall(i)
		if err != nil {
			return sut, nil, fmt.Errorf("call %d: %w: %s", i, err, sut.tail())
		}
		streams = append(streams, stream{0, mediaOf(a)}, stream{1, mediaOf(z)})
	}
	return sut, streams, nil
}
