package cli

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/server"
)

// control serves the control socket of a data directory.
func control(t *testing.T, h http.HandlerFunc) *client {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", server.SocketPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	c := (&app{socket: filepath.Join(dir, "control.sock")}).client()
	c.patience = 50 * time.Millisecond
	return c
}

// TestServerHangs: a server that does not answer is not waited for for ever, and one that is slow with an answer is.
func TestServerHangs(t *testing.T) {
	release := make(chan struct{})
	hangs := control(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	var got []int
	if err := hangs.get(t.Context(), "/health", &got); !errors.Is(err, errHangs) {
		t.Errorf("of a server that hangs: %v", err)
	}
	looks := make(chan struct{}, 100)
	slow := control(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/status" {
			looks <- struct{}{}
			io.WriteString(w, "{}")
			return
		}
		<-looks
		<-looks
		io.WriteString(w, "[1]")
	})
	if err := slow.get(t.Context(), "/history", &got); err != nil || len(got) != 1 {
		t.Errorf("of a server that is slow: %v, %v", got, err)
	}
}

// TestOlderServer: between the new file and the restart the server knows less than the command.
func TestOlderServer(t *testing.T) {
	old := control(t, http.NotFound)
	var got []int
	err := old.get(t.Context(), "/health", &got)
	if want := "the running server is older than this command and does not know what it asks for (/health); `directsip drain --wait` it and restart it"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestApplyToOlderServer: one that does not tell whether a document is another one has applied it all the same.
func TestApplyToOlderServer(t *testing.T) {
	for answer, want := range map[string]string{
		`{"document":"0123","warnings":[]}`:                 "document 0123 applied; running calls keep theirs\n",
		`{"document":"0123","warnings":[],"changed":true}`:  "document 0123 applied; running calls keep theirs\n",
		`{"document":"0123","warnings":[],"changed":false}`: "document 0123 is the one that the server has; nothing has changed\n",
	} {
		c := control(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) })
		var out, errs strings.Builder
		if status := Main([]string{"apply", "--socket", c.path, "-"}, strings.NewReader("pools: {}"), &out, &errs); status != 0 || out.String() != want {
			t.Errorf("%s: status %d, %q, %s", answer, status, out.String(), errs.String())
		}
	}
}
