package siptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority is a certificate authority of one test. What it makes lies as PEM in a directory, for programs to read.
type Authority struct {
	File string         // its own certificate
	Pool *x509.CertPool // which has that alone

	tb   TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64 // serial number
}

// NewAuthority makes an authority and writes its certificate to name.ca.
func NewAuthority(tb TB, dir, name string) *Authority {
	tb.Helper()
	return newAuthority(tb, dir, name, 400*24*time.Hour)
}

// ExpiredAuthority is one that was valid until an hour ago.
func ExpiredAuthority(tb TB, dir, name string) *Authority {
	tb.Helper()
	return newAuthority(tb, dir, name, -time.Hour)
}

func newAuthority(tb TB, dir, name string, valid time.Duration) *Authority {
	tb.Helper()
	a := &Authority{File: filepath.Join(dir, name+".ca"), Pool: x509.NewCertPool(), tb: tb, dir: dir}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-72 * time.Hour), NotAfter: time.Now().Add(valid),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, key := a.sign(template)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		tb.Fatalf("%v", err)
	}
	a.key = key
	a.Pool.AddCert(a.cert)
	a.write(a.File, block("CERTIFICATE", der))
	return a
}

// Issue writes file.pem, file.key and, with both in it, file.both: a certificate for names and addresses that is valid for so long from now, or
// was until so long ago. It returns their path without the ending.
func (a *Authority) Issue(file string, valid time.Duration, names ...string) (path string) {
	a.tb.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, NotBefore: time.Now().Add(min(valid, 0) - 48*time.Hour), NotAfter: time.Now().Add(valid),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, key := a.sign(template)
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.tb.Fatalf("%v", err)
	}
	path = filepath.Join(a.dir, file)
	cert, secret := block("CERTIFICATE", der), block("EC PRIVATE KEY", private)
	a.write(path+".pem", cert)
	a.write(path+".key", secret)
	a.write(path+".both", append(cert, secret...))
	return path
}

// Config is that of a party which trusts the authority and has the certificate that Issue wrote to a path; with path "" it has none.
func (a *Authority) Config(path string) *tls.Config {
	a.tb.Helper()
	cfg := &tls.Config{RootCAs: a.Pool, ClientCAs: a.Pool}
	if path != "" {
		c, err := tls.LoadX509KeyPair(path+".pem", path+".key")
		if err != nil {
			a.tb.Fatalf("%v", err)
		}
		cfg.Certificates = []tls.Certificate{c}
	}
	return cfg
}

// sign makes a key and a certificate of it; the first one signs itself.
func (a *Authority) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.tb.Fatalf("%v", err)
	}
	a.last++
	template.SerialNumber = big.NewInt(a.last)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer); err != nil {
		a.tb.Fatalf("%v", err)
	}
	return der, key
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (a *Authority) write(file string, text []byte) {
	a.tb.Helper()
	if err := os.WriteFile(file, text, 0o644); err != nil {
		a.tb.Fatalf("%v", err)
	}
}
