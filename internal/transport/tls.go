package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// peer is what a TLS handshake proved about the other side; zero for TCP.
type peer struct {
	names []string
	cert  *x509.Certificate
}

// is tells whether the peer proved to be name (RFC 5922 §7).
func (p peer) is(name string) bool {
	if name == "" {
		return true
	}
	return p.cert != nil && VerifyName(p.cert, name) == nil
}

// VerifyName tells why a certificate is not one of a name: besides the names of hosts there are SIP URIs, and where there is neither, as on many a gateway that has made
// its own, the common name (RFC 5922 §7.1).
func VerifyName(cert *x509.Certificate, name string) error {
	err := cert.VerifyHostname(name)
	if err != nil && slices.Contains(PeerNames(cert), strings.ToLower(name)) {
		return nil
	}
	return err
}

// handshake runs the handshake of either side within timeout.
func handshake(tc *tls.Conn, timeout time.Duration) (peer, error) {
	if err := tc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return peer{}, err
	}
	if err := tc.Handshake(); errors.Is(err, io.EOF) {
		return peer{}, fmt.Errorf("the peer has closed the connection in the TLS handshake: %w", err) // too busy, or our certificate is not to its liking
	} else if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return peer{}, fmt.Errorf("the peer has refused the TLS handshake: %w", alert.Err) // "tls: bad certificate" is what it says of ours
	} else if err != nil {
		return peer{}, fmt.Errorf("TLS handshake: %w", err)
	}
	certs := tc.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return peer{}, errors.New("peer has no certificate")
	}
	return peer{names: PeerNames(certs[0]), cert: certs[0]}, tc.SetDeadline(time.Time{})
}

// PeerNames lists the names that the peer with a certificate is known by, in lower case: the subject alternative names, of a
// SIP URI the host, or the common name where there is none (RFC 5922 §7.1).
func PeerNames(cert *x509.Certificate) []string {
	var names []string
	for _, n := range cert.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	for _, u := range cert.URIs {
		if u.Scheme == "sip" && !strings.Contains(u.Opaque, "@") && u.Opaque != "" {
			names = append(names, strings.ToLower(u.Opaque))
		}
	}
	if len(names) == 0 && cert.Subject.CommonName != "" {
		names = append(names, strings.ToLower(cert.Subject.CommonName))
	}
	return names
}

// verifyChain checks who has issued the certificate of a peer, for one of some purposes, of a server if none is given.
func verifyChain(cs *tls.ConnectionState, roots *x509.CertPool, purposes ...x509.ExtKeyUsage) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("peer has no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: purposes})
	return err
}

// verifyServer checks the chain and the name of a peer that we call, as crypto/tls would but for the names that it does not know.
func verifyServer(roots *x509.CertPool, name string) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		err := verifyChain(&cs, roots)
		if err == nil {
			err = VerifyName(cs.PeerCertificates[0], name)
		}
		if err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
		}
		return nil
	}
}

// verifyClient checks the chain of a peer that called us. SIP peers are servers on both ends of a connection and public
// authorities issue certificates for servers only, so either purpose will do (RFC 5924 §4 asks for no particular one).
func verifyClient(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		return verifyChain(&cs, roots, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)
	}
}
