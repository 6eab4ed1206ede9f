package server

import (
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/siptest"
)

// zone is a name server on loopback.
type zone struct {
	addr string
	rrs  []dns.RR
	mute atomic.Bool // it says nothing
}

// newZone starts a name server that knows records in the form of a zone file, NET. being the network.
func newZone(t *testing.T, network string, records ...string) *zone {
	t.Helper()
	z := &zone{}
	for _, text := range records {
		rr, err := dns.NewRR(expand(network, text))
		if err != nil {
			t.Fatal(err)
		}
		z.rrs = append(z.rrs, rr)
	}
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z.addr = pc.LocalAddr().String()
	siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: z})
	return z
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if z.mute.Load() {
		return
	}
	m := new(dns.Msg).SetReply(q)
	known := false
	for _, rr := range z.rrs {
		if h := rr.Header(); strings.EqualFold(h.Name, q.Question[0].Name) {
			known = true
			if h.Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
	}
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	w.WriteMsg(m) // a client that is gone needs no answer
}

// named starts a server whose resolver asks a zone of these records.
func named(t *testing.T, document string, records ...string) *rig {
	t.Helper()
	network := siptest.Net(t)
	z := newZone(t, network, records...)
	return startWith(t, network, document, func(c *Config) { c.Shards, c.DNS = 4, []string{z.addr} })
}

// deaf takes datagrams at an address and never answers. The function tells the Call-IDs of the INVITEs that have come.
func deaf(t *testing.T, at string) (invites func() map[string]bool) {
	t.Helper()
	c, err := net.ListenPacket("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen, done := map[string]bool{}, make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 65536)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if msg := string(b[:n]); strings.HasPrefix(msg, "INVITE ") {
				_, id, _ := strings.Cut(msg, "\r\nCall-ID: ")
				id, _, _ = strings.Cut(id, "\r\n")
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return func() map[string]bool {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(seen)
	}
}

// RFC 3263 §4.3: what one call has found out about a host that is silent holds for the calls of all shards.
func TestSilentHostCostsOneCall(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(basic, "host: NET.3, root: {transport: UDP, port: 5070}", "host: gw.test, root: {transport: UDP, port: 5070, gatewayPort: dns}")
	doc = strings.ReplaceAll(doc, "global: {options: false}", "global: {options: false, noResponseTimeout: 1s}")
	r := named(t, doc, "_sip._udp.gw.test. 60 IN SRV 1 1 5060 one.test.", "_sip._udp.gw.test. 60 IN SRV 2 1 5060 two.test.",
		"one.test. 60 IN A NET.3", "two.test. 60 IN A NET.4")
	invites := deaf(t, r.net+"3:5060")
	pbx, gw := r.agent(2), r.agent(4)
	for range 8 { // on one of four shards each
		out, in := r.call(pbx, gw)
		r.hangup(in, out)
	}
	if n := len(invites()); n != 1 {
		t.Errorf("%d of 8 calls have waited for the silent host", n)
	}
}

// RFC 3263 §4.3: a host that is out of service says so with 503, and the call goes on to the next one of its name. Retry-After is for that host: the trunk pauses
// when all of its hosts want that, and until the first is back.
func TestHostOutOfServiceIsPassedBy(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(basic, "host: NET.3, root: {transport: UDP, port: 5070}", "host: gw.test, root: {transport: UDP, port: 5070, gatewayPort: dns}")
	r := named(t, doc, "_sip._udp.gw.test. 60 IN SRV 1 1 5060 one.test.", "_sip._udp.gw.test. 60 IN SRV 2 1 5060 two.test.",
		"one.test. 60 IN A NET.3", "two.test. 60 IN A NET.4")
	pbx, one, two := r.agent(2), r.agent(3), r.agent(4)
	calls := func(n int) {
		t.Helper()
		for range n {
			out, in := r.call(pbx, two)
			r.hangup(in, out)
		}
	}
	one.Reject(503)
	calls(4)
	if n := len(one.Calls()); n != 4 {
		t.Errorf("the host that is out of service for a moment got %d of 4 calls", n)
	}
	one.Reject(503, "Retry-After: 200")
	calls(4)
	if n := len(one.Calls()); n != 5 {
		t.Errorf("the host that wants no calls for a while got %d of 4", n-4)
	}
	if rec, err := r.Call(t.Context(), r.records(1)[0].ID); err != nil || len(rec.Attempts) != 1 {
		t.Errorf("record of the last call: %+v, %v", rec, err)
	}
	if st := r.trunk("gw"); st.State != "up" {
		t.Errorf("the trunk is %s: %s", st.State, st.Why)
	}
	two.Reject(503, "Retry-After: 100")
	before := time.Now()
	refused := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
	r.tester.Wait(refused, siptest.Failed)
	until(t, "the trunk pauses", func() bool { return r.trunk("gw").State == "paused" })
	for _, st := range r.engine.Trunks() {
		if d := st.Paused.Sub(before); st.Trunk.Name == "gw" && (d < 99*time.Second || d > 110*time.Second) {
			t.Errorf("the trunk pauses for %v", d)
		}
	}
	if n := len(one.Calls()); n != 6 {
		t.Errorf("the last call tried the other host %d times", n-5)
	}
}

// TestDNSIsAway: while no name server answers, calls go to the addresses that were known, and people are told before these are too old, or a restart loses them.
func TestDNSIsAway(t *testing.T) {
	t.Parallel()
	network := siptest.Net(t)
	z := newZone(t, network, "gw.test. 1 IN A NET.3")
	r := startWith(t, network, strings.Replace(basic, "host: NET.3", "host: gw.test", 1), func(c *Config) { c.DNS = []string{z.addr} })
	pbx, gw := r.agent(2), r.agent(3)
	r.hangup(func() (in, out *siptest.Call) { out, in = r.call(pbx, gw); return }())
	z.mute.Store(true)
	asked := func(want bool) func() bool {
		return func() bool {
			_, _ = r.resolver.Lookup(t.Context(), resolve.Query{Host: "gw.test", Port: 5060, IPv4: true}) // as OPTIONS and calls do
			return len(r.closed()) > 0 == want
		}
	}
	until(t, "names that are kept", asked(true))
	r.hangup(func() (in, out *siptest.Call) { out, in = r.call(pbx, gw); return }())
	r.tellKept()
	for where, text := range map[string]string{"status": strings.Join(r.closed(), "\n"), "the log": r.log.String()} {
		if !strings.Contains(text, "no name server answers for gw.test: ") || !strings.Contains(text, "a restart would lose them") {
			t.Errorf("%s does not tell: %s", where, text)
		}
	}
	z.mute.Store(false)
	until(t, "names that are known", asked(false))
	r.tellKept()
	if !strings.Contains(r.log.String(), "name servers answer again") {
		t.Error("the end is not told")
	}
}
