package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

// pki is a certificate authority of one test, whose files are in its directory.
type pki struct {
	*siptest.Authority
	l *lab
}

func (l *lab) pki(name string) *pki { return &pki{siptest.NewAuthority(l.t, l.dir, name), l} }

// config is that of a client with an issued certificate, which expects a server name; file "" has none.
func (p *pki) config(file, serverName string) *tls.Config {
	p.l.t.Helper()
	if file != "" {
		file = filepath.Join(p.l.dir, file)
	}
	cfg := p.Config(file)
	cfg.ServerName = serverName
	return cfg
}

// soon is long enough for a test.
const soon = time.Hour

// tlsDocument has a provider behind TLS beside the others; the server's certificate is server.pem of the lab.
func (l *lab) tlsDocument(p *pki) string {
	doc := replaceOnce(l.t, l.document("UDP"), "\ngateways:", "\ngateways:\n  itsp: {kind: sbc, host: sbc.itsp.test, root: {transport: TLS, port: 5061, gatewayPort: 5061}}")
	files := fmt.Sprintf("cert: %s, key: %s, ca: %s, metrics:", filepath.Join(l.dir, "server.pem"), filepath.Join(l.dir, "server.key"), p.File)
	return replaceOnce(l.t, doc, "metrics:", files)
}

// dialTLS connects from the n-th address to the TLS port; handshake errors of TLS 1.3 show at the first read.
func (l *lab) dialTLS(n int, cfg *tls.Config) (*socket, error) {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(l.ip(n))}, Timeout: timeout}
	c, err := tls.DialWithDialer(d, "tcp", l.ip(1)+":5061", cfg)
	if err != nil {
		return nil, err
	}
	l.t.Cleanup(func() { c.Close() })
	return &socket{t: l.t, tcp: c, in: bufio.NewReader(c), ip: l.ip(n), port: c.LocalAddr().(*net.TCPAddr).Port}, nil
}

// SIG-01, SIG-18: only a peer with a valid certificate of the right authority and name is served; its call goes out over UDP.
func TestTLSPeerIsKnownByItsCertificate(t *testing.T) {
	l := newLab(t)
	p, other := l.pki("ca"), l.pki("other-ca")
	p.Issue("server", soon, "med1.test", "pool.test")
	p.Issue("good", soon, "sbc.itsp.test")
	p.Issue("expired", -time.Hour, "sbc.itsp.test")
	p.Issue("wrong", soon, "sbc.elsewhere.test")
	other.Issue("foreign", soon, "sbc.itsp.test")
	s := l.serve(l.tlsDocument(p))
	for _, file := range []string{"expired", "wrong", "foreign", ""} {
		cfg := p.config(file, "med1.test")
		c, err := l.dialTLS(5, cfg)
		if err != nil {
			continue
		}
		c.tcp.Write([]byte(c.options(l, "refused-"+file)))
		if r, err := c.read(timeout); err == nil {
			t.Errorf("the peer with certificate %q is answered:\n%s", file, r)
		} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("the connection of the peer with certificate %q stays open", file)
		}
	}
	callee := l.sipp(peer{scenario: "uas-call", n: 3})
	c, err := l.dialTLS(5, p.config("good", "pool.test"))
	if err != nil {
		t.Fatal(err)
	}
	c.alive(l, "alive")
	c.send(strings.ReplaceAll(c.invite(l, "+14255550100", "tls", audio(l.ip(5), 6000)), "transport=TCP", "transport=TLS"))
	answer := c.final("INVITE")
	if status(answer) != 200 {
		t.Fatal(answer)
	}
	c.send(c.ack(answer))
	c.send(c.bye(answer))
	c.final("BYE")
	callee.wait()
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "caller")
	if r.In.Trunk != "itsp" || r.In.Transport != "TLS" || r.Out.Transport != "UDP" {
		t.Errorf("in %+v, out %+v", r.In, r.Out)
	}
}

// tlsGateway answers every INVITE on connections with a certificate with 486, and tells whose certificate it saw.
func (l *lab) tlsGateway(cfg *tls.Config) (port int, names chan string) {
	l.t.Helper()
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	lis, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { lis.Close() })
	port, names = lis.Addr().(*net.TCPAddr).Port, make(chan string, 16)
	go func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				s := &socket{t: l.t, tcp: c, in: bufio.NewReader(c), ip: "127.0.0.1", port: port}
				for {
					msg, err := s.read(time.Minute)
					if err != nil {
						return
					}
					if strings.HasPrefix(msg, "INVITE ") {
						names <- strings.Join(c.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames, " ")
						c.Write([]byte(s.reply(msg, 486, "")))
					}
				}
			}()
		}
	}()
	return port, names
}

// SIG-18: a gateway that we call must show a valid certificate of its own name, and sees ours; one that does not gets no INVITE and
// the next trunk carries the call.
func TestGatewayWithBadCertificateGetsNoCall(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"good", "expired", "wrong", "foreign"} {
		t.Run(file, func(t *testing.T) {
			l := newLab(t)
			p, other := l.pki("ca"), l.pki("other-ca")
			p.Issue("server", soon, "med1.test", "pool.test")
			p.Issue("good", soon, "localhost")
			p.Issue("expired", -time.Hour, "localhost")
			p.Issue("wrong", soon, "sbc.elsewhere.test")
			other.Issue("foreign", soon, "localhost")
			issuer := p
			if file == "foreign" {
				issuer = other
			}
			cfg := issuer.config(file, "")
			cfg.ClientCAs = p.Pool
			port, names := l.tlsGateway(cfg)
			doc := replaceOnce(t, l.tlsDocument(p), "host: sbc.itsp.test, root: {transport: TLS, port: 5061, gatewayPort: 5061}",
				fmt.Sprintf("host: localhost, root: {transport: TLS, port: 5061, gatewayPort: %d}", port))
			s := l.serve(replaceOnce(t, doc, "trunks: [gw1, gw2]", "trunks: [itsp, gw1]"))
			gw1 := l.sipp(peer{scenario: "uas-call", n: 3})
			if file == "good" {
				l.sipp(peer{scenario: "uac-refused", n: 2, port: 5070, status: "486"}).wait()
				if got := <-names; got != "med1.test pool.test" {
					t.Errorf("the gateway saw a certificate of %s", got)
				}
				checkRecord(t, s.record(), "busy", 486, "callee")
				return
			}
			l.sipp(peer{scenario: "uac-call", n: 2, port: 5070}).wait()
			gw1.wait()
			r := s.record()
			if len(r.Attempts) != 2 || r.Attempts[0].Trunk != "itsp" || r.Attempts[0].Reason != "transport-failed" || r.Out.Trunk != "gw1" {
				t.Errorf("attempts: %+v", r.Attempts)
			}
			if len(names) > 0 {
				t.Error("the gateway got an INVITE")
			}
		})
	}
}

// A renewed certificate is presented to new connections, and connections that are there go on, with their calls.
func TestRenewedCertificateIsUsedWithoutDroppingConnections(t *testing.T) {
	l := newLab(t)
	p := l.pki("ca")
	p.Issue("server", soon, "med1.test", "pool.test")
	p.Issue("good", soon, "sbc.itsp.test")
	s := l.serve(l.tlsDocument(p))
	serial := func(c *socket) string {
		return c.tcp.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	old, err := l.dialTLS(5, p.config("good", "med1.test"))
	if err != nil {
		t.Fatal(err)
	}
	old.alive(l, "before")
	callee := l.sipp(peer{scenario: "uas-call", n: 3})
	old.send(old.invite(l, "+14255550100", "tls", audio(l.ip(5), 6000)))
	answer := old.final("INVITE")
	old.send(old.ack(answer))
	p.Issue("server", soon, "med1.test", "pool.test")
	future := time.Now().Add(2 * time.Second)
	for _, f := range []string{"server.pem", "server.key"} { // another time even where the clock of files is coarse
		if err := os.Chtimes(filepath.Join(l.dir, f), future, future); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the new certificate", func() bool {
		c, err := l.dialTLS(5, p.config("good", "med1.test"))
		if err != nil {
			return false
		}
		defer c.tcp.Close()
		if serial(c) == serial(old) {
			return false
		}
		c.alive(l, "new")
		return true
	})
	old.alive(l, "after")
	old.send(old.bye(answer))
	old.final("BYE")
	callee.wait()
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}

// NEW-15: a client that connects to the TLS port and says nothing is cut off; others do not notice it.
func TestSilentTLSClientIsCut(t *testing.T) {
	l := newLab(t)
	p := l.pki("ca")
	p.Issue("server", soon, "med1.test", "pool.test")
	l.serve(l.tlsDocument(p))
	begin := time.Now()
	c, err := net.DialTimeout("tcp", l.ip(1)+":5061", timeout)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l.udp(2, 0).alive(l, "meanwhile")
	c.SetReadDeadline(begin.Add(timeout))
	_, err = c.Read(make([]byte, 1))
	if ne, ok := err.(net.Error); err == nil || ok && ne.Timeout() {
		t.Errorf("it is not cut: %v", err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("it was cut after %v", d)
	}
}
