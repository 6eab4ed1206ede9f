package bench

import (
	"embed"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The addresses on loopback.
const (
	sutHost    = "127.0.0.10"
	callerHost = "127.0.0.11"
	calleeHost = "127.0.0.12"
	busyHost   = "127.0.0.13" // answers 503
	probeHost  = "127.0.0.14" // the callee of a pair
	sipPort    = 5060
)

// Names of systems as the tables show them.
const (
	direct   = "direct (no system)"
	anchored = "directsip, media anchored"
	muxed    = "directsip, media anchored, RTCP muxed"
	bypassed = "directsip, media passed through"
	kamailio = "Kamailio (proxy, fm)"
)

//go:embed data
var data embed.FS

// system is something that can be measured: how it is started, and how it is told that it is ready.
type system struct {
	name  string
	need  string // program that must be installed; "" when there is none
	start func(dir string) (*process, error)
}

// systems are those that carry calls, in the order of the tables.
func (b *Bench) systems() []system {
	return b.chosen(b.directsip(bypassed), b.directsip(anchored), proxy)
}

var proxy = proxyAt(loopback.hosts)

// proxyAt is Kamailio at addresses of loopback.
func proxyAt(h hosts) system {
	return system{name: kamailio, need: "kamailio", start: func(dir string) (*process, error) { return startKamailio(h, dir) }}
}

// directsip is a system by its name; env adds to its environment.
func (b *Bench) directsip(name string, env ...string) system {
	return b.directsipAt(loopback.hosts, name, env...)
}

// directsipAt is directsip at addresses of loopback.
func (b *Bench) directsipAt(h hosts, name string, env ...string) system {
	m, n := mode{bypass: name == bypassed, mux: name == muxed}, &network{hosts: h}
	return system{name: name, need: b.Directsip, start: func(dir string) (*process, error) { return b.startDirectsip(n, dir, m, env) }}
}

// chosen are the systems that were asked for.
func (b *Bench) chosen(list ...system) []system {
	return slices.DeleteFunc(list, func(s system) bool { return !strings.Contains(s.name, b.System) })
}

// installed tells whether a system can run here, and notes below the table when it cannot.
func (s system) installed(t *Table) bool {
	if s.need == "" {
		return true
	}
	if _, err := exec.LookPath(s.need); err != nil {
		t.Note("%s was left out: %s is not installed.", s.name, s.need)
		return false
	}
	return true
}

// document is the configuration of directsip: one trunk in, two out. Probes are off, so that only calls cost; so is the watch over
// silence, because held calls here carry no audio.
const document = `pools:
  bench.example.com:
    servers:
      sut.example.com: {addresses: [%[1]s], mediaPorts: 16384-65000, mediaTier: %[8]s}
gateways:
  caller: {kind: pbx, host: %[2]s, root: {transport: UDP}}
  callee: {kind: gateway, host: %[3]s, root: {transport: UDP}}
  busy: {kind: gateway, host: %[4]s, root: {transport: UDP}}
  probe: {kind: gateway, host: %[6]s, root: {transport: UDP}}
trunkSettings:
  global: {options: false, rtcpActiveCalls: false, rtcpCallsOnHold: false, enableBypass: %[5]t, rtcpMux: %[7]s, srtpMode: %[9]s, codecs: [%[10]s]}
  trunk:caller: {options: false, rtcpActiveCalls: false, rtcpCallsOnHold: false, enableBypass: %[5]t, usages: [out]}
usages: [out]
routes:
  - {name: busy first, pattern: '^\+2', usages: [out], trunks: [busy, callee], selection: ordered}
  - {name: probe, pattern: '^\+3', usages: [out], trunks: [probe]}
  - {name: all, pattern: '^\+', usages: [out], trunks: [callee]}
`

// mode is how directsip is to carry calls.
type mode struct {
	bypass bool
	mux    bool
	tier   string // of the relay; "": the best
	callee party  // what its trunk wants
}

// startDirectsip runs directsip on its core; env adds to its environment.
func (b *Bench) startDirectsip(n *network, dir string, m mode, env []string) (*process, error) {
	file := filepath.Join(dir, "directsip.yaml")
	srtp, mux := "accept", "accept"
	if m.callee.secure {
		srtp = "required"
	}
	if m.mux {
		mux = "offer"
	}
	if m.tier == "" {
		m.tier = tiers[len(tiers)-1]
	}
	text := fmt.Sprintf(document, n.sut, n.caller, n.callee, n.busy, m.bypass, n.probe, mux, m.tier, srtp, m.callee.format.name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(b.Directsip)
	if err != nil {
		return nil, err
	}
	store := filepath.Join(dir, "data")
	if err := os.Mkdir(store, 0o700); err != nil {
		return nil, err
	}
	p, err := spawn(sutCore, dir, "directsip", append([]string{"GOMAXPROCS=1"}, env...), n.enter(path, "--data", store, "serve", "--shards", "1",
		"--watch", "-1s", "--drain", "1s", file)...)
	if err != nil {
		return nil, err
	}
	return p, p.listens(n.sut)
}

// startKamailio runs the proxy with the allocator that serves it best.
func startKamailio(h hosts, dir string) (*process, error) {
	at := strings.NewReplacer(sutHost, h.sut, calleeHost, h.callee, busyHost, h.busy, probeHost, h.probe)
	cfg, err := data.ReadFile("data/kamailio.cfg")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "kamailio.cfg"), []byte(at.Replace(string(cfg))), 0o600); err != nil {
		return nil, err
	}
	p, err := spawn(sutCore, dir, "kamailio", nil, "kamailio", "-DD", "-E", "-f", filepath.Join(dir, "kamailio.cfg"), "-Y", dir, "-P", filepath.Join(dir, "pid"),
		"-m", "2048", "-M", "16", "-x", "fm", "-X", "fm")
	if err != nil {
		return nil, err
	}
	return p, p.listens(h.sut)
}

// listens waits until the system's SIP port is taken.
func (p *process) listens(host string) error {
	ip := netip.MustParseAddr(host).As4()
	socket := fmt.Sprintf(" %08X:%04X ", binary.NativeEndian.Uint32(ip[:]), sipPort)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err := p.alive(); err != nil {
			return err
		}
		if list, _ := os.ReadFile("/proc/" + strconv.Itoa(p.pid()) + "/net/udp"); strings.Contains(string(list), socket) {
			time.Sleep(300 * time.Millisecond) // the rest of the start
			return p.alive()
		}
	}
	p.stop(time.Second)
	return fmt.Errorf("%s does not listen: %s", filepath.Base(p.log), p.tail())
}
