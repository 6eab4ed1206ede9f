package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/store"
)

func TestMain(m *testing.M) {
	os.Setenv("DIRECTSIP_TEST_SECRET", secret)
	lack.Processors(12)
	goleak.VerifyTestMain(m)
}

// timeout bounds every wait of a test.
const timeout = 20 * time.Second

// basic is a pool of one server between a PBX and a gateway; NET. is replaced by the network of the test.
const basic = `
pools: {pool.test: {servers: {med1.test: {addresses: [NET.1], mediaPorts: 40000-40399, metrics: "NET.1:9090"}}}}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}}
  gw: {kind: gateway, host: NET.3, root: {transport: UDP, port: 5070}}
usages: [all]
routes: [{name: out, pattern: '^\+1', usages: [all], trunks: [gw]}]
trunkSettings:
  global: {options: false}
  trunk:pbx: {options: false, usages: [all]}
`

// rig is a server with a network and a directory of its own.
type rig struct {
	*Server
	t        *testing.T
	net, dir string
	log      *logBuffer
	tester   *siptest.Tester
}

// logBuffer is a log that tests read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tempDir is a short one: the path of a control socket may have 107 bytes.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ds")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func expand(net, text string) string { return strings.ReplaceAll(text, "NET.", net) }

// config writes a document and is the configuration of a server for it.
func config(t *testing.T, net, document string) (Config, *logBuffer) {
	t.Helper()
	dir := tempDir(t)
	path := filepath.Join(dir, "directsip.yaml")
	if err := os.WriteFile(path, []byte(expand(net, document)), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	return Config{Document: path, DataDir: filepath.Join(dir, "data"), Shards: 2, Watch: -1, DNS: []string{}, Logger: slog.New(slog.NewTextHandler(log, nil))}, log
}

// start starts a server that is shut down at the end of the test.
func start(t *testing.T, document string) *rig {
	t.Helper()
	return startWith(t, siptest.Net(t), document, func(*Config) {})
}

// startWith is start in a network, with changes of the configuration.
func startWith(t *testing.T, net, document string, change func(*Config)) *rig {
	t.Helper()
	cfg, log := config(t, net, document)
	change(&cfg)
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Server: s, t: t, net: net, dir: filepath.Dir(cfg.Document), log: log}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log\n%s", log)
		}
	})
	r.tester = siptest.T(t) // ends before the server
	return r
}

// agent is a peer at NET.n.
func (r *rig) agent(n int) *siptest.Agent {
	r.t.Helper()
	return r.tester.Agent(siptest.Config{Name: fmt.Sprint("peer", n), Listen: fmt.Sprintf("%s%d:5060", r.net, n)})
}

// call makes a call from the PBX to the gateway and waits for its answer.
func (r *rig) call(from, to *siptest.Agent) (out, in *siptest.Call) {
	r.t.Helper()
	n := len(to.Calls()) + 1
	out = r.tester.Dial(from, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
	r.tester.Wait(out, siptest.Answered)
	in = r.tester.Incoming(to, n)
	r.tester.Wait(in, siptest.Acked)
	return out, in
}

// hangup ends a call from the called side, which goes through the whole dialog backwards.
func (r *rig) hangup(in, out *siptest.Call) {
	r.t.Helper()
	in.Hangup()
	r.tester.Wait(in, siptest.Ended)
	r.tester.Wait(out, siptest.Ended)
}

// records waits for n stored calls.
func (r *rig) records(n int) []store.Summary {
	r.t.Helper()
	var list []store.Summary
	until(r.t, fmt.Sprintf("%d records", n), func() bool {
		if err := r.store.Flush(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		var err error
		if list, err = r.store.List(r.t.Context(), store.Filter{}); err != nil {
			r.t.Fatal(err)
		}
		return len(list) >= n
	})
	return list
}

// until waits for something that cannot be subscribed to.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(timeout)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain: %s", timeout, what)
		}
	}
}

// descriptors is how many files and sockets this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
