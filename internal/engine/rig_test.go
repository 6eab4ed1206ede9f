package engine

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/relay"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/store"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
	"github.com/directsip/directsip/internal/ua"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// timeout bounds every wait of a test.
const timeout = 20 * time.Second

// basic is a pool of one server between a PBX and a gateway; NET. is replaced by the network of the test.
const basic = `
pools: {pool.test: {servers: {med1.test: {addresses: [NET.1], mediaPorts: 40000-40399}}}}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}}
  gw: {kind: gateway, host: NET.3, root: {transport: UDP, port: 5060}}
usages: [all, sos]
routes:
  - {name: out, pattern: '^\+1', usages: [all], trunks: [gw]}
  - {name: sos, pattern: '^\+?112$', usages: [sos], trunks: [gw]}
emergency: [{number: 112, usage: sos}]
trunkSettings:
  global: {options: false}
  trunk:pbx: {options: false, usages: [all]}
`

// compile compiles a document or fails.
func compile(t testing.TB, text string) *topology.Snapshot {
	t.Helper()
	s, problems := topology.Compile("test.yaml", []byte(text))
	if problems.Failed() {
		t.Fatal(problems)
	}
	return s
}

// wire takes what the engine sends.
type wire struct {
	mu    sync.Mutex
	sent  []*sip.Message
	hops  []sip.Hop
	moved chan struct{}
}

func (w *wire) Send(list []transport.Send) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range list {
		m, err := sip.Parse(s.Data, nil)
		if err != nil {
			panic(fmt.Sprintf("directsip sent what it cannot read: %v\n%s", err, s.Data))
		}
		w.sent, w.hops = append(w.sent, m), append(w.hops, s.Hop)
	}
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

// count is how many messages of a kind were sent: a method, or a status and the method that it answers.
func (w *wire) count(what string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.sent {
		_, method, _ := m.CSeq()
		if m.IsRequest() && m.Method == what || !m.IsRequest() && fmt.Sprintf("%d %s", m.Status, method) == what {
			n++
		}
	}
	return n
}

// wait waits until n messages of a kind were sent.
func (w *wire) wait(t testing.TB, what string, n int) {
	t.Helper()
	deadline := time.After(timeout)
	for w.count(what) < n {
		select {
		case <-w.moved:
		case <-deadline:
			t.Fatalf("%d of %d %q were sent", w.count(what), n, what)
		}
	}
}

// rig is an engine without sockets for signalling, in a network of its own: its media ports are nobody else's.
type rig struct {
	*Engine
	t       testing.TB
	wire    *wire
	net     string
	records chan *cdr.Record
}

func newRig(t testing.TB, document string, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, wire: &wire{moved: make(chan struct{}, 1)}, net: siptest.Net(t), records: make(chan *cdr.Record, 10000)}
	cfg := Config{Server: "med1.test", Snapshot: compile(t, r.expand(document)), Shards: 1, Transport: r.wire, UserAgent: "test", MaxLag: time.Minute,
		Ended: func(rec *cdr.Record) { r.records <- rec }}
	var err error
	if cfg.Relay, err = relay.New(relay.Config{}); err != nil {
		t.Fatal(err)
	}
	if cfg.Records, err = store.Open(store.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&cfg)
	}
	if cfg.Resolver == nil {
		if cfg.Resolver, err = resolve.New(resolve.Config{Servers: []string{}}); err != nil {
			t.Fatal(err)
		}
	}
	if r.Engine, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	r.Start()
	t.Cleanup(func() {
		r.Close()
		cfg.Relay.Shutdown()
		cfg.Resolver.Close()
		if err := cfg.Records.Close(context.Background()); err != nil { // that of the test is done by now
			t.Error(err)
		}
	})
	return r
}

func (r *rig) expand(text string) string { return strings.ReplaceAll(text, "NET.", r.net) }

// source is a peer of the rig.
func (r *rig) source(host string, tr sip.Transport) sip.Source {
	return sip.Source{Transport: tr, Local: netip.MustParseAddrPort(r.net + "1:5060"), Remote: netip.MustParseAddrPort(r.net + host + ":5060")}
}

// request is a request of the PBX.
func (r *rig) request(method, number, callID string, extra ...string) []byte {
	body := ""
	if method == "INVITE" {
		body = r.expand("v=0\r\no=- 1 1 IN IP4 NET.2\r\ns=-\r\nc=IN IP4 NET.2\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n")
		extra = append(extra, "Contact: <sip:pbx@"+r.net+"2>", "Content-Type: application/sdp")
	}
	to := "<sip:" + number + "@" + r.net + "1>"
	lines := append([]string{method + " sip:" + number + "@" + r.net + "1 SIP/2.0",
		"Via: SIP/2.0/UDP " + r.net + "2:5060;branch=z9hG4bK" + callID + method, "Max-Forwards: 70", "From: <sip:+14255550100@" + r.net + "2>;tag=a",
		"To: " + to, "Call-ID: " + callID, "CSeq: 1 " + method, fmt.Sprintf("Content-Length: %d", len(body))}, extra...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

// invite puts an INVITE of the PBX in front of its shard.
func (r *rig) invite(number, callID string) {
	r.Packet(r.source("2", sip.UDP), r.request("INVITE", number, callID))
}

// quiesce returns when what was put in front of the shards is done, sent and counted: the first round may be of the same batch.
func (r *rig) quiesce() {
	r.settle()
	r.settle()
}

// block stops a shard until the function is called; what comes meanwhile waits.
func (r *rig) block(i int) (release func()) {
	held, free := make(chan struct{}), make(chan struct{})
	r.shards[i].box.post(func(time.Time, *ua.Core, *ua.Out) {
		close(held)
		<-free
	})
	<-held
	return sync.OnceFunc(func() { close(free) })
}
