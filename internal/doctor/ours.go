package doctor

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// ourCertificate is what the server presents and whom it trusts.
type ourCertificate struct {
	srv   *topology.Server
	cert  tls.Certificate
	roots *x509.CertPool
	names []string // that it should carry
	key   string   // of the document, whose file err is about
	err   error
}

// loadOurs reads the files of a server as it does when it begins to listen.
func loadOurs(srv *topology.Server, names []string) *ourCertificate {
	o := &ourCertificate{srv: srv, names: names, key: "cert"}
	cert, err := os.ReadFile(srv.Cert)
	if err != nil {
		o.err = err
		return o
	}
	key, err := os.ReadFile(srv.Key)
	if err != nil {
		o.key, o.err = "key", err
		return o
	}
	if o.cert, o.err = tls.X509KeyPair(cert, key); o.err != nil {
		if block, _ := pem.Decode(cert); block != nil && block.Type == "CERTIFICATE" {
			o.key = "key"
		}
		return o
	}
	o.key = "ca"
	o.roots, o.err = transport.Authorities(srv.CA)
	return o
}

// tell puts what counts of the files to the facts.
func (o *ourCertificate) tell(f *Facts) {
	if o.err != nil {
		f.OursError = strings.TrimPrefix(o.err.Error(), "tls: ")
		return
	}
	c := certificate(o.cert.Leaf)
	for _, n := range o.names { // a SIP URI names a host as well (RFC 5922 §7.1), but for no wildcard
		if o.cert.Leaf.VerifyHostname(n) != nil && !slices.Contains(c.Names, strings.ToLower(n)) {
			c.lacks = append(c.lacks, n)
		}
	}
	c.loose = o.loose()
	f.Ours, f.Trusted = &c, authorities(o.srv.CA)
}

// loose tells why the chain in our file leads nowhere: neither to an authority that the server or this host trusts, nor to one that is in the file itself,
// and that peers may well have been given.
func (o *ourCertificate) loose() string {
	leaf, between := o.cert.Leaf, x509.NewCertPool()
	at := leaf
	for _, der := range o.cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return clip(err.Error())
		}
		if between.AddCert(c); at.CheckSignatureFrom(c) == nil {
			at = c
		}
	}
	if selfMade(at) {
		return ""
	}
	now := time.Now()
	leaf = undated(leaf, now)
	opts := x509.VerifyOptions{Roots: o.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	_, err := leaf.Verify(opts)
	if err == nil {
		return ""
	}
	if opts.Roots, _ = x509.SystemCertPool(); opts.Roots != nil {
		if _, err := leaf.Verify(opts); err == nil {
			return ""
		}
	}
	return clip(err.Error())
}

// selfMade tells whether a certificate was issued by itself, whatever it may be used for.
func selfMade(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// undated is a certificate as if it were valid now: that it has expired is a finding of its own. Its authority is judged by the present, too: it may be younger than a certificate that
// has expired, or have expired itself.
func undated(c *x509.Certificate, now time.Time) *x509.Certificate {
	valid := *c
	valid.NotBefore, valid.NotAfter = now, now
	return &valid
}

// authorities is what counts of a file that has been read before; nil: those of the system are trusted.
func authorities(file string) *Authorities {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	a := &Authorities{File: file}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return a
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.NotAfter.After(a.Until) {
			a.Until = c.NotAfter
		}
	}
}

// Here tells whether this host has an address of a server.
func Here(srv *topology.Server) bool { return slices.ContainsFunc(srv.AllAddresses(), here) }

func here(a netip.Addr) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return false
	}
	c.Close()
	return true
}
