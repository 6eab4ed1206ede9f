package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// authority issues certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
	next int64
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem"), next: 2}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate for names into dir and returns a listener on loopback that uses it.
func (a *authority) issue(t testing.TB, dir string, names ...string) ListenSpec {
	t.Helper()
	return a.issueFor(t, dir, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, names...)
}

func (a *authority) issueFor(t testing.TB, dir string, usage []x509.ExtKeyUsage, names ...string) ListenSpec {
	t.Helper()
	key := newKey(t)
	a.next++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: "cn.example.com"}, ExtKeyUsage: usage,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, n := range names {
		if u, err := url.Parse(n); err == nil && u.Scheme == "sip" {
			template.URIs = append(template.URIs, u)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := ListenSpec{
		Transport: sip.TLS, Addr: loop4, CA: a.file, Names: names,
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
	}
	writePEM(t, s.Cert, "CERTIFICATE", der)
	writePEM(t, s.Key, "PRIVATE KEY", keyDER)
	return s
}

func tlsHop(a, b node, t testing.TB, name string) sip.Hop {
	h := hop(sip.TLS, a.addr(t, sip.TLS), b.addr(t, sip.TLS))
	h.Name = name
	return h
}

func TestTLSBothSidesProveTheirNames(t *testing.T) {
	ca := newAuthority(t, "ca")
	a := newNode(t, Config{}, ca.issue(t, t.TempDir(), "A.example.com", "pool.example.com"))
	b := newNode(t, Config{}, ca.issue(t, t.TempDir(), "b.example.com"))
	h := tlsHop(a, b, t, "b.example.com")
	for range 3 {
		a.Send(one(h, "request"))
	}
	var p packet
	for range 3 {
		p = b.next(t)
	}
	if want := []string{"a.example.com", "pool.example.com"}; !slices.Equal(p.src.Names, want) || p.src.Transport != sip.TLS {
		t.Errorf("source %+v, want names %v", p.src, want)
	}
	b.Send(one(sip.Hop{Transport: sip.TLS, Flow: p.src.Flow}, "response"))
	back := hop(sip.TLS, b.addr(t, sip.TLS), p.src.Remote)
	back.Name = "pool.example.com" // proved by the accepted connection
	b.Send(one(back, "by name"))
	for _, id := range []string{"response", "by name"} {
		q := a.next(t)
		if q.data != string(message(id, "")) || !slices.Equal(q.src.Names, []string{"b.example.com"}) || q.src.Local != h.Local {
			t.Errorf("%+v", q)
		}
	}
	back.Name = "somebody.example.com"
	b.Send(one(back, "to another"))
	if f := b.failure(t); f.callID != "to another" {
		t.Errorf("%+v", f)
	}
	if s := b.stats(t, sip.TLS); s.Accepted != 1 {
		t.Errorf("%d connections, want one", s.Accepted)
	}
}

// RFC 5922 §7.1: a peer that we call may have its name in a SIP URI, or as the common name where there is no other, as one that calls us may.
func TestTLSNamesOfWhoIsCalled(t *testing.T) {
	ca := newAuthority(t, "ca")
	a := newNode(t, Config{}, ca.issue(t, t.TempDir(), "a.example.com"))
	for _, x := range []struct {
		carries []string
		name    string
		want    bool
	}{
		{nil, "CN.example.com", true}, // the common name
		{nil, "b.example.com", false},
		{[]string{"b.example.com"}, "cn.example.com", false},
		{[]string{"sip:b.example.com"}, "b.example.com", true},
		{[]string{"sip:b.example.com"}, "cn.example.com", false},
		{[]string{"sip:bob@b.example.com"}, "b.example.com", false},
	} {
		b := newNode(t, Config{}, ca.issue(t, t.TempDir(), x.carries...))
		a.Send(one(tlsHop(a, b, t, x.name), "1"))
		if x.want {
			b.next(t)
			continue
		}
		var wrong x509.HostnameError
		if f := a.failure(t); !errors.As(f.err, &wrong) {
			t.Errorf("%v is taken for %q: %v", x.carries, x.name, f.err)
		}
	}
	other := newNode(t, Config{}, newAuthority(t, "other").issue(t, t.TempDir()))
	a.Send(one(tlsHop(a, other, t, "cn.example.com"), "1"))
	var unknown x509.UnknownAuthorityError
	if f := a.failure(t); !errors.As(f.err, &unknown) {
		t.Errorf("an authority that nobody knows: %v", f.err)
	}
}

func TestTLSManyMessagesInOneWrite(t *testing.T) {
	ca := newAuthority(t, "ca")
	a := newNode(t, Config{}, ca.issue(t, t.TempDir(), "a.example.com"))
	b := newNode(t, Config{}, ca.issue(t, t.TempDir(), "b.example.com"))
	h := tlsHop(a, b, t, "b.example.com")
	var sends []Send
	for range 60 {
		sends = append(sends, Send{Hop: h, Data: message("x", string(make([]byte, 1000)))})
	}
	a.Send(sends)
	for range sends {
		if p := b.next(t); p.data != string(sends[0].Data) {
			t.Fatalf("delivered %q", p.data)
		}
	}
}

func TestTLSWrongNameIsRefused(t *testing.T) {
	ca := newAuthority(t, "ca")
	a := newNode(t, Config{}, ca.issue(t, t.TempDir(), "a.example.com"))
	b := newNode(t, Config{}, ca.issue(t, t.TempDir(), "b.example.com"))
	for _, name := range []string{"other.example.com", ""} { // without a name the address must be in the certificate
		a.Send(one(tlsHop(a, b, t, name), "1"))
		f := a.failure(t)
		if _, ok := errors.AsType[x509.HostnameError](f.err); !ok {
			t.Errorf("name %q: %v, want a wrong name", name, f.err)
		}
	}
	b.none(t)
}

func TestTLSPeerMayBeRefused(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	onlyA := func(_ netip.AddrPort, remote netip.Addr, names []string) bool {
		return remote == loop4.Addr() && slices.Contains(names, "a.example.com")
	}
	b := newNode(t, Config{AllowTLS: onlyA}, ca.issue(t, t.TempDir(), "b.example.com"))
	foreign := other.issue(t, t.TempDir(), "a.example.com")
	foreign.CA = ca.file
	peers := map[string]ListenSpec{
		"a certificate of another authority": foreign,
		"a name that AllowTLS refuses":       ca.issue(t, t.TempDir(), "c.example.com"),
		"a certificate for signing code":     ca.issueFor(t, t.TempDir(), []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, "a.example.com"),
	}
	for what, spec := range peers {
		n := newNode(t, Config{}, spec)
		n.Send(one(tlsHop(n, b, t, "b.example.com"), "1"))
		if f := n.failure(t); f.callID != "1" {
			t.Errorf("%s: %+v", what, f)
		}
	}
	until(t, "all counted", func() bool { return b.stats(t, sip.TLS).HandshakeFailed == 3 })
	b.none(t)
	// A certificate for servers only is what public authorities issue.
	n := newNode(t, Config{}, ca.issueFor(t, t.TempDir(), []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, "a.example.com"))
	n.Send(one(tlsHop(n, b, t, "b.example.com"), "2"))
	b.next(t)
}

func TestTLSClientCertificateIsRequired(t *testing.T) {
	ca := newAuthority(t, "ca")
	n := newNode(t, Config{}, ca.issue(t, t.TempDir(), "b.example.com"))
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := tls.Client(client(t, "tcp4", n.addr(t, sip.TLS)), &tls.Config{
			RootCAs: roots, ServerName: "b.example.com", MinVersion: version, MaxVersion: version,
		})
		_, err := c.Write(message("1", ""))
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		if err == nil || isTimeout(err) {
			t.Errorf("version %x without a certificate: %v", version, err)
		}
	}
	old := tls.Client(client(t, "tcp4", n.addr(t, sip.TLS)), &tls.Config{
		RootCAs: roots, ServerName: "b.example.com", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	if err := old.Handshake(); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	until(t, "all counted", func() bool { return n.stats(t, sip.TLS).HandshakeFailed == 3 })
	n.none(t)
}

// serialOf dials and returns the serial number of the certificate that is presented, with the connection.
func serialOf(t *testing.T, ca *authority, own ListenSpec, to netip.AddrPort) (int64, *tls.Conn) {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	return serialBy(t, ca, cert, client(t, "tcp4", to))
}

// serialBy is serialOf over a connection that is there.
func serialBy(t *testing.T, ca *authority, cert tls.Certificate, by net.Conn) (int64, *tls.Conn) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	c := tls.Client(by, &tls.Config{
		RootCAs: roots, ServerName: "b.example.com", Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
	})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), c
}

func TestTLSRenewedCertificateIsUsedByTheNextHandshake(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), t.TempDir()
	own := ca.issue(t, t.TempDir(), "a.example.com")
	spec := ca.issue(t, dir, "b.example.com")
	n := newNode(t, Config{}, spec)
	to := n.addr(t, sip.TLS)
	before, old := serialOf(t, ca, own, to)

	if err := os.WriteFile(spec.Cert, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, _ := serialOf(t, ca, own, to); s != before {
		t.Errorf("serial %d with a bad file, want the old one %d", s, before)
	}
	ca.issue(t, dir, "b.example.com")
	// The time of a file may be coarse and its size the same: make sure that it differs.
	later := time.Now().Add(time.Minute)
	for _, f := range []string{spec.Cert, spec.Key} {
		if err := os.Chtimes(f, later, later); err != nil {
			t.Fatal(err)
		}
	}
	after, renewed := serialOf(t, ca, own, to)
	if after == before {
		t.Error("the renewed certificate was not used")
	}
	for i, c := range []*tls.Conn{old, renewed} {
		if _, err := c.Write(message("alive", "")); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		n.next(t)
	}
	if got := n.stats(t, sip.TLS).CertificateReload; got != 1 {
		t.Errorf("%d reloads counted, want 1", got)
	}
	// Other files for the same listener, without touching it.
	moved := ca.issue(t, t.TempDir(), "b.example.com")
	moved.Addr = loop4 // as it was asked for
	if err := n.Reconcile([]ListenSpec{moved}); err != nil || n.addr(t, sip.TLS) != to {
		t.Fatalf("reconcile: %v", err)
	}
	if s, _ := serialOf(t, ca, own, to); s == after {
		t.Error("the new files were not used")
	}
	moved.Key = own.Key
	if err := n.Reconcile([]ListenSpec{moved}); err == nil {
		t.Error("a key that does not fit was taken")
	}
	serialOf(t, ca, own, to)
}

// TestTLSFilesThatAreBeingWritten: a chain of which only the beginning is there yet is not shown, although its key fits.
func TestTLSFilesThatAreBeingWritten(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), t.TempDir()
	own := ca.issue(t, t.TempDir(), "a.example.com")
	spec := ca.issue(t, dir, "b.example.com")
	n := newNode(t, Config{}, spec)
	to := n.addr(t, sip.TLS)
	age := func(d time.Duration) {
		for _, f := range []string{spec.Cert, spec.Key} {
			if err := os.Chtimes(f, time.Time{}, time.Now().Add(-d)); err != nil {
				t.Fatal(err)
			}
		}
	}
	before, _ := serialOf(t, ca, own, to)
	ca.issue(t, dir, "b.example.com") // the leaf; what follows it is not yet written
	age(0)
	if s, _ := serialOf(t, ca, own, to); s != before {
		t.Error("a file is shown that is being written")
	}
	if err := n.Reconcile([]ListenSpec{spec}); err != nil { // as when a document is applied meanwhile
		t.Error(err)
	}
	if s, _ := serialOf(t, ca, own, to); s != before {
		t.Error("a file is shown that is being written, as a document was applied")
	}
	chain, err := os.ReadFile(spec.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spec.Cert, append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})...), 0o600); err != nil {
		t.Fatal(err)
	}
	age(2 * settled)
	s, c := serialOf(t, ca, own, to)
	if got := len(c.ConnectionState().PeerCertificates); s == before || got != 2 {
		t.Errorf("serial %d, before %d, with %d certificates", s, before, got)
	}
	if got := n.stats(t, sip.TLS).CertificateReload; got != 1 {
		t.Errorf("read %d times", got)
	}
	if err := os.WriteFile(spec.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	age(3 * settled)
	if s, _ := serialOf(t, ca, own, to); s == before {
		t.Error("of the pair that was good the one before is shown")
	}
	if err := n.Reconcile([]ListenSpec{spec}); err == nil {
		t.Error("a document is applied whose certificate cannot be used")
	}
}

// RFC 5246 §7.4.4: a peer is told the authorities that were chosen, by which it chooses its certificate, and not all that a system has.
func TestTLSAuthoritiesThatPeersAreTold(t *testing.T) {
	ca := newAuthority(t, "ca")
	own := ca.issue(t, t.TempDir(), "a.example.com")
	cert, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]int{ca.file: 1, "": 0} {
		spec := ca.issue(t, t.TempDir(), "b.example.com")
		spec.CA = file
		n := newNode(t, Config{}, spec)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			told := -1
			c := tls.Client(client(t, "tcp4", n.addr(t, sip.TLS)), &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
				GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
					told = len(r.AcceptableCAs)
					return &cert, nil
				}})
			_ = c.Handshake() // who is not of the system's authorities is refused
			if told != want {
				t.Errorf("ca %q, %s: %d authorities, want %d", file, tls.VersionName(version), told, want)
			}
		}
	}
}

func TestTLSListenerNeedsItsFiles(t *testing.T) {
	ca := newAuthority(t, "ca")
	good := ca.issue(t, t.TempDir(), "b.example.com")
	n := newNode(t, Config{})
	for _, bad := range []ListenSpec{
		{Transport: sip.TLS, Addr: loop4},
		{Transport: sip.TLS, Addr: loop4, Cert: good.Cert, Key: good.Key, CA: good.Key},
		{Transport: sip.TLS, Addr: loop4, Cert: good.Cert, Key: good.Cert, CA: good.CA},
	} {
		if err := n.Listen([]ListenSpec{bad}); err == nil {
			t.Errorf("opened with %+v", bad)
		}
	}
}

func TestTLSSlowHandshakeIsCutOff(t *testing.T) {
	ca := newAuthority(t, "ca")
	n := newNode(t, Config{Limits: Limits{HandshakeTimeout: 50 * time.Millisecond}}, ca.issue(t, t.TempDir(), "b.example.com"))
	c := client(t, "tcp4", n.addr(t, sip.TLS))
	write(t, c, []byte("\x16\x03\x01\x02")) // a record begins
	closed(t, c)
	until(t, "it is counted", func() bool { return n.stats(t, sip.TLS).HandshakeFailed == 1 })
}

func TestTLSDialledPeerThatDoesNotShakeHands(t *testing.T) {
	ca := newAuthority(t, "ca")
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := ln.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	n := newNode(t, Config{Limits: Limits{HandshakeTimeout: 50 * time.Millisecond}}, ca.issue(t, t.TempDir(), "a.example.com"))
	h := hop(sip.TLS, n.addr(t, sip.TLS), addrPort(ln.Addr()))
	h.Name = "b.example.com"
	n.Send(one(h, "1"))
	if f := n.failure(t); f.callID != "1" || !isTimeout(f.err) {
		t.Errorf("%+v", f)
	}
	<-done
}

func TestRFC5922_7_1_NamesOfCertificate(t *testing.T) {
	withSAN := &x509.Certificate{DNSNames: []string{"A.Example.com", "*.b.example.com"}, Subject: pkix.Name{CommonName: "cn.example.com"}}
	onlyCN := &x509.Certificate{Subject: pkix.Name{CommonName: "CN.example.com"}}
	for _, tt := range []struct {
		cert *x509.Certificate
		want []string
	}{
		{withSAN, []string{"a.example.com", "*.b.example.com"}},
		{onlyCN, []string{"cn.example.com"}},
		{&x509.Certificate{}, nil},
		{&x509.Certificate{URIs: []*url.URL{{Scheme: "sip", Opaque: "Example.com"}, {Scheme: "sip", Opaque: "bob@example.com"}}},
			[]string{"example.com"}},
	} {
		if got := PeerNames(tt.cert); !slices.Equal(got, tt.want) {
			t.Errorf("names %v, want %v", got, tt.want)
		}
	}
	for name, want := range map[string]bool{"a.example.com": true, "x.b.example.com": true, "cn.example.com": false, "": true} {
		if got := (peer{cert: withSAN}).is(name); got != want {
			t.Errorf("peer is %q: %v, want %v", name, got, want)
		}
	}
	if !(peer{cert: onlyCN}).is("cn.EXAMPLE.com") || (peer{}).is("a.example.com") {
		t.Error("common name, or no certificate at all")
	}
}

// TestTLSRefusedCertificateIsNamed: a peer of TLS 1.3 refuses our certificate when our side of the handshake is done and the request
// is under way. Whoever sees it first, writer or reader, the failure has the peer's alert.
func TestTLSRefusedCertificateIsNamed(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	n := newNode(t, Config{}, ca.issue(t, t.TempDir(), "a.example.com"))
	theirs := ca.issue(t, t.TempDir(), "b.example.com")
	theirs.CA = other.file
	b := newNode(t, Config{}, theirs)
	h := tlsHop(n, b, t, "b.example.com")
	for i := range 20 {
		n.Send(one(h, fmt.Sprint(i)))
		if f := n.failure(t); f.callID != fmt.Sprint(i) || !strings.Contains(f.err.Error(), "certificate") && !strings.Contains(f.err.Error(), "unknown") {
			t.Errorf("%s: %v", f.callID, f.err)
		}
	}
}

// TestWriterTellsTheReadersReason: what is written to a connection that the reader has closed fails with what the reader has found.
func TestWriterTellsTheReadersReason(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	c := &conn{t: n.Transport, counters: &counters{}, key: connKey{transport: sip.TCP}}
	reason := errors.New("alert")
	c.close(reason)
	c.writeFailed([]Send{{CallID: "late", Hop: sip.Hop{Transport: sip.TCP}}}, net.ErrClosed)
	if f := n.failure(t); f.callID != "late" || f.err != reason {
		t.Errorf("%+v", f)
	}
}

// TestHandshakeSaysWhatItWas: "EOF" alone tells nobody at what stage who went.
func TestHandshakeSaysWhatItWas(t *testing.T) {
	for want, leave := range map[string]func(net.Conn){
		"the peer has closed the connection in the TLS handshake: EOF": func(c net.Conn) { c.Read(make([]byte, 4096)); c.Close() },
		"the peer has refused the TLS handshake: tls: bad certificate": func(c net.Conn) { c.Read(make([]byte, 4096)); c.Write([]byte{21, 3, 3, 0, 2, 2, 42}) },
		"TLS handshake: ": func(c net.Conn) { c.Read(make([]byte, 4096)); c.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n")) },
	} {
		us, them := net.Pipe()
		go leave(them)
		_, err := handshake(tls.Client(us, &tls.Config{ServerName: "x.test"}), 5*time.Second)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		us.Close()
		them.Close()
	}
}
