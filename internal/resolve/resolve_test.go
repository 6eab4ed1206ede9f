package resolve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

func TestMain(m *testing.M) {
	lack.Processors(6)
	goleak.VerifyTestMain(m)
}

// patient is long enough for a name server on a busy machine, and short enough to wait for one that is silent.
const patient = 500 * time.Millisecond

// settle waits until no question is under way.
func settle(t *testing.T, r *Resolver) {
	t.Helper()
	r.mu.Lock()
	flights := slices.Collect(maps.Values(r.flights))
	r.mu.Unlock()
	for _, f := range flights {
		select {
		case <-f.done:
		case <-time.After(20 * time.Second):
			t.Fatal("a question is under way for ever")
		}
	}
}

// text writes hops as one line.
func text(res Result) string {
	var b []string
	for _, h := range res.Hops {
		b = append(b, fmt.Sprintf("%s/%s", h.Transport, h.AddrPort))
	}
	return strings.Join(b, " ")
}

var records = []string{
	"pbx.example.com. 300 IN A 192.0.2.1",
	"pbx.example.com. 300 IN AAAA 2001:db8::1",
	"four.example.com. 300 IN A 192.0.2.4",
	"four.example.com. 300 IN A 192.0.2.5",
	"_sip._udp.srv.example.com. 300 IN SRV 20 0 5070 pbx.example.com.",
	"_sip._udp.srv.example.com. 300 IN SRV 10 0 5080 four.example.com.",
	"_sip._udp.srv.example.com. 300 IN SRV 15 0 5090 gone.example.com.",
	"_sip._tcp.srv.example.com. 300 IN SRV 1 0 5060 four.example.com.",
	"_sips._tcp.srv.example.com. 300 IN SRV 1 0 5061 pbx.example.com.",
	"naptr.example.com. 300 IN NAPTR 20 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.srv.example.com.",
	"naptr.example.com. 300 IN NAPTR 10 20 \"s\" \"SIP+D2T\" \"\" _sip._tcp.srv.example.com.",
	"naptr.example.com. 300 IN NAPTR 10 10 \"S\" \"SIPS+D2T\" \"\" _sips._tcp.srv.example.com.",
	"naptr.example.com. 300 IN NAPTR 1 10 \"s\" \"SIP+D2S\" \"\" _sip._sctp.srv.example.com.",
	"naptr.example.com. 300 IN NAPTR 1 10 \"u\" \"SIP+D2U\" \"!x!y!\" .",
	"_sip._tcp.onlytcp.example.com. 300 IN SRV 1 0 5062 four.example.com.",
	"_sip._udp.not.example.com. 300 IN SRV 0 0 0 .",
	"not.example.com. 300 IN A 192.0.2.9",
	"alias.example.com. 300 IN CNAME four.example.com.",
	"loop1.example.com. 300 IN CNAME loop2.example.com.",
	"loop2.example.com. 300 IN CNAME loop1.example.com.",
}

func TestRFC3263_4(t *testing.T) {
	z := newZone(t, records...)
	r, _ := newResolver(t, "10.0.0.7 Hosted.example.com h # comment\nfd00::7 hosted.example.com\nrubbish\n", Config{Servers: []string{z.addr}})
	tests := []struct {
		name string
		q    Query
		want string
		err  error
	}{
		{"4.1 numeric", Query{Host: "192.0.2.77"}, "UDP/192.0.2.77:5060", nil},
		{"4.1 numeric, transport and port", Query{Host: "192.0.2.77", Port: 5099, Transport: sip.TLS}, "TLS/192.0.2.77:5099", nil},
		{"4.2 default port of TLS", Query{Host: "192.0.2.77", Transport: sip.TLS}, "TLS/192.0.2.77:5061", nil},
		{"numeric IPv6 with brackets", Query{Host: "[2001:db8::9]", Transport: sip.TCP}, "TCP/[2001:db8::9]:5060", nil},
		{"numeric of the wrong family", Query{Host: "2001:db8::9", IPv4: true}, "", ErrNotFound},
		{"4.2 explicit port: addresses only", Query{Host: "srv.example.com", Port: 5060, Transport: sip.UDP}, "", ErrNotFound},
		{"4.2 explicit port, both families", Query{Host: "PBX.example.com.", Port: 5070, Transport: sip.TCP}, "TCP/[2001:db8::1]:5070 TCP/192.0.2.1:5070", nil},
		{"only IPv4 wanted", Query{Host: "pbx.example.com", Port: 5070, Transport: sip.TCP, IPv4: true}, "TCP/192.0.2.1:5070", nil},
		{"only IPv6 wanted", Query{Host: "pbx.example.com", Port: 5070, Transport: sip.TCP, IPv6: true}, "TCP/[2001:db8::1]:5070", nil},
		{"4.2 SRV by priority, a target that is gone left out", Query{Host: "srv.example.com", Transport: sip.UDP},
			"UDP/192.0.2.4:5080 UDP/192.0.2.5:5080 UDP/[2001:db8::1]:5070 UDP/192.0.2.1:5070", nil},
		{"4.1 TLS is _sips._tcp", Query{Host: "srv.example.com", Transport: sip.TLS, IPv4: true}, "TLS/192.0.2.1:5061", nil},
		{"4.2 no SRV: addresses and default port", Query{Host: "four.example.com", Transport: sip.TCP}, "TCP/192.0.2.4:5060 TCP/192.0.2.5:5060", nil},
		{"4.1 NAPTR by order and preference, what we do not speak left out", Query{Host: "naptr.example.com", IPv4: true},
			"TLS/192.0.2.1:5061 TCP/192.0.2.4:5060 TCP/192.0.2.5:5060 UDP/192.0.2.4:5080 UDP/192.0.2.5:5080 UDP/192.0.2.1:5070", nil},
		{"4.1 no NAPTR: SRV decides the transport", Query{Host: "onlytcp.example.com"}, "TCP/192.0.2.4:5062 TCP/192.0.2.5:5062", nil},
		{"4.1 nothing but addresses: UDP", Query{Host: "four.example.com"}, "UDP/192.0.2.4:5060 UDP/192.0.2.5:5060", nil},
		{"RFC 2782 service not offered", Query{Host: "not.example.com", Transport: sip.UDP}, "", ErrNoService},
		{"alias", Query{Host: "alias.example.com", Port: 5060}, "UDP/192.0.2.4:5060 UDP/192.0.2.5:5060", nil},
		{"alias loop", Query{Host: "loop1.example.com", Port: 5060}, "", ErrAnswer},
		{"unknown", Query{Host: "nothing.example.com", Transport: sip.UDP}, "", ErrNotFound},
		{"hosts file", Query{Host: "hosted.Example.com", Transport: sip.TLS}, "TLS/10.0.0.7:5061 TLS/[fd00::7]:5061", nil},
		{"hosts file, one family", Query{Host: "hosted.example.com", Port: 5070, IPv6: true}, "UDP/[fd00::7]:5070", nil},
		{"no name", Query{Host: ""}, "", ErrName},
		{"no host name", Query{Host: "a..b"}, "", ErrName},
		{"too long", Query{Host: strings.Repeat("abcdefgh.", 40)}, "", ErrName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // from DNS, then from the cache
				res, err := r.Lookup(t.Context(), tt.q)
				if !errors.Is(err, tt.err) || text(res) != tt.want {
					t.Fatalf("Lookup: %q, %v; want %q, %v", text(res), err, tt.want, tt.err)
				}
				for _, h := range res.Hops {
					if want := strings.ToLower(strings.TrimSuffix(tt.q.Host, ".")); h.Name != want && !strings.Contains(want, ":") {
						t.Errorf("certificate name %q, want %q", h.Name, want)
					}
				}
				if cached, ok := r.Cached(tt.q); ok != (tt.err == nil) || text(cached) != tt.want {
					t.Errorf("Cached: %q, %v; want %q", text(cached), ok, tt.want)
				}
			}
		})
	}
	if n := z.count("hosted.example.com A udp") + z.count("_sips._tcp.hosted.example.com SRV udp"); n != 0 {
		t.Errorf("a name of the hosts file was asked for %d times", n)
	}
}

func TestTTLIsHonoured(t *testing.T) {
	z := newZone(t, "a.example.com. 60 IN A 192.0.2.1", "short.example.com. 1 IN A 192.0.2.2", "long.example.com. 999999 IN A 192.0.2.3")
	r, c := newResolver(t, "", Config{Servers: []string{z.addr}, MinTTL: 10 * time.Second, MaxTTL: time.Hour / 2})
	for _, tt := range []struct {
		host string
		ttl  time.Duration
	}{{"a.example.com", time.Minute}, {"short.example.com", 10 * time.Second}, {"long.example.com", time.Hour / 2}} {
		q := Query{Host: tt.host, Port: 5060, IPv4: true}
		for i, step := range []time.Duration{0, tt.ttl - 1, 1} {
			c.move(step)
			res, err := r.Lookup(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 && !res.Expires.Equal(c.now().Add(tt.ttl)) {
				t.Errorf("%s expires in %s, want %s", tt.host, res.Expires.Sub(c.now()), tt.ttl)
			}
			if want := 1 + i/2; z.count(tt.host+" A udp") != want {
				t.Errorf("%s: asked %d times after step %d, want %d", tt.host, z.count(tt.host+" A udp"), i, want)
			}
		}
	}
}

func TestRFC2308_5_NegativeCaching(t *testing.T) {
	z := newZone(t)
	r, c := newResolver(t, "", Config{Servers: []string{z.addr}})
	q := Query{Host: "none.example.com", Port: 5060, IPv4: true}
	for i, step := range []time.Duration{0, 19 * time.Second, time.Second} { // the zone says 20 s
		c.move(step)
		if _, err := r.Lookup(t.Context(), q); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		if want := 1 + i/2; z.count("none.example.com A udp") != want {
			t.Errorf("asked %d times after step %d, want %d", z.count("none.example.com A udp"), i, want)
		}
	}
}

func TestRFC8767_5_StaleAnswersDuringOutage(t *testing.T) {
	t.Parallel()
	z := newZone(t, "a.example.com. 60 IN A 192.0.2.1")
	r, c := newResolver(t, "", Config{Servers: []string{z.addr}, Timeout: patient, StaleTTL: time.Hour})
	q := Query{Host: "a.example.com", Port: 5060, IPv4: true}
	if _, err := r.Lookup(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	z.change(func() { z.mute = true })
	c.move(2 * time.Minute)
	if res, ok := r.Cached(q); !ok || !res.Expires.Before(c.now()) {
		t.Errorf("Cached: %v, %v; want a stale answer", res, ok)
	}
	if res, err := r.Lookup(t.Context(), q); err != nil || text(res) != "UDP/192.0.2.1:5060" {
		t.Fatalf("during the outage: %q, %v", text(res), err)
	}
	settle(t, r)
	before := z.count("a.example.com A udp")
	if _, err := r.Lookup(t.Context(), q); err != nil || z.count("a.example.com A udp") != before {
		t.Errorf("a dead server was asked again at once (%v)", err)
	}
	names, until, why := r.Kept()
	if strings.Join(names, " ") != "a.example.com" || why == nil || until.Sub(c.now()) != 59*time.Minute { // it expired a minute ago
		t.Errorf("kept: %q until %v, %v", names, until, why)
	}
	z.change(func() {
		z.mute = false
		z.records[question{"a.example.com", dns.TypeA}] = nil
	})
	z.set("a.example.com. 60 IN A 192.0.2.2")
	c.move(failureTTL)
	if _, err := r.Lookup(t.Context(), q); err != nil {
		t.Error(err)
	}
	settle(t, r)
	if res, err := r.Lookup(t.Context(), q); err != nil || text(res) != "UDP/192.0.2.2:5060" {
		t.Errorf("after the outage: %q, %v", text(res), err)
	}
	if names, _, why := r.Kept(); len(names) > 0 || why != nil {
		t.Errorf("kept after the outage: %q, %v", names, why)
	}
	z.change(func() { z.mute = true })
	c.move(2 * time.Hour)
	if res, err := r.Lookup(t.Context(), q); err == nil {
		t.Errorf("an answer older than StaleTTL was used: %q", text(res))
	}
}

func TestTruncatedAnswerComesByTCP(t *testing.T) {
	z := newZone(t, "a.example.com. 60 IN A 192.0.2.1")
	z.change(func() { z.chop = true })
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}})
	res, err := r.Lookup(t.Context(), Query{Host: "a.example.com", Port: 5060, IPv4: true})
	if err != nil || text(res) != "UDP/192.0.2.1:5060" {
		t.Fatalf("%q, %v", text(res), err)
	}
	if z.count("a.example.com A tcp") != 1 {
		t.Error("TCP was not used")
	}
}

// TestTruncatedAnswerOfAServerWithoutTCP: what there is of it is taken, whether TCP is refused or nobody answers there.
func TestTruncatedAnswerOfAServerWithoutTCP(t *testing.T) {
	for name, hangs := range map[string]bool{"refused": false, "hangs": true} {
		pc, ln := listenBoth(t)
		defer ln.Close()
		if !hangs {
			ln.Close()
		}
		siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			for i := range 100 {
				rr, _ := dns.NewRR(fmt.Sprintf("a.example.com. 60 IN A 192.0.2.%d", i+1))
				m.Answer = append(m.Answer, rr)
			}
			m.Truncate(dns.MinMsgSize)
			w.WriteMsg(m) // a client that is gone needs no answer
		})})
		r, _ := newResolver(t, "", Config{Servers: []string{pc.LocalAddr().String()}, Timeout: patient})
		res, err := r.Lookup(t.Context(), Query{Host: "a.example.com", Port: 5060, IPv4: true})
		if err != nil || len(res.Hops) < 10 {
			t.Errorf("%s: %q, %v", name, text(res), err)
		}
	}
}

// TestRFC6891_7_ServerThatDoesNotKnowEDNS: such a server says so by a bare header, with or without the question, and is asked as it was in 1987.
func TestRFC6891_7_ServerThatDoesNotKnowEDNS(t *testing.T) {
	for _, bare := range []bool{false, true} {
		z := newZone(t, "a.example.com. 60 IN A 192.0.2.1")
		z.change(func() { z.old, z.bare = true, bare })
		r, _ := newResolver(t, "", Config{Servers: []string{z.addr}})
		res, err := r.Lookup(t.Context(), Query{Host: "a.example.com", Port: 5060, IPv4: true})
		if err != nil || text(res) != "UDP/192.0.2.1:5060" {
			t.Errorf("bare %v: %q, %v", bare, text(res), err)
		}
	}
}

func TestServersAreAskedInTurn(t *testing.T) {
	dead, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	ill, well := newZone(t), newZone(t, "a.example.com. 60 IN A 192.0.2.1")
	ill.change(func() { ill.rcode[question{"a.example.com", dns.TypeA}] = dns.RcodeServerFailure })
	r, _ := newResolver(t, "", Config{
		Servers: []string{dead.LocalAddr().String(), ill.addr, well.addr}, Timeout: patient,
	})
	res, err := r.Lookup(t.Context(), Query{Host: "a.example.com", Port: 5060, IPv4: true})
	if err != nil || text(res) != "UDP/192.0.2.1:5060" {
		t.Fatalf("%q, %v", text(res), err)
	}
	if ill.total() != 1 {
		t.Errorf("the failing server was asked %d times, want once", ill.total())
	}
}

// TestSilentServerIsNotWaitedFor: where the first server is gone one look-up waits for it, and not each; when it is there again it is the first again.
func TestSilentServerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	gone, well := newZone(t), newZone(t)
	for i := range 5 {
		gone.set(fmt.Sprintf("h%d.example.com. 60 IN A 192.0.2.1", i))
		well.set(fmt.Sprintf("h%d.example.com. 60 IN A 192.0.2.2", i))
	}
	mute := func(is bool) { gone.change(func() { gone.mute = is }) }
	r, c := newResolver(t, "", Config{Servers: []string{gone.addr, well.addr}, Timeout: 8 * muteWait})
	look := func(i int, from string) time.Duration {
		t.Helper()
		began := time.Now()
		res, err := r.Lookup(t.Context(), Query{Host: fmt.Sprintf("h%d.example.com", i), Port: 5060, IPv4: true})
		if err != nil || text(res) != "UDP/192.0.2."+from+":5060" {
			t.Fatalf("%q, %v, want that of server %s", text(res), err, from)
		}
		return time.Since(began)
	}
	mute(true)
	if took := look(0, "2"); took < 8*muteWait {
		t.Errorf("%v for a server of which nothing is known yet", took)
	}
	if took := look(1, "2"); took < muteWait || took >= 8*muteWait {
		t.Errorf("%v for a server that was silent", took)
	}
	mute(false)
	well.change(func() { well.mute = true }) // or it might be faster
	look(2, "1")
	well.change(func() { well.mute = false })
	mute(true)
	if took := look(3, "2"); took < 8*muteWait {
		t.Errorf("%v for a server that has answered again", took)
	}
	c.move(muteFor)
	if took := look(4, "2"); took < 8*muteWait {
		t.Errorf("%v for a server that was silent long ago", took)
	}
}

// TestSlowServerIsWaitedForAgain: the first server alone knows the names, and takes longer than is waited for one that was silent. One question that it has not answered keeps it no longer
// from being heard than until it answers another.
func TestSlowServerIsWaitedForAgain(t *testing.T) {
	t.Parallel()
	slow, public := newZone(t), newZone(t)
	for i := range 3 {
		slow.set(fmt.Sprintf("h%d.example.com. 60 IN A 192.0.2.1", i))
	}
	r, _ := newResolver(t, "", Config{Servers: []string{slow.addr, public.addr}, Timeout: 8 * muteWait})
	look := func(i int) error {
		_, err := r.Lookup(t.Context(), Query{Host: fmt.Sprintf("h%d.example.com", i), Port: 5060, IPv4: true})
		return err
	}
	slow.change(func() { slow.mute = true })
	if err := look(0); !errors.Is(err, ErrNotFound) {
		t.Fatalf("%v of a name that only the silent server knows", err)
	}
	hold := make(chan struct{})
	slow.change(func() { slow.mute, slow.held = false, hold })
	if err := look(1); !errors.Is(err, ErrNotFound) {
		t.Fatalf("%v of a name that only the slow server knows", err)
	}
	close(hold)
	r.wg.Wait() // who is still heard
	if r.mute.is(r.now(), slow.addr) {
		t.Fatal("a server that has answered counts as silent")
	}
	hold = make(chan struct{})
	slow.change(func() { slow.held = hold })
	time.AfterFunc(2*muteWait, func() { close(hold) })
	if err := look(2); err != nil {
		t.Errorf("%v of a name that the slow server knows", err)
	}
}

// TestSlowServer: a server that answers later than it is waited for costs the first look-up, and none after that.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	z := newZone(t, "a.example.com. 60 IN A 192.0.2.1")
	slow := make(chan struct{})
	z.change(func() { z.held = slow })
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}, Timeout: patient})
	q := Query{Host: "a.example.com", Port: 5060, IPv4: true}
	if res, err := r.Lookup(t.Context(), q); err == nil {
		t.Errorf("%q before there is an answer", text(res))
	}
	if n := z.count("a.example.com A udp"); n != rounds {
		t.Errorf("asked %d times, want %d", n, rounds)
	}
	close(slow)
	r.wg.Wait()
	if res, ok := r.Cached(q); !ok || text(res) != "UDP/192.0.2.1:5060" {
		t.Errorf("%q, %v: what came late is not known", text(res), ok)
	}
	if n := z.count("a.example.com A udp"); n != rounds {
		t.Errorf("asked %d times, want %d", n, rounds)
	}
}

// TestSlowServerIsHeardMeanwhile: what a server answers to the first question is taken while it is asked once more, in vain.
func TestSlowServerIsHeardMeanwhile(t *testing.T) {
	z := newZone(t, "a.example.com. 60 IN A 192.0.2.1")
	slow, hears := make(chan struct{}), make(chan question, rounds)
	z.change(func() { z.held, z.hears = slow, hears })
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}, Timeout: patient})
	go func() {
		<-hears
		z.change(func() { z.mute = true }) // for who asks from now on
		<-hears
		close(slow)
	}()
	res, err := r.Lookup(t.Context(), Query{Host: "a.example.com", Port: 5060, IPv4: true})
	if err != nil || text(res) != "UDP/192.0.2.1:5060" {
		t.Errorf("%q, %v", text(res), err)
	}
}

func TestServerWithoutSRV(t *testing.T) {
	z := newZone(t, "a.example.com. 60 IN A 192.0.2.1")
	z.change(func() { z.rcode[question{"_sip._udp.a.example.com", dns.TypeSRV}] = dns.RcodeServerFailure })
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}})
	res, err := r.Lookup(t.Context(), Query{Host: "a.example.com", Transport: sip.UDP, IPv4: true})
	if err != nil || text(res) != "UDP/192.0.2.1:5060" {
		t.Fatalf("%q, %v", text(res), err)
	}
}

func TestOneQuestionForAllWhoWait(t *testing.T) {
	z := newZone(t, "a.example.com. 60 IN A 192.0.2.1")
	z.change(func() { z.held = make(chan struct{}) })
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}})
	q := Query{Host: "a.example.com", Port: 5060, IPv4: true}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := r.Lookup(t.Context(), q); err != nil {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Lookup(ctx, q); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled lookup: %v", err)
	}
	close(z.held)
	wg.Wait()
	if n := z.count("a.example.com A udp"); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestHostileAnswer(t *testing.T) {
	var list []string
	for i := range 200 {
		list = append(list, fmt.Sprintf("many.example.com. 60 IN A 192.0.2.%d", i+1))
	}
	for i := range 12 {
		list = append(list, fmt.Sprintf("c%d.example.com. 60 IN CNAME c%d.example.com.", i, i+1))
	}
	list = append(list, "c12.example.com. 60 IN A 192.0.2.1", "zero.example.com. 60 IN A 0.0.0.0")
	z := newZone(t, list...)
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}})
	res, err := r.Lookup(t.Context(), Query{Host: "many.example.com", Port: 5060, IPv4: true})
	if err != nil || len(res.Hops) > maxHops {
		t.Errorf("%d hops, %v; want at most %d", len(res.Hops), err, maxHops)
	}
	for _, host := range []string{"c0.example.com", "zero.example.com"} {
		if res, err := r.Lookup(t.Context(), Query{Host: host, Port: 5060, IPv4: true}); err == nil {
			t.Errorf("%s: %q", host, text(res))
		}
	}
	if _, err := r.Lookup(t.Context(), Query{Host: "c5.example.com", Port: 5060, IPv4: true}); err != nil {
		t.Errorf("seven aliases: %v", err)
	}
}

// TestNameWithoutDomain: whoever has written a name that ping finds in a search domain is told what is wrong with it.
func TestNameWithoutDomain(t *testing.T) {
	z := newZone(t, "sbc.example.com. 60 IN A 192.0.2.1")
	r, _ := newResolver(t, "192.0.2.2 pbx\n", Config{Servers: []string{z.addr}})
	for host, want := range map[string]bool{"sbc": true, "gone.example.com": false} {
		_, err := r.Lookup(t.Context(), Query{Host: host, Port: 5060})
		if !errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "write the whole name") != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	if res, err := r.Lookup(t.Context(), Query{Host: "pbx", Port: 5060}); err != nil || text(res) != "UDP/192.0.2.2:5060" {
		t.Errorf("%q, %v", text(res), err)
	}
}

// RFC 2782: of more services than are taken, those that are to be tried first, wherever in the answer they stand.
func TestManyServices(t *testing.T) {
	list := []string{"target.example.com. 60 IN A 192.0.2.1"}
	for i := range 100 {
		list = append(list, fmt.Sprintf("_sip._udp.many.example.com. 60 IN SRV %d 1 %d target.example.com.", 100-i, 5000+i))
	}
	z := newZone(t, list...)
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}})
	res, err := r.Lookup(t.Context(), Query{Host: "many.example.com", Transport: sip.UDP, IPv4: true})
	if err != nil || len(res.Hops) != maxRecords {
		t.Fatalf("%d hops, %v", len(res.Hops), err)
	}
	for i, h := range res.Hops {
		if h.AddrPort.Port() != uint16(5099-i) {
			t.Errorf("%d: %s", i, h.AddrPort)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	z := newZone(t)
	r, c := newResolver(t, "", Config{Servers: []string{z.addr}, MaxEntries: 16})
	for i := range 100 {
		c.move(time.Millisecond)
		_, _ = r.Lookup(t.Context(), Query{Host: fmt.Sprintf("n%d.example.com", i), Port: 5060, IPv4: true})
		r.mu.Lock()
		n := len(r.cache)
		r.mu.Unlock()
		if n > 16 {
			t.Fatalf("%d entries after %d names, want at most 16", n, i+1)
		}
	}
}

func TestRFC2782_WeightedOrder(t *testing.T) {
	r, _ := newResolver(t, "", Config{Rand: rand.New(rand.NewPCG(1, 2))})
	first := map[string]int{}
	const runs = 10000
	for range runs {
		list := []srv{{2, 100, 1, "last"}, {1, 10, 1, "ten"}, {1, 30, 1, "thirty"}, {1, 60, 1, "sixty"}, {1, 0, 1, "zero"}}
		r.orderSRV(list)
		first[list[0].target]++
		if list[4].target != "last" {
			t.Fatalf("priority 2 at another place than the last: %v", list)
		}
	}
	for target, want := range map[string]int{"ten": runs / 10, "thirty": runs * 3 / 10, "sixty": runs * 6 / 10} {
		if got := first[target]; got < want*8/10 || got > want*12/10 {
			t.Errorf("%s came first %d times of %d, want about %d", target, got, runs, want)
		}
	}
	if first["zero"] == 0 || first["zero"] > runs/20 {
		t.Errorf("weight 0 came first %d times, want rarely", first["zero"])
	}
}

// Records of weight 0, and of one priority, share the load, each in turn with those that are behind it.
func TestRFC2782_WeightZero(t *testing.T) {
	r, _ := newResolver(t, "", Config{Rand: rand.New(rand.NewPCG(1, 2))})
	first := map[string]int{}
	const runs = 3000
	for range runs {
		list := []srv{{1, 0, 1, "one"}, {1, 0, 1, "two"}, {1, 0, 1, "three"}, {2, 0, 1, "last"}}
		r.orderSRV(list)
		first[list[0].target]++
		if list[3].target != "last" {
			t.Fatalf("priority 2 at another place than the last: %v", list)
		}
	}
	for _, target := range []string{"one", "two", "three"} {
		if got := first[target]; got < runs/3*8/10 || got > runs/3*12/10 {
			t.Errorf("%s came first %d times of %d, want about a third", target, got, runs)
		}
	}
}

func TestHostsFileIsReadAgain(t *testing.T) {
	r, c := newResolver(t, "10.0.0.1 a\n", Config{})
	q := Query{Host: "a", Port: 5060}
	if res, err := r.Lookup(t.Context(), q); err != nil || text(res) != "UDP/10.0.0.1:5060" {
		t.Fatalf("%q, %v", text(res), err)
	}
	if err := os.WriteFile(r.cfg.HostsFile, []byte("10.0.0.222 a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.move(watchEvery)
	if res, err := r.Lookup(t.Context(), q); err != nil || text(res) != "UDP/10.0.0.222:5060" {
		t.Fatalf("%q, %v", text(res), err)
	}
	if _, err := r.Lookup(t.Context(), Query{Host: "b", Port: 5060}); !errors.Is(err, ErrNoServers) {
		t.Errorf("without a server: %v", err)
	}
}

// TestServersFileIsReadAgain: a host that gets its network after us, and then another one. While the file is being written the servers before hold.
func TestServersFileIsReadAgain(t *testing.T) {
	network := siptest.Net(t)
	for i, addr := range []string{"10.0.0.1", "10.0.0.2"} {
		pc, err := net.ListenPacket("udp4", fmt.Sprint(network, i+1, ":53"))
		if err != nil {
			lack.Of(t, "port 53 needs a right: ", err)
		}
		z := &zone{t: t, records: map[question][]dns.RR{}, asked: map[string]int{}}
		z.set("a.example.com. 5 IN A " + addr)
		siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: z})
	}
	r, c := newResolver(t, "", Config{})
	r.cfg.Servers, r.system.file.path = nil, filepath.Join(t.TempDir(), "resolv.conf")
	ask := func(file, want string) {
		t.Helper()
		if file != "" {
			if err := os.WriteFile(r.system.file.path, []byte(file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c.move(watchEvery)
		res, err := r.Lookup(t.Context(), Query{Host: "a.example.com", Port: 5060, IPv4: true})
		got := text(res)
		if err != nil {
			got = errors.Unwrap(err).Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", file, got, want)
		}
	}
	ask("", ErrNoServers.Error())
	ask("nameserver "+network+"1\n", "UDP/10.0.0.1:5060")
	ask("nameserver "+network+"2 # another network\n", "UDP/10.0.0.2:5060")
	ask("# nothing yet\n", "UDP/10.0.0.2:5060")
}

func TestCloseEndsLookups(t *testing.T) {
	z := newZone(t)
	hears := make(chan question, 10)
	z.change(func() { z.mute, z.hears = true, hears })
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}, Timeout: time.Minute})
	_, f, err := r.begin(question{"a.example.com", dns.TypeA})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-hears:
	case <-time.After(20 * time.Second):
		t.Fatal("the server was not asked")
	}
	closed := make(chan struct{})
	go func() { r.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("Close waits for a server that is silent")
	}
	<-f.done
	if _, err := r.Lookup(t.Context(), Query{Host: "b.example.com", Port: 5060}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func BenchmarkCached(b *testing.B) {
	r, err := New(Config{Servers: []string{}, HostsFile: b.TempDir() + "/none"})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	later := time.Now().Add(time.Hour)
	r.cache[question{"_sip._udp.a.example.com", dns.TypeSRV}] = &entry{srvs: []srv{{1, 1, 5060, "h.example.com"}}, expires: later}
	r.cache[question{"h.example.com", dns.TypeA}] = &entry{addrs: mustAddrs("192.0.2.1"), expires: later}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Cached(Query{Host: "a.example.com", Transport: sip.UDP, IPv4: true}); !ok {
			b.Fatal("not cached")
		}
	}
}

// RFC 8305 §3: what DNS does not answer keeps nobody from what it has answered: the other family, or the other targets of a service.
func TestSilenceOfAPart(t *testing.T) {
	t.Parallel()
	z := newZone(t, append([]string{
		"_sip._udp.part.example.com. 300 IN SRV 1 0 5060 silent.example.com.",
		"_sip._udp.part.example.com. 300 IN SRV 2 0 5060 four.example.com.",
		"six.example.com. 300 IN AAAA 2001:db8::6",
	}, records...)...)
	never, late := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(never) })
	z.change(func() {
		z.deaf = map[question]chan struct{}{
			{"silent.example.com", dns.TypeA}: never, {"silent.example.com", dns.TypeAAAA}: never, {"four.example.com", dns.TypeAAAA}: never,
			{"six.example.com", dns.TypeAAAA}: late,
		}
	})
	r, _ := newResolver(t, "", Config{Servers: []string{z.addr}, Timeout: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // less than a question may take
	defer cancel()
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Host: "four.example.com", Port: 5060, Transport: sip.UDP}, "UDP/192.0.2.4:5060 UDP/192.0.2.5:5060"},
		{Query{Host: "part.example.com", Transport: sip.UDP}, "UDP/192.0.2.4:5060 UDP/192.0.2.5:5060"},
	} {
		res, err := r.Lookup(ctx, c.q)
		if err != nil || text(res) != c.want {
			t.Errorf("%s: %s, %v", c.q.Host, text(res), err)
		}
		if left := res.Expires.Sub(r.now()); left > failureTTL {
			t.Errorf("%s is not asked again for %v", c.q.Host, left)
		}
	}
	time.AfterFunc(2*partWait, func() { close(late) }) // a server that takes its time
	if res, err := r.Lookup(ctx, Query{Host: "six.example.com", Port: 5060, Transport: sip.UDP}); err != nil || text(res) != "UDP/[2001:db8::6]:5060" {
		t.Errorf("a name that has one family alone: %s, %v", text(res), err)
	}
	cancel()
	if _, err := r.Lookup(ctx, Query{Host: "silent.example.com", Port: 5060}); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone gets %v", err)
	}
}

// RFC 8767 §5: an old answer serves in an outage, also when the wait for what there is no answer to has taken the time that there is for it.
func TestStaleAnswerBesideSilence(t *testing.T) {
	z := newZone(t, records...)
	r, c := newResolver(t, "", Config{Servers: []string{z.addr}, Timeout: time.Minute, StaleTTL: 24 * time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // less than a question may take
	defer cancel()
	q := Query{Host: "four.example.com", Port: 5060, Transport: sip.UDP}
	before, err := r.Lookup(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	z.change(func() { z.mute = true })
	c.move(2 * time.Hour)
	if res, err := r.Lookup(ctx, q); err != nil || text(res) != text(before) {
		t.Errorf("%s, %v; want %s", text(res), err, text(before))
	}
}
