package ua_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

const document = `
pools:
  pool.example.com:
    servers:
      med1.example.com: {addresses: [192.0.2.10], mediaPorts: 10000-65535}
gateways:
  uc: {kind: uc, host: 198.51.100.1, root: {transport: UDP}}
  pstn: {kind: gateway, host: 198.51.100.2, root: {transport: UDP}}
trunkSettings:
  global: {options: false}
  "trunk:uc": {usages: [all], options: false}
dialPlan: plan
dialPlans:
  plan:
    rules:
      - {name: long, pattern: '^1?(\d{10})$', translation: '+1$1'}
usages: [all]
routes:
  - {name: all, pattern: '^\+', usages: [all], trunks: [pstn]}
`

// open lets every call through.
type open struct{}

func (open) TrunkState(*topology.Trunk) health.State { return health.Up }
func (open) Turn(*topology.Route, int) int           { return 0 }
func (open) Acquire(time.Time, *topology.Trunk, media.SessionID, bool) *diag.Reason {
	return nil
}
func (open) Release(*topology.Trunk, media.SessionID) {}
func (open) AcquireUser(time.Time, *topology.User, media.SessionID, bool) *diag.Reason {
	return nil
}
func (open) ReleaseUser(*topology.User, media.SessionID) {}
func (open) Reserve(*topology.Network, media.SessionID, *network.Legs, bool) *network.Refusal {
	return nil
}
func (open) Refuse(*topology.Link, topology.MediaKind) {}

// rig is a core with a caller and a callee that cost next to nothing.
type rig struct {
	core *ua.Core
	out  ua.Out
	now  time.Time
	uc   sip.Source
	pstn sip.Source
	n    int
	b    testing.TB
	env  *b2bua.Env

	session *media.Session // as the relay was last told
}

func newRig(b testing.TB) *rig {
	b.Helper()
	return rigOf(b, document)
}

// rigOf is a rig whose core has that document.
func rigOf(b testing.TB, doc string) *rig {
	b.Helper()
	snap := compile(b, doc)
	r := &rig{now: begin, b: b, uc: ucSource, pstn: pstnSource, env: newEnv(snap, 2)}
	r.core = ua.New(ua.Config{Env: r.env, Snapshot: snap}, begin)
	return r
}

func compile(b testing.TB, doc string) *topology.Snapshot {
	b.Helper()
	snap, problems := topology.Compile("x", []byte(doc))
	if snap == nil {
		b.Fatal(problems.Error())
	}
	return snap
}

// newEnv is what the calls of a core share, on the first server of a document.
func newEnv(snap *topology.Snapshot, seed uint64) *b2bua.Env {
	rnd := rand.New(rand.NewPCG(1, seed))
	return &b2bua.Env{Server: snap.Servers[0], Rand: rnd, Ports: media.NewPorts(10000, 65535, 0), State: open{}, Limits: open{}, UserAgent: "directsip",
		CallID: func() string { return b2bua.Token(rnd, 20) }}
}

// begin is when a core of a test begins.
var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// Where the peers of document call from.
var (
	ucSource   = sip.Source{Transport: sip.UDP, Local: netip.MustParseAddrPort("192.0.2.10:5060"), Remote: netip.MustParseAddrPort("198.51.100.1:5060")}
	pstnSource = sip.Source{Transport: sip.UDP, Local: netip.MustParseAddrPort("192.0.2.10:5060"), Remote: netip.MustParseAddrPort("198.51.100.2:5060")}
)

// in gives the core one datagram, as the engine does, and performs the media effects.
func (r *rig) in(src sip.Source, data []byte) {
	m, err := sip.Parse(data, nil)
	if err != nil {
		r.b.Fatalf("%v\n%s", err, data)
	}
	if f := m.Validate(); f != nil {
		r.b.Fatalf("%+v\n%s", f, data)
	}
	r.core.Receive(r.now, src, m, &r.out)
	r.relays()
}

// relays performs the media effects.
func (r *rig) relays() {
	for i := 0; i < len(r.out.Media); i++ {
		switch op := r.out.Media[i]; op.Verb {
		case b2bua.MediaOpen, b2bua.MediaGrow:
			r.session = op.Session
			r.core.MediaOpened(r.now, op.Session.ID, nil, &r.out)
		case b2bua.MediaUpdate:
			r.session = op.Session
		case b2bua.MediaClose:
			r.core.MediaClosed(r.now, media.Stats{ID: op.Session.ID}, &r.out)
		}
	}
}

// sent checks the start lines of what the core has sent.
func (r *rig) sent(lines ...string) {
	if len(r.out.Sends) != len(lines) {
		for _, s := range r.out.Sends {
			r.b.Logf("%s", s.Data)
		}
		r.b.Fatalf("%d messages sent, want %q", len(r.out.Sends), lines)
	}
	for i, l := range lines {
		if !bytes.HasPrefix(r.out.Sends[i].Data, []byte(l)) {
			r.b.Fatalf("sent\n%s\nwant %s", r.out.Sends[i].Data, l)
		}
	}
}

const body = "v=0\r\no=- 20518 0 IN IP4 198.51.100.%d\r\ns=-\r\nc=IN IP4 198.51.100.%d\r\nt=0 0\r\nm=audio 49170 RTP/AVP 8 0 101\r\n" +
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"

var bodies = [2]string{fmt.Sprintf(body, 1, 1), fmt.Sprintf(body, 2, 2)}

func request(method, seq, branch, callID, fromTag, toTag, body string) []byte {
	b := make([]byte, 0, 1200)
	b = append(b, method+" sip:+14255550100@192.0.2.10:5060;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK"+branch+";rport\r\nMax-Forwards: 70\r\n"+
		"From: \"Alice\" <sip:+14255550199@198.51.100.1;user=phone>;tag="+fromTag+"\r\nTo: <sip:+14255550100@192.0.2.10;user=phone>"...)
	if toTag != "" {
		b = append(b, ";tag="+toTag...)
	}
	b = append(b, "\r\nCall-ID: "+callID+"\r\nCSeq: "+seq+" "+method+"\r\nContact: <sip:198.51.100.1:5060>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO\r\n"+
		"Supported: 100rel, timer\r\nUser-Agent: Example UC/1.0\r\n"...)
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	return append(b, "Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body...)
}

// header is the value of a header of one of our messages.
func header(data []byte, name string) string {
	i := bytes.Index(data, []byte("\r\n"+name+": ")) + len(name) + 4
	return string(data[i : i+bytes.IndexByte(data[i:], '\r')])
}

func tagOf(value string) string {
	i := bytes.LastIndex([]byte(value), []byte("tag="))
	return value[i+4:]
}

func response(status string, req []byte, tag, body string) []byte {
	b := make([]byte, 0, 1200)
	to := header(req, "To")
	if tag != "" && !strings.Contains(to, "tag=") {
		to += ";tag=" + tag
	}
	b = append(b, "SIP/2.0 "+status+"\r\nVia: "+header(req, "Via")+"\r\nFrom: "+header(req, "From")+"\r\nTo: "+to+"\r\nCall-ID: "+header(req, "Call-ID")+"\r\nCSeq: "+
		header(req, "CSeq")+"\r\nContact: <sip:198.51.100.2:5060>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\nServer: Example gateway/2.0\r\n"...)
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	return append(b, "Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body...)
}

// answered places a call up to the ACK and returns what is needed to end it.
func (r *rig) answered() (callID, theirs, ours string) {
	r.n++
	n := strconv.Itoa(r.n)
	callID, theirs = "call-"+n+"@198.51.100.1", "from"+n
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i"+n, callID, theirs, "", bodies[0]))
	r.sent("INVITE")
	inv := r.out.Sends[0].Data
	r.out.Reset()
	r.in(r.pstn, response("100 Trying", inv, "", ""))
	r.in(r.pstn, response("180 Ringing", inv, "to"+n, ""))
	r.sent("SIP/2.0 180")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to"+n, bodies[1]))
	r.sent("ACK", "SIP/2.0 200")
	ours = tagOf(header(r.out.Sends[1].Data, "To"))
	r.out.Reset()
	r.in(r.uc, request("ACK", "1", "a"+n, callID, theirs, ours, ""))
	r.sent()
	return callID, theirs, ours
}

// call is a whole call of 14 messages.
func (r *rig) call() {
	callID, theirs, ours := r.answered()
	r.out.Reset()
	r.in(r.uc, request("BYE", "2", "b"+strconv.Itoa(r.n), callID, theirs, ours, ""))
	r.sent("SIP/2.0 200", "BYE")
	if len(r.out.Records) != 1 {
		r.b.Fatal("no record")
	}
	bye := r.out.Sends[1].Data
	r.out.Reset()
	r.in(r.pstn, response("200 OK", bye, "", ""))
	r.now = r.now.Add(10 * time.Millisecond) // 100 calls a second: 3200 calls of which transactions still run
	r.core.Advance(r.now, &r.out)
}

// BenchmarkCall is a whole call through a core: 14 messages parsed or written, routing, both legs, the record. The messages of
// the peers are made here and count too.
func BenchmarkCall(b *testing.B) {
	r := newRig(b)
	b.ReportAllocs()
	for b.Loop() {
		r.call()
	}
}

// BenchmarkPeers is the part of BenchmarkCall that the peers are.
func BenchmarkPeers(b *testing.B) {
	b.ReportAllocs()
	inv := request("INVITE", "1", "i", "call", "from", "", bodies[0])
	for b.Loop() {
		request("INVITE", "1", "i", "call", "from", "", bodies[0])
		request("ACK", "1", "i", "call", "from", "to", "")
		request("BYE", "2", "i", "call", "from", "to", "")
		response("100 Trying", inv, "", "")
		response("180 Ringing", inv, "to", "")
		response("200 OK", inv, "to", bodies[1])
		response("200 OK", inv, "", "")
	}
}

// BenchmarkHeldCall tells the heap of a call that is up and whose transactions have run out.
func BenchmarkHeldCall(b *testing.B) {
	const calls = 5000
	heapOf(b, calls, func(r *rig) int {
		for range calls {
			r.answered()
		}
		for range 20 {
			r.now = r.now.Add(5 * time.Second)
			r.core.Advance(r.now, &r.out)
			r.out.Reset()
		}
		return r.core.Live()
	})
}

// BenchmarkEndedCall tells the heap of a call that has ended and whose transactions still run.
func BenchmarkEndedCall(b *testing.B) {
	const calls = 3000 // of 30 s
	heapOf(b, calls, func(r *rig) int {
		for range calls {
			r.call()
		}
		return r.core.Held()
	})
}

// heapOf tells the heap of each of so many calls. Place places them in a new core and returns how many it has.
func heapOf(b *testing.B, calls int, place func(*rig) int) {
	for b.Loop() {
		r := newRig(b)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		has := place(r)
		r.out = ua.Out{}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if has != calls {
			b.Fatalf("%d calls are in memory, want %d", has, calls)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(calls), "B/call")
		b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/float64(calls), "objects/call")
		runtime.KeepAlive(r)
	}
}
