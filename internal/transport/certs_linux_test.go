package transport

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/sip"
)

// TestTLSFilesThatCouldNotBeOpened: files that could not be opened when they were new, for want of a descriptor here as for want of a right elsewhere, do not change
// when they can be, and are used all the same.
func TestTLSFilesThatCouldNotBeOpened(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), t.TempDir()
	own := ca.issue(t, t.TempDir(), "a.example.com")
	spec := ca.issue(t, dir, "b.example.com")
	var log bytes.Buffer
	n := newNode(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, spec)
	to := n.addr(t, sip.TLS)
	before, _ := serialOf(t, ca, own, to)
	cert, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	had := n.stats(t, sip.TLS).Accepted
	waiting := []net.Conn{client(t, "tcp4", to), client(t, "tcp4", to)}
	until(t, "accepted", func() bool { return n.stats(t, sip.TLS).Accepted == had+2 })

	ca.issue(t, dir, "b.example.com")
	for _, f := range []string{spec.Cert, spec.Key} {
		if err := os.Chtimes(f, time.Time{}, time.Now().Add(-2*settled)); err != nil {
			t.Fatal(err)
		}
	}
	restore := fewDescriptors(t)
	defer restore()
	for _, c := range waiting {
		if s, _ := serialBy(t, ca, cert, c); s != before {
			t.Error("what cannot be opened is shown")
		}
		if err := n.Reconcile([]ListenSpec{spec}); err == nil {
			t.Error("a document is applied whose certificate cannot be read")
		}
	}
	restore()
	if got := strings.Count(log.String(), "cannot be used"); got != 1 {
		t.Errorf("complained of %d times:\n%s", got, &log)
	}
	if s, _ := serialOf(t, ca, own, to); s == before {
		t.Error("the renewed certificate is not used although it can be read")
	}
	if err := n.Reconcile([]ListenSpec{spec}); err != nil {
		t.Error(err)
	}
}

// fewDescriptors leaves none for another file until the function is called.
func fewDescriptors(t *testing.T) (restore func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	}
}
