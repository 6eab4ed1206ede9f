package relay

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/directsip/directsip/internal/media"

	_ "crypto/sha1" // of the fingerprints of older peers
	_ "crypto/sha512"
)

// identity is the certificate that this process has toward every peer of DTLS. It is trusted by its fingerprint in the SDP alone (RFC 5763 §5), so it
// is made anew with each start and never leaves memory.
type identity struct {
	certificate tls.Certificate
	fingerprint media.Fingerprint
}

// lifetime of the certificate: longer than a process runs. Nobody looks at it.
const lifetime = 10 * 365 * 24 * time.Hour

func newIdentity(now time.Time) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, fmt.Errorf("relay: key of DTLS: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return identity{}, fmt.Errorf("relay: certificate of DTLS: %w", err)
	}
	tmpl := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "directsip"}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(lifetime)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return identity{}, fmt.Errorf("relay: certificate of DTLS: %w", err)
	}
	sum := sha256.Sum256(der)
	return identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, media.Fingerprint{Hash: "sha-256", Value: string(sum[:])}}, nil
}

// Fingerprint is what the SDP says of the certificate that this relay has toward peers of DTLS.
func (r *Relay) Fingerprint() media.Fingerprint { return r.identity.fingerprint }

var hashes = map[string]crypto.Hash{
	"sha-1": crypto.SHA1, "sha-224": crypto.SHA224, "sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512,
}

// fits tells whether a certificate is one that the peer's SDP has announced.
func fits(der []byte, announced []media.Fingerprint) bool {
	for _, f := range announced {
		h, ok := hashes[f.Hash]
		if !ok {
			continue
		}
		sum := h.New()
		sum.Write(der)
		if string(sum.Sum(nil)) == f.Value {
			return true
		}
	}
	return false
}
