package resolve

import (
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/directsip/directsip/internal/siptest"
)

// zone is a DNS server on loopback, UDP and TCP, that answers from a list of records.
type zone struct {
	t    *testing.T
	addr string

	mu      sync.Mutex
	records map[question][]dns.RR
	rcode   map[question]int
	chop    bool                       // over UDP answer with the truncated bit only
	mute    bool                       // answer nothing
	old     bool                       // EDNS is an error
	bare    bool                       // … and what was asked is not repeated with it
	deaf    map[question]chan struct{} // questions whose answers wait for it
	asked   map[string]int
	held    chan struct{} // when not nil, answers wait for it
	hears   chan question // when not nil, is told of questions
}

func newZone(t *testing.T, records ...string) *zone {
	t.Helper()
	z := &zone{t: t, records: map[question][]dns.RR{}, rcode: map[question]int{}, asked: map[string]int{}}
	z.set(records...)
	pc, ln := listenBoth(t)
	z.addr = pc.LocalAddr().String()
	siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: z})
	siptest.ServeNames(t, &dns.Server{Listener: ln, Handler: z})
	return z
}

// listenBoth finds a port that is free for UDP and TCP.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp4", pc.LocalAddr().String())
		if err == nil {
			return pc, ln
		}
		pc.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// set adds records in the form of a zone file.
func (z *zone) set(records ...string) {
	z.t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			z.t.Fatal(err)
		}
		k := question{plain(rr.Header().Name), rr.Header().Rrtype}
		z.records[k] = append(z.records[k], rr)
	}
}

// change runs f while the server is not answering.
func (z *zone) change(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f()
}

func (z *zone) count(name string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[name]
}

func (z *zone) total() (n int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for c := range maps.Values(z.asked) {
		n += c
	}
	return n
}

func (z *zone) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(req)
	k := question{plain(req.Question[0].Name), req.Question[0].Qtype}
	_, udp := w.LocalAddr().(*net.UDPAddr)
	z.mu.Lock()
	z.asked[k.name+" "+dns.TypeToString[k.kind]+" "+w.LocalAddr().Network()]++
	held, mute, hears := z.held, z.mute, z.hears
	if wait := z.deaf[k]; wait != nil {
		held = wait
	}
	m.Rcode = z.rcode[k]
	m.Answer = slices.Clone(z.records[k])
	if alias := z.records[question{k.name, dns.TypeCNAME}]; len(m.Answer) == 0 && alias != nil {
		m.Answer = slices.Clone(alias)
	}
	if len(m.Answer) == 0 && m.Rcode == 0 {
		m.Rcode = dns.RcodeNameError
		soa, _ := dns.NewRR("example.com. 60 IN SOA ns.example.com. a.example.com. 1 2 3 4 20")
		m.Ns = append(m.Ns, soa)
	}
	if z.old && req.IsEdns0() != nil {
		m.SetRcode(req, dns.RcodeFormatError)
		m.Answer, m.Ns = nil, nil
		if z.bare {
			m.Question = nil
		}
	}
	if udp && z.chop {
		m.Answer, m.Truncated = nil, true
	}
	if udp {
		m.Truncate(1232)
	}
	z.mu.Unlock()
	if hears != nil {
		hears <- k
	}
	if held != nil {
		<-held
	}
	if !mute {
		_ = w.WriteMsg(m) // the client may be gone
	}
}

// clock is a time that only a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// newResolver makes one that asks z, with a hosts file of the given text and a clock of its own.
func newResolver(t *testing.T, hosts string, cfg Config) (*Resolver, *clock) {
	t.Helper()
	cfg.HostsFile = filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(cfg.HostsFile, []byte(hosts), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg.Servers == nil {
		cfg.Servers = []string{}
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{t: time.Now()}
	r.now = c.now
	t.Cleanup(r.Close)
	return r, c
}

func mustAddrs(list ...string) (addrs []netip.Addr) {
	for _, s := range list {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs
}
