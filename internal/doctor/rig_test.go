package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"os"
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
	ca    *authority
	ours  string // certificate and key files without their endings
	port  uint16 // of the trunk; 0: one that is free
	wait  time.Duration
	steps []Step
}

func newClinic(t *testing.T) *clinic {
	c := &clinic{t: t, dir: t.TempDir(), zone: map[string][]dns.RR{}, wait: 5 * time.Second}
	c.ca = c.authority("ca")
	c.ours = c.ca.issue("med1", time.Hour*24*300, "med1.test", "pool.test")
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.names = pc.LocalAddr().String()
	started, ended := make(chan struct{}), make(chan error, 1)
	s := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(c.serveDNS), NotifyStartedFunc: func() { close(started) }}
	go func() { ended <- s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		s.Shutdown()
		<-ended
	})
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
		ours = fmt.Sprintf(", cert: %s.pem, key: %s.key, ca: %s", c.ours, c.ours, c.ca.file)
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
	rep := Examine(c.t.Context(), Config{Snapshot: snap, Server: snap.Servers[0], Resolver: r, Timeout: c.wait, UserAgent: "directsip/test",
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

// authority issues certificates.
type authority struct {
	c    *clinic
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func (c *clinic) authority(name string) *authority {
	a := &authority{c: c, file: filepath.Join(c.dir, name+".ca"), next: 1}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-72 * time.Hour),
		NotAfter: time.Now().Add(400 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		c.t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	c.write(a.file, "CERTIFICATE", der)
	return a
}

func (c *clinic) write(file, kind string, der []byte) {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// issue writes a certificate that is valid for so long, and returns its path without the ending.
func (a *authority) issue(file string, valid time.Duration, names ...string) string {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.next++
	template := &x509.Certificate{SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-48 * time.Hour),
		NotAfter: time.Now().Add(valid), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.c.t.Fatal(err)
	}
	kb, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.c.t.Fatal(err)
	}
	path := filepath.Join(a.c.dir, file)
	a.c.write(path+".pem", "CERTIFICATE", der)
	a.c.write(path+".key", "EC PRIVATE KEY", kb)
	return path
}

// config presents a certificate.
func (c *clinic) config(path string) *tls.Config {
	cert, err := tls.LoadX509KeyPair(path+".pem", path+".key")
	if err != nil {
		c.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}
