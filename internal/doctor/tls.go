package doctor

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/transport"
)

// maxChain bounds the certificates of a peer that are looked at.
const maxChain = 8

func certificate(c *x509.Certificate) Certificate {
	sum := sha256.Sum256(c.Raw)
	client := slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) ||
		len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0
	return Certificate{Subject: clip(c.Subject.String()), Issuer: clip(c.Issuer.String()), Names: clipAll(transport.PeerNames(c)), From: c.NotBefore, Until: c.NotAfter,
		Client: client, SHA256: hex.EncodeToString(sum[:]), selfMade: selfMade(c)}
}

// handshake makes the handshake that the server would make and then looks at the peer's certificate, instead of ending the connection at the first
// fault of it: nothing but an OPTIONS is sent.
func (x *examination) handshake(ctx context.Context, h *Hop, c net.Conn, name string) (*tls.Conn, error) {
	if x.ours.err != nil {
		return nil, x.ours.err
	}
	ctx, cancel := context.WithTimeout(ctx, x.Timeout)
	defer cancel()
	hs := &Handshake{Name: name}
	begin := time.Now()
	tc := tls.Client(c, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         name,
		InsecureSkipVerify: true, // verified below
		GetClientCertificate: func(req *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			hs.ClientAsked, hs.ClientFits = true, req.SupportsCertificate(&x.ours.cert) == nil
			hs.ClientIssuers = issuers(req.AcceptableCAs)
			return &x.ours.cert, nil
		},
	})
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	cs := tc.ConnectionState()
	if len(cs.PeerCertificates) == 0 {
		return nil, errors.New("the peer has no certificate")
	}
	hs.Took, hs.Version, hs.Cipher = time.Since(begin), tls.VersionName(cs.Version), tls.CipherSuiteName(cs.CipherSuite)
	hs.verify(cs.PeerCertificates, x.ours.roots)
	h.TLS, h.names = hs, transport.PeerNames(cs.PeerCertificates[0])
	return tc, nil
}

// verify does what the server does when it dials, each part by itself.
func (hs *Handshake) verify(chain []*x509.Certificate, roots *x509.CertPool) {
	between := x509.NewCertPool()
	for i, c := range chain[:min(len(chain), maxChain)] {
		hs.Chain = append(hs.Chain, certificate(c))
		if i > 0 {
			between.AddCert(c)
		}
	}
	leaf := chain[0]
	if err := transport.VerifyName(leaf, hs.Name); err != nil {
		hs.NameError = clip(err.Error())
	}
	now := time.Now()
	_, err := undated(leaf, now).Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now})
	if invalid := (x509.CertificateInvalidError{}); errors.As(err, &invalid) && invalid.Reason == x509.Expired { // of who has issued it
		hs.stale = clip(invalid.Cert.Subject.String())
	}
	if err != nil {
		hs.TrustError = clip(err.Error())
	}
}

// issuers are the names of certificate authorities in a request for a certificate (RFC 8446 §4.2.4).
func issuers(raw [][]byte) (list []string) {
	for _, der := range raw[:min(len(raw), maxList)] {
		var rdn pkix.RDNSequence
		if _, err := asn1.Unmarshal(der, &rdn); err != nil {
			continue
		}
		var name pkix.Name
		name.FillFromRDNSequence(&rdn)
		list = append(list, clip(name.String()))
	}
	return list
}
