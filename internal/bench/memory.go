package bench

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/relay"
)

// memory is what calls that are only relayed add to a process: between so many and twice as many, each under load for a moment.
func (b *Bench) memory() (*Table, error) {
	t := &Table{Name: "memory", Title: sprintf("relay alone, from %d to %d calls", b.Relayed, 2*b.Relayed), Columns: []Column{
		{Key: "call", Head: "RSS, octets per further call", Format: "%.0f", Spread: true}, {Key: "rss", Head: "RSS with all, MiB", Format: "%.1f"},
		{Key: "maps", Head: "in maps of the kernel, KiB", Format: "%.0f"}, {Key: "files", Head: "descriptors per further call", Format: "%.2f"},
	}}
	t.Note("directsip's relay is in a process of its own, without signalling. Maps have their size from the beginning: those of the kernel tier, beyond what the " +
		"steered has, are for 8192 calls. What of them was used is in RSS, too.")
	t.Note("Memory of the kernel for sockets is not in it.")
	RaiseFiles(1 << 18)
	var relays []relaying
	for _, tier := range tiers {
		relays = append(relays, relaying{name: relayOwn(tier), start: func(n *network, dir string, calls int) (*process, []stream, error) {
			return relayAlone(n, dir, calls, tier)
		}})
	}
	for range b.Rounds {
		for _, r := range append(relays, b.rtpengine(relayNG, 0, parties{})) {
			if !strings.Contains(r.name, b.System) || !(system{name: r.name, need: r.need}).installed(t) {
				continue
			}
			b.logf("  %s", r.name)
			var rss, files [2]float64
			v := map[string]float64{}
			for i := range rss {
				r.calls = (i + 1) * b.Relayed
				if err := b.carry(r, func(_ *network, _ *process, pids []int, _ *generator) error {
					_, rss[i] = memory(pids)
					files[i] = float64(descriptors(pids))
					v["maps"] = kernelMaps(pids) / 1024
					return nil
				}); err != nil {
					return nil, err
				}
			}
			v["call"], v["files"], v["rss"] = (rss[1]-rss[0])/float64(b.Relayed), (files[1]-files[0])/float64(b.Relayed), rss[1]/(1<<20)
			t.Add(r.name, v)
		}
	}
	return t, nil
}

// kernelMaps is the memory of the eBPF maps of processes in octets.
func kernelMaps(pids []int) (sum float64) {
	for _, pid := range pids {
		list, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fdinfo/*")
		for _, path := range list {
			text, _ := os.ReadFile(path)
			if !strings.Contains(string(text), "\nmap_type:") {
				continue
			}
			for line := range strings.Lines(string(text)) {
				if v, ok := strings.CutPrefix(line, "memlock:"); ok {
					n, _ := strconv.ParseFloat(strings.TrimSpace(v), 64)
					sum += n
				}
			}
		}
	}
	return sum
}

// AloneEnv makes the program a relay alone, or the loop over a SIP socket: its value has the arguments of Alone.
const AloneEnv = "DIRECTSIP_BENCH_RELAY"

// relayAlone runs this program as a relay alone.
func relayAlone(n *network, dir string, calls int, tier string) (*process, []stream, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	sut, err := spawn(sutCore, dir, "relay", []string{"GOMAXPROCS=1", fmt.Sprintf("%s=%s %d %s %s %s", AloneEnv, tier, calls, n.sut, n.caller, n.probe)},
		n.enter(self)...)
	if err != nil {
		return nil, nil, err
	}
	for end := time.Now().Add(10 * time.Second); !strings.Contains(sut.tail(), "ready"); time.Sleep(20 * time.Millisecond) {
		if err := sut.alive(); err != nil || time.Now().After(end) {
			return sut, nil, fmt.Errorf("no relay: %w: %s", err, sut.tail())
		}
	}
	var streams []stream
	for i := range calls {
		for end, port := range portsOf(i) {
			streams = append(streams, stream{from: end, to: netip.AddrPortFrom(netip.MustParseAddr(n.sut), port)})
		}
	}
	return sut, streams, nil
}

// portsOf are what the caller and the callee of call i send to where nobody negotiates ports.
func portsOf(i int) [2]uint16 { return [2]uint16{uint16(16384 + 4*i), uint16(16384 + 4*i + 2)} }

// Alone relays calls until the process ends; it tells when they are open. The arguments are the tier or tierFloor, how many, and the addresses of the relay, the callers and
// the callees. With tierSIP it is sipLoop, and the addresses are its own.
func Alone(args string, out io.Writer) error {
	var tier string
	var calls int
	var at [3]string
	if _, err := fmt.Sscan(args, &tier, &calls, &at[0], &at[1], &at[2]); err != nil {
		return fmt.Errorf("%s=%q: %w", AloneEnv, args, err)
	}
	switch tier {
	case tierFloor:
		return loop(calls, at, out)
	case tierSIP:
		return sipLoop(at)
	}
	best := map[string]media.Tier{tiers[0]: media.TierSockets, tiers[1]: media.TierSteered, tiers[2]: media.TierKernel}[tier]
	r, err := relay.New(relay.Config{Workers: 1, Best: best, Logger: slog.New(slog.NewTextHandler(out, nil))})
	if err != nil {
		return err
	}
	for i := range calls {
		s := &media.Session{ID: media.SessionID(i), Streams: make([]media.Stream, 1)}
		for side, port := range portsOf(i) {
			s.Streams[0].Side[side] = media.Side{Local: netip.AddrPortFrom(netip.MustParseAddr(at[0]), port),
				Remote: netip.AddrPortFrom(netip.MustParseAddr(at[1+side]), mediaPort), Latch: media.LatchPeer, Send: true, Recv: true}
		}
		if err := r.Open(s); err != nil {
			return fmt.Errorf("call %d: %w", i, err)
		}
	}
	fmt.Fprintln(out, "ready")
	select {}
}
