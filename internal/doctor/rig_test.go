package doctor

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/topology"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clinic is a document with one trunk, a name server and an authority for certificates.
type clinic struct {
	t     *testing.T
	dir   string
	zone  map[string][]dns.RR // by "name. TYPE"
	names string              // address of the name server
	ca    *siptest.Authority
	ours  string // certificate and key files without their endings
	port  uint16 // of the trunk; 0: one that is free
	wait  time.Duration
	media bool
	steps []Step
}

func newClinic(t *testing.T) *clinic {
	c := &clinic{t: t, dir: t.TempDir(), zone: map[string][]dns.RR{}, wait: 5 * time.Second}
	c.ca = siptest.NewAuthority(t, c.dir, "ca")
	c.ours = c.ca.Issue("med1", 300*day, "med1.test", "pool.test")
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.names = pc.LocalAddr().String()
	siptest.ServeNames(t, &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(c.serveDNS)})
	return c
}

// record adds records to the name server, before it is asked.
func (c *clinic) record(list ...string) {
	for _, s := range list {
		rr, err := dns.NewRR(s)
		if err != nil {
			c.t.Fatal(err)
		}
		key := rr.Header().Name + " " + dns.TypeToString[rr.Header().Rrtype]
		c.zone[key] = append(c.zone[key], rr)
	}
}

func (c *clinic) serveDNS(w dns.ResponseWriter, q *dns.Msg) {
	r := new(dns.Msg).SetReply(q)
	name := strings.ToLower(q.Question[0].Name)
	r.Answer = c.zone[name+" "+dns.TypeToString[q.Question[0].Qtype]]
	if len(r.Answer) == 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(c.zone)), func(k string) bool { return strings.HasPrefix(k, name+" ") }) {
		r.Rcode = dns.RcodeNameError
	}
	w.WriteMsg(r)
}

// examine compiles a document whose only trunk is gw and examines it. The parts are flow mappings without their braces.
func (c *clinic) examine(gateway, root, settings string) *Report {
	c.t.Helper()
	ours, port := "", c.port
	if port == 0 {
		port = freePort(c.t, ourAddress)
	}
	if c.ours != "" {
		ours = fmt.Sprintf(", cert: %s.pem, key: %s.key, ca: %s", c.ours, c.ours, c.ca.File)
	}
	doc := fmt.Sprintf("pools: {pool.test: {servers: {med1.test: {addresses: [%s], media: [127.0.0.2]%s}}}}\ngateways: {gw: {%s, root: {port: %d, %s}}}\ntrunkSettings: {global: {%s}}\n",
		ourAddress, ours, gateway, port, root, settings)
	snap, problems := topology.Compile("x", []byte(doc))
	if snap == nil {
		c.t.Fatalf("%s\n%s", problems.Error(), doc)
	}
	r, err := resolve.New(resolve.Config{Servers: []string{c.names}, HostsFile: filepath.Join(c.dir, "hosts")})
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Close()
	rep := Examine(c.t.Context(), Config{Snapshot: snap, Server: snap.Servers[0], Resolver: r, Timeout: c.wait, UserAgent: "directsip/test", Media: c.media,
		Progress: func(s Step) { c.steps = append(c.steps, s) }}, snap.Trunks[0])
	if len(c.steps) != len(rep.Steps) {
		c.t.Errorf("%d steps were told of %d", len(c.steps), len(rep.Steps))
	}
	return rep
}

// to is the gateway and root of a peer given by address.
func to(a *siptest.Agent, transport string) (gateway, root string) {
	return "host: 127.0.0.1", fmt.Sprintf("transport: %s, gatewayPort: %d", transport, a.AddrPort().Port())
}

// byName is the gateway and root of a TLS peer named peer.test.
func (c *clinic) byName(a netip.AddrPort) (gateway, root string) {
	c.record("peer.test. 60 IN A 127.0.0.1")
	return "host: peer.test", fmt.Sprintf("transport: TLS, gatewayPort: %d", a.Port())
}

// ourAddress is the server's, and nobodys one that no test listens on.
const (
	ourAddress = "127.0.0.3"
	nobodys    = "127.0.0.9"
)

// freePort is a port that nobody has on an address of loopback, which no other program uses.
func freePort(t *testing.T, address string) uint16 {
	t.Helper()
	c, err := net.ListenPacket("udp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// has fails the test unless the findings are exactly these: "severity id".
func has(t *testing.T, r *Report, want ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Severity.String()+" "+f.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
		for _, f := range r.Findings {
			t.Logf("%s %s: %s. %s. %s", f.Severity, f.ID, f.What, f.Why, f.Fix)
		}
		for _, s := range r.Steps {
			t.Logf("%+v", s)
		}
	}
}
