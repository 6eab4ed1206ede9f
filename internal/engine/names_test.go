package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

func TestNamesAge(t *testing.T) {
	start := time.Now()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	answer := func(addrs ...netip.Addr) (r resolve.Result) {
		for _, x := range addrs {
			r.Hops = append(r.Hops, resolve.Addr{AddrPort: netip.AddrPortFrom(x, 5060)})
		}
		return r
	}
	type round struct {
		at   time.Duration
		got  resolve.Result
		err  error
		want []netip.Addr
	}
	for name, rounds := range map[string][]round{
		"an address that DNS names no more is known for a while": {{0, answer(a), nil, []netip.Addr{a}}, {time.Minute, answer(b), nil, []netip.Addr{a, b}},
			{remember, answer(b), nil, []netip.Addr{a, b}}, {remember + time.Second, answer(b), nil, []netip.Addr{b}}},
		"an address that is named again stays": {{0, answer(a), nil, []netip.Addr{a}}, {5 * time.Minute, answer(b), nil, []netip.Addr{a, b}},
			{9 * time.Minute, answer(a), nil, []netip.Addr{a, b}}, {18 * time.Minute, answer(a), nil, []netip.Addr{a}}},
		"a silent DNS ages nothing": {{0, answer(a), nil, []netip.Addr{a}}, {time.Hour, answer(), context.DeadlineExceeded, []netip.Addr{a}},
			{time.Hour + remember/2, answer(), errors.New("server failed"), []netip.Addr{a}}},
		"a name that is gone is forgotten": {{0, answer(a), nil, []netip.Addr{a}}, {time.Minute, answer(), resolve.ErrNotFound, []netip.Addr{a}},
			{2 * remember, answer(), resolve.ErrNotFound, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			var n names
			for i, x := range rounds {
				n.note(start.Add(x.at), []question{{host: "gw.test"}}, []resolve.Result{x.got}, []error{x.err})
				if got := n.addresses()["gw.test"]; !slices.Equal(got, x.want) {
					t.Fatalf("round %d: %v, want %v", i, got, x.want)
				}
			}
			n.note(start, nil, nil, nil)
			if got := n.addresses(); len(got) != 0 {
				t.Errorf("a name that no document has is known: %v", got)
			}
		})
	}
}

// zone is a DNS server on loopback.
type zone struct {
	addr string
	mu   sync.Mutex
	a    map[string]string
}

func newZone(t *testing.T) *zone {
	t.Helper()
	z := &zone{a: make(map[string]string)}
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z.addr = pc.LocalAddr().String()
	siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: z})
	return z
}

func (z *zone) set(name, addr string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.a[name+"."] = addr
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	addr, ok := z.a[q.Question[0].Name]
	if !ok {
		m.Rcode = dns.RcodeNameError
	} else if q.Question[0].Qtype == dns.TypeA {
		rr, _ := dns.NewRR(q.Question[0].Name + " 1 IN A " + addr)
		m.Answer = append(m.Answer, rr)
	}
	w.WriteMsg(m) // a client that is gone needs no answer
}

// await waits until an address is known, or is not.
func (r *rig) await(at topology.Listener, addr string, want bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(timeout)
	for r.Known(at, netip.MustParseAddr(addr)) != want {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("%s: known is not %v", addr, want)
		}
	}
}

// TestGatewaysByName follows DNS, and a new document at once.
func TestGatewaysByName(t *testing.T) {
	z := newZone(t)
	resolver, err := resolve.New(resolve.Config{Servers: []string{z.addr}, MinTTL: time.Millisecond, MaxTTL: 10 * time.Millisecond, NegativeTTL: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	doc := replace(basic, "gw: {kind: gateway, host: NET.3", "gw: {kind: gateway, host: one.test")
	r := newRig(t, doc, func(c *Config) { c.Resolver, c.Refresh = resolver, 20*time.Millisecond })
	z.set("one.test", r.net+"3")
	z.set("two.test", r.net+"4")
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
	r.await(at, r.net+"3", true)
	z.set("one.test", r.net+"5")
	r.await(at, r.net+"5", true)
	if !r.Known(at, netip.MustParseAddr(r.net+"3")) {
		t.Error("the old address is forgotten at once: its calls would lose their peer")
	}
	next := compile(t, r.expand(replace(doc, "one.test", "two.test")))
	r.Learn(t.Context(), next)
	if err := r.Apply(next); err != nil {
		t.Fatal(err)
	}
	if !r.Known(at, netip.MustParseAddr(r.net+"4")) {
		t.Error("a name that was learned before its document holds is not known")
	}
	r.invite("+14255550101", "c1")
	r.Flush()
	r.wire.wait(t, "INVITE", 1)
	r.wire.mu.Lock()
	defer r.wire.mu.Unlock()
	for i, m := range r.wire.sent {
		if m.Method == "INVITE" && r.wire.hops[i].Remote.Addr().String() != r.net+"4" {
			t.Errorf("the call went to %v", r.wire.hops[i].Remote)
		}
	}
}

// TestNewAddressIsHeardAtOnce: the peer at an address that DNS names only since a call has asked is known before it can answer.
func TestNewAddressIsHeardAtOnce(t *testing.T) {
	z := newZone(t)
	resolver, err := resolve.New(resolve.Config{Servers: []string{z.addr}, MinTTL: time.Millisecond, MaxTTL: 10 * time.Millisecond, NegativeTTL: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	z.set("one.test", "192.0.2.9")
	r := newRig(t, replace(basic, "gw: {kind: gateway, host: NET.3", "gw: {kind: gateway, host: one.test"), func(c *Config) { c.Resolver, c.Refresh = resolver, time.Hour })
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
	r.await(at, "192.0.2.9", true)
	z.set("one.test", r.net+"4")
	called := func(addr string) bool {
		r.wire.mu.Lock()
		defer r.wire.mu.Unlock()
		for i, m := range r.wire.sent {
			if m.Method == "INVITE" && r.wire.hops[i].Remote.Addr().String() == addr {
				return true
			}
		}
		return false
	}
	for i := 1; !called(r.net + "4"); i++ {
		if i > 1000 {
			t.Fatal("no call goes to the new address")
		}
		r.invite("+14255550101", fmt.Sprint("c", i))
		r.Flush()
		r.wire.wait(t, "INVITE", i)
	}
	if !r.Known(at, netip.MustParseAddr(r.net+"4")) {
		t.Error("a call has gone to an address from which nobody is heard")
	}
	for _, x := range [][2]string{{"elsewhere.test", "192.0.2.11"}, {"one.test", "192.0.2.10"}} { // that peers name in their dialogs
		s, found := r.shards[0], resolve.Result{Hops: []resolve.Addr{{AddrPort: netip.MustParseAddrPort(x[1] + ":5060")}}}
		s.box.post(func(now time.Time, _ *ua.Core, out *ua.Out) { s.found(now, resolve.Query{Host: x[0]}, found, out) })
	}
	r.Flush()
	r.await(at, "192.0.2.10", true)
	if r.Known(at, netip.MustParseAddr("192.0.2.11")) {
		t.Error("a peer makes somebody known by naming him")
	}
}

// TestApplyLearnsNamesSoon does not wait for the next refresh.
func TestApplyLearnsNamesSoon(t *testing.T) {
	z := newZone(t)
	resolver, err := resolve.New(resolve.Config{Servers: []string{z.addr}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, basic, func(c *Config) { c.Resolver, c.Refresh = resolver, time.Hour })
	z.set("two.test", r.net+"4")
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
	if err := r.Apply(compile(t, r.expand(replace(basic, "gw: {kind: gateway, host: NET.3", "gw: {kind: gateway, host: two.test")))); err != nil {
		t.Fatal(err)
	}
	r.await(at, r.net+"4", true)
}

// TestEveryTargetIsKnown: calls come from any of the hosts of a service, also from those that stand last in DNS and have addresses of both families.
func TestEveryTargetIsKnown(t *testing.T) {
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const targets = 20
	siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m, n := new(dns.Msg).SetReply(q), 0
		add := func(format string, args ...any) {
			rr, err := dns.NewRR(q.Question[0].Name + " 60 IN " + fmt.Sprintf(format, args...))
			if err != nil {
				t.Error(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		host, _ := fmt.Sscanf(q.Question[0].Name, "h%d.", &n)
		switch kind := q.Question[0].Qtype; {
		case kind == dns.TypeSRV:
			for i := range targets {
				add("SRV %d 1 5060 h%d.test.", i, i)
			}
		case host == 1 && kind == dns.TypeA:
			add("A 192.0.2.%d", n)
		case host == 1 && kind == dns.TypeAAAA:
			for i := range 3 {
				add("AAAA 2001:db8::%d:%d", i, n)
			}
		}
		w.WriteMsg(m) // a client that is gone needs no answer
	})})
	resolver, err := resolve.New(resolve.Config{Servers: []string{pc.LocalAddr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	doc := replace(basic, "gw: {kind: gateway, host: NET.3, root: {transport: UDP, port: 5060}}", "gw: {kind: gateway, host: gw.test, root: {transport: UDP, port: 5060, gatewayPort: dns}}")
	r := newRig(t, doc, func(c *Config) { c.Resolver = resolver })
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
	for i := range targets {
		r.await(at, fmt.Sprint("192.0.2.", i), true)
	}
}

// TestSilentNamesKeepNoOtherWaiting: what DNS says of one gateway holds while it says nothing of many others.
func TestSilentNamesKeepNoOtherWaiting(t *testing.T) {
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := new(dns.Msg).SetReply(q); q.Question[0].Name == "well.test." {
			if q.Question[0].Qtype == dns.TypeA {
				rr, _ := dns.NewRR("well.test. 60 IN A 192.0.2.9")
				m.Answer = append(m.Answer, rr)
			}
			w.WriteMsg(m)
		}
	})})
	resolver, err := resolve.New(resolve.Config{Servers: []string{pc.LocalAddr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, basic, func(c *Config) { c.Resolver, c.Refresh = resolver, time.Hour })
	doc := replace(basic, "gw: {kind: gateway, host: NET.3", "gw: {kind: gateway, host: well.test")
	for i := range 12 {
		doc = replace(doc, "usages: [all, sos]", fmt.Sprintf("  gw%d: {kind: gateway, host: ill%d.test, root: {transport: UDP, port: 5060}}\nusages: [all, sos]", i, i))
	}
	next, all := compile(t, r.expand(doc)), make(chan struct{})
	go func() {
		defer close(all)
		r.Learn(r.ctx, next)
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(r.addrs.Load().byHost["well.test"]) == 0 {
		select {
		case <-tick.C:
		case <-all:
			t.Fatal("a name that DNS has told at once is known only when the others have been waited for")
		}
	}
	r.cancel()
	<-all
}

// TestManyNamesAreLearntTogether: where DNS knows thousands of names at once, not each of them has all of them published.
func TestManyNamesAreLearntTogether(t *testing.T) {
	const many = 2000
	var file strings.Builder
	for i := range many {
		fmt.Fprintf(&file, "10.%d.%d.%d gw%d.test\n", 1+i>>16, i>>8&255, i&255, i)
	}
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	resolver, err := resolve.New(resolve.Config{Servers: []string{}, HostsFile: path})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, basic, func(c *Config) { c.Resolver, c.Refresh = resolver, time.Hour })
	file.Reset()
	for i := range many {
		fmt.Fprintf(&file, "  gw%d: {kind: gateway, host: gw%[1]d.test, root: {transport: UDP, port: 5060}}\n", i)
	}
	snap := compile(t, r.expand(replace(basic, "usages: [all, sos]", file.String()+"usages: [all, sos]")))
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	learnt := allocated(func() { r.Learn(r.ctx, snap) })
	if n := len(r.addrs.Load().byHost); n < many {
		t.Fatalf("%d names are known", n)
	}
	if once := allocated(func() { r.publishNames() }); learnt > many/4*once {
		t.Errorf("%d octets to learn %d names, %d to publish them once", learnt, many, once)
	}
}

// TestUnknownName: the log says once that a name has no address, not every few seconds, and when it has one again; a call that fails for it says why.
func TestUnknownName(t *testing.T) {
	z := newZone(t)
	resolver, err := resolve.New(resolve.Config{Servers: []string{z.addr}, MinTTL: time.Millisecond, MaxTTL: time.Millisecond, NegativeTTL: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&locked{&mu, &text}, nil))
	count := func(what string) int {
		mu.Lock()
		defer mu.Unlock()
		return strings.Count(text.String(), what)
	}
	r := newRig(t, replace(basic, "gw: {kind: gateway, host: NET.3", "gw: {kind: gateway, host: one.test"), func(c *Config) {
		c.Resolver, c.Refresh, c.Logger = resolver, time.Hour, log
	})
	for range 3 {
		r.learn(t.Context(), r.documents())
	}
	r.invite("+14255550101", "c1")
	r.Flush()
	rec := <-r.records
	if at := rec.Attempts[0]; rec.Reason != "dns-failed" || !strings.Contains(at.Detail, "one.test: no such name in DNS") {
		t.Errorf("%s, %+v", rec.Reason, at)
	}
	if n := count("name not resolved"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, &text)
	}
	z.set("one.test", r.net+"3")
	for deadline := time.Now().Add(timeout); count("resolved again") == 0 && time.Now().Before(deadline); {
		r.learn(t.Context(), r.documents())
	}
	r.learn(t.Context(), r.documents())
	if n := count("resolved again"); n != 1 {
		t.Errorf("that it is back is said %d times", n)
	}
}

// locked is a log that a test reads meanwhile.
type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
