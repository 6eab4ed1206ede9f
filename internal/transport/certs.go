package transport

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certStore holds the certificate of a TLS listener and reads its files again when they have changed and been left alone, which it
// looks for at every handshake. A file that cannot be used leaves the old certificate in place.
type certStore struct {
	log      *slog.Logger
	counters *counters
	signing  *gate

	mu     sync.Mutex
	spec   ListenSpec
	stamps [3]stamp
	now    *bundle
	bad    error // of the files with these stamps; then now is of those before
}

// bundle is the content of the files at one time.
type bundle struct {
	cert   tls.Certificate
	roots  *x509.CertPool
	accept *tls.Config // without the certificate
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

func newCertStore(spec ListenSpec, log *slog.Logger, c *counters, signing *gate) (*certStore, error) {
	s := &certStore{log: log, counters: c, signing: signing}
	return s, s.use(spec)
}

// use changes to the files of spec, or keeps the old ones and returns what is wrong with the new. Files that it has already are read when they have changed, as ever.
func (s *certStore) use(spec ListenSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stamps := stampsOf(spec)
	if s.now != nil && spec.Cert == s.spec.Cert && spec.Key == s.spec.Key && spec.CA == s.spec.CA && !s.due(stamps) {
		s.spec = spec
		return s.bad
	}
	b, err := s.load(spec)
	if err != nil {
		return err
	}
	s.spec, s.stamps, s.now, s.bad = spec, stamps, b, nil
	return nil
}

func (s *certStore) files() ListenSpec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spec
}

// current is the bundle for the next handshake.
func (s *certStore) current() *bundle {
	s.mu.Lock()
	defer s.mu.Unlock()
	stamps := stampsOf(s.spec)
	if !s.due(stamps) {
		return s.now
	}
	before := s.bad
	b, err := s.load(s.spec)
	if s.bad = err; err != nil {
		if s.stamps != stamps || before == nil || err.Error() != before.Error() { // a bad file is complained about once, until it changes again
			s.log.Error("certificate files changed and cannot be used, the old ones stay", "listener", s.spec.Addr, "error", err)
		}
		s.stamps = stamps
		return s.now
	}
	s.stamps = stamps
	s.now = b
	s.counters.reloads.Add(1)
	s.log.Info("certificate files read again", "listener", s.spec.Addr, "expires", b.cert.Leaf.NotAfter)
	return b
}

// due tells whether the files are to be read: they have changed since, or could not even be opened, which rights that are given later or a descriptor that is free again
// mends without a trace in them.
func (s *certStore) due(stamps [3]stamp) bool {
	if stamps == s.stamps {
		var unread *fs.PathError
		return errors.As(s.bad, &unread)
	}
	return !written(stamps, s.stamps, time.Now())
}

// settled is how long a file must have been left alone before it is read anew: certificate, chain and key are written one after the other.
const settled = time.Second

// written tells whether one of the files that have changed may still be being written.
func written(stamps, before [3]stamp, now time.Time) bool {
	for i, st := range stamps {
		if age := now.Sub(st.modified); st != before[i] && age >= 0 && age < settled {
			return true
		}
	}
	return false
}

func stampsOf(spec ListenSpec) (st [3]stamp) {
	for i, f := range []string{spec.Cert, spec.Key, spec.CA} {
		if info, err := os.Stat(f); err == nil {
			st[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return st
}

// TryCertificate tells why Listen could not use the certificate files of a TLS listener.
func TryCertificate(spec ListenSpec) error {
	_, _, err := readCertificate(spec)
	return err
}

func readCertificate(spec ListenSpec) (tls.Certificate, *x509.CertPool, error) {
	cert, err := tls.LoadX509KeyPair(spec.Cert, spec.Key)
	if err != nil {
		return cert, nil, fmt.Errorf("certificate %s with key %s: %w", spec.Cert, spec.Key, err)
	}
	roots, err := Authorities(spec.CA)
	if err != nil {
		return cert, nil, err
	}
	if cert.Leaf == nil {
		return cert, nil, errors.New("certificate has no leaf")
	}
	return cert, roots, nil
}

func (s *certStore) load(spec ListenSpec) (*bundle, error) {
	cert, roots, err := readCertificate(spec)
	if err != nil {
		return nil, err
	}
	s.inspect(spec, cert.Leaf)
	b := &bundle{cert: cert, roots: roots}
	b.accept = &tls.Config{
		MinVersion:       tls.VersionTLS12,
		ClientAuth:       tls.RequireAnyClientCert, // and verified by VerifyConnection
		VerifyConnection: verifyClient(roots),
		// A resumed session would outlive the certificates that it was made with.
		SessionTicketsDisabled: true,
	}
	if spec.CA != "" { // told to peers, that those with several certificates choose: the 150 of the system are 15 kB, more than some devices take in a handshake
		b.accept.ClientCAs = roots
	}
	return b, nil
}

// inspect warns of what peers will stumble over.
func (s *certStore) inspect(spec ListenSpec, leaf *x509.Certificate) {
	if now := time.Now(); now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		s.log.Warn("certificate is not valid now", "file", spec.Cert, "from", leaf.NotBefore, "to", leaf.NotAfter)
	}
	for _, n := range spec.Names {
		if err := leaf.VerifyHostname(n); err != nil {
			s.log.Warn("certificate does not carry our name", "file", spec.Cert, "name", n, "error", err)
		}
	}
}

// acceptConfig is for one accepted connection, whose handshake asks for the bundle of its time, and waits for its turn to sign until gone is closed.
func (s *certStore) acceptConfig(t turn, gone <-chan struct{}) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			b := s.current()
			cert, config := b.cert, b.accept.Clone()
			if key, ok := cert.PrivateKey.(crypto.Signer); ok {
				cert.PrivateKey = gated{key, s.signing, t, gone}
			}
			config.Certificates = []tls.Certificate{cert}
			return config, nil
		},
	}
}

// dialConfig is for one connection to a peer that must be name.
func (s *certStore) dialConfig(name string) *tls.Config {
	b := s.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: name,
		// Verified by VerifyConnection.
		InsecureSkipVerify: true,
		VerifyConnection:   verifyServer(b.roots, name),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &b.cert, nil
		},
	}
}
