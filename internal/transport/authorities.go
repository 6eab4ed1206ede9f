package transport

import (
	"crypto/x509"
	"fmt"
	"os"
)

// Authorities reads the certificate authorities that peers are verified against: a PEM file, or those of the system for "".
func Authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("certificate authorities of the system: %w", err)
		}
		return roots, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authorities: %s has no certificate", file)
	}
	return roots, nil
}
