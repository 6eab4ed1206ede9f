// Package resolve finds where to send a request: RFC 3263 with NAPTR, SRV and address records.
//
// Answers are kept as long as they live, and for a bounded time longer when no server answers, so that a DNS outage
// does not stop calls to known places. Names in the hosts file are never asked for.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Config is what New needs; zero fields have defaults.
type Config struct {
	Servers     []string      // host:port, asked in this order; nil: those of ServersFile, empty: none
	ServersFile string        // default /etc/resolv.conf
	HostsFile   string        // default /etc/hosts
	Timeout     time.Duration // one question to one server; default 2 s
	MinTTL      time.Duration // shorter answers are kept so long; default 5 s
	MaxTTL      time.Duration // longer answers are kept no longer; default 1 h
	NegativeTTL time.Duration // longest time to remember that a name does not exist; default 30 s
	StaleTTL    time.Duration // how long an expired answer is used while no server answers; default 24 h, negative: never
	MaxEntries  int           // record sets kept; default 4096
	Rand        *rand.Rand    // orders SRV records of equal priority (RFC 2782); default seeded by the system
}

// Query is what to look up.
type Query struct {
	Host      string        // name or IP literal, IPv6 with or without brackets
	Port      uint16        // 0: not given, so that DNS decides
	Transport sip.Transport // 0: not given, so that DNS decides
	// The families that can be used; both false means both.
	IPv4, IPv6 bool
}

// Result is where to send, the first choice first.
type Result struct {
	Hops []Addr
	// Expires is when to ask again; it lies in the past in a stale result.
	Expires time.Time
}

// Addr is one place.
type Addr struct {
	AddrPort  netip.AddrPort
	Transport sip.Transport
	Name      string // that the peer's certificate must carry: the host asked for, not an SRV target (RFC 5922 §4)
}

// The errors of Lookup; others come wrapped from the network.
var (
	ErrNotFound  = errors.New("no such name in DNS")
	ErrNoService = errors.New("the domain says that it does not offer the service") // RFC 2782: target "."
	ErrName      = errors.New("not a host name")
	ErrNoServers = errors.New("no DNS server is configured")
	ErrAnswer    = errors.New("DNS server failed")
	ErrBusy      = errors.New("too many DNS questions under way")
	ErrClosed    = errors.New("resolver is closed")
	errMiss      = errors.New("not in the cache")
	errSlow      = errors.New("DNS is slow")
)

// maxHops bounds a Result: each of maxRecords targets in both families.
const maxHops = 2 * maxRecords

// Resolver is safe for concurrent use.
type Resolver struct {
	cfg    Config
	hosts  hostsFile
	system serversFile
	mute   mute
	now    func() time.Time // replaced by tests

	ctx  context.Context // ends the questions under way
	stop context.CancelFunc
	wg   sync.WaitGroup

	randMu sync.Mutex
	rand   *rand.Rand

	mu      sync.Mutex
	cache   map[question]*entry
	flights map[question]*flight
	closed  bool
}

// New makes a Resolver. It fails only when there are no servers given and ServersFile is malformed; without any
// server, literals and the hosts file still work.
func New(cfg Config) (*Resolver, error) {
	setDuration(&cfg.Timeout, 2*time.Second)
	setDuration(&cfg.MinTTL, 5*time.Second)
	setDuration(&cfg.MaxTTL, time.Hour)
	setDuration(&cfg.NegativeTTL, 30*time.Second)
	if cfg.StaleTTL == 0 {
		cfg.StaleTTL = 24 * time.Hour
	}
	if cfg.MaxEntries <= 0 {
		cfg.MaxEntries = 4096
	}
	if cfg.HostsFile == "" {
		cfg.HostsFile = "/etc/hosts"
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if cfg.ServersFile == "" {
		cfg.ServersFile = "/etc/resolv.conf"
	}
	r := &Resolver{cfg: cfg, now: time.Now, rand: cfg.Rand, hosts: hostsFile{file: watched{path: cfg.HostsFile}}, system: serversFile{file: watched{path: cfg.ServersFile}}}
	if cfg.Servers == nil {
		if err := r.system.refresh(); err != nil {
			return nil, err
		}
	}
	r.cache = map[question]*entry{}
	r.flights = map[question]*flight{}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, nil
}

func setDuration(v *time.Duration, def time.Duration) {
	if *v <= 0 {
		*v = def
	}
}

// servers are the name servers to ask, in their order.
func (r *Resolver) servers() []string {
	if r.cfg.Servers != nil {
		return r.cfg.Servers
	}
	return r.system.servers(r.now())
}

// Close ends the questions under way and waits for their goroutines. Lookups that wait return ErrClosed.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.wg.Wait()
}

// Lookup resolves q (RFC 3263 §4). It waits for DNS when the cache does not know.
func (r *Resolver) Lookup(ctx context.Context, q Query) (Result, error) {
	p, done := r.plan(ctx)
	defer done()
	res, err := p.run(q)
	if err != nil {
		return Result{}, fmt.Errorf("resolve %s: %w", q.Host, err)
	}
	return res, nil
}

// plan is one that waits for DNS. done ends it.
func (r *Resolver) plan(ctx context.Context) (p plan, done func()) {
	var short context.Context
	cancel := func() {}
	p = plan{r: r, now: r.now(), ahead: r.ahead, fetch: func(k question) (*entry, error) { return r.fetch(ctx, k) }}
	p.soon = func(k question) (*entry, error) {
		if short == nil { // one wait for all that may be done without
			short, cancel = context.WithTimeout(ctx, partWait)
		}
		e, err := r.fetch(short, k)
		if err != nil && short.Err() != nil && errors.Is(err, short.Err()) && ctx.Err() == nil {
			err = errSlow
		}
		return e, err
	}
	return p, func() { cancel() }
}

// Cached resolves q from the cache alone and never blocks on the network. A result with Expires in the past is stale:
// use it and call Lookup beside.
func (r *Resolver) Cached(q Query) (Result, bool) {
	p := plan{r: r, now: r.now(), fetch: r.peek, soon: r.peek, ahead: func(question) {}}
	res, err := p.run(q)
	return res, err == nil
}

// literal reads an IP literal in the form of a SIP URI or a bare one.
func literal(host string) (netip.Addr, bool) {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap(), err == nil
}
