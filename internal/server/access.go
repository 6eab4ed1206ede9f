package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/directsip/directsip/internal/files"
	"github.com/directsip/directsip/internal/topology"
)

// maxAuthorities is more than a file of authorities has.
const maxAuthorities = 4 << 20

// consumerFiles are the files that a consumer of quality records is reached with; "" where there is none.
type consumerFiles struct{ server, token, ca, cert, key string }

// access is what they said when they were read.
type access struct {
	token, ca string
	stamps    [2]fileStamp
	http      *http.Client
}

// same tells whether both show and believe the same.
func (a *access) same(b *access) bool {
	if a == nil || b == nil {
		return false
	}
	return a.token == b.token && a.ca == b.ca
}

// stamps tell when one of the files that are read at once has changed.
func (f *consumerFiles) stamps() [2]fileStamp {
	return [2]fileStamp{stampOf(f.token), stampOf(f.ca)}
}

func (f *consumerFiles) read() (*access, error) {
	a := &access{stamps: f.stamps()}
	bad := func(key, file string, err error) error {
		return fmt.Errorf("server %q: %s %s: %w; mend the file, or remove the key", f.server, key, file, err)
	}
	if f.token != "" {
		text, err := files.Secret(f.token)
		if err == nil {
			a.token, err = topology.ConsumerToken(text)
		}
		if err != nil {
			return nil, bad("qualityConsumerTokenFile", f.token, err)
		}
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := files.Read(f.ca, maxAuthorities)
		if err != nil {
			return nil, bad("ca", f.ca, err)
		}
		if cfg.RootCAs, err = x509.SystemCertPool(); err != nil {
			cfg.RootCAs = x509.NewCertPool()
		}
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, bad("ca", f.ca, errors.New("it has no certificate"))
		}
		a.ca = string(pem)
	}
	if f.cert != "" && f.key != "" { // read when it is asked for, as it is renewed
		cert, key := f.cert, f.key
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		}
	}
	a.http = &http.Client{Timeout: consumerTimeout, Transport: &http.Transport{TLSClientConfig: cfg, MaxConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // a token is for one host
	return a, nil
}

// with is what the consumer is reached with now: files are read anew when they change, and what they said holds while they cannot be read. nil: they could not be read yet.
func (c *consumer) with() *access {
	a := c.access.Load()
	if a != nil && a.stamps == c.files.stamps() {
		c.counts.unread.Store(nil)
		return a
	}
	b, err := c.files.read()
	if err != nil {
		if was := c.counts.unread.Swap(&err); was == nil || (*was).Error() != err.Error() {
			c.log.Error("quality records: a file of the consumer cannot be read", "err", err)
		}
		return a
	}
	c.access.Store(b)
	c.counts.unread.Store(nil)
	if a != nil {
		a.http.CloseIdleConnections()
	}
	if !a.same(b) {
		c.log.Info("quality records: the files of the consumer are read", "consumer", c.host)
	}
	return b
}

// ration lets some lines through in a minute, and counts the others.
type ration struct {
	since  time.Time
	spent  int
	beyond int
}

// take tells whether a line may be written, and how many were not since the last one.
func (r *ration) take(now time.Time) (left int, ok bool) {
	if now.Sub(r.since) >= time.Minute {
		r.since, r.spent = now, 0
	}
	if r.spent >= lines {
		r.beyond++
		return 0, false
	}
	r.spent++
	left, r.beyond = r.beyond, 0
	return left, true
}
