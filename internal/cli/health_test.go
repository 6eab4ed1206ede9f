package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/siptest"
)

// TestHealthSaysWhatIsMissed: a script reads the exit status and the JSON, a person the verdict and where to look.
func TestHealthSaysWhatIsMissed(t *testing.T) {
	dir, err := os.MkdirTemp("", "ds") // short: the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "d.yaml")
	doc := strings.ReplaceAll(string(demoDocument), "127.83.0.", siptest.Net(t))
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := command(t, "health", "--data", dir); status != 1 || !strings.Contains(errs, "no server is running") {
		t.Errorf("without a server: status %d, %s", status, errs)
	}
	s, err := server.Start(server.Config{Document: path, Server: "med1.demo", DataDir: dir, Shards: 1, Watch: -1, DNS: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	s.Drain(true)
	status, out, _ := command(t, "health", "--data", dir)
	if status != 1 || !strings.Contains(out, "draining        MISSED   1") || !strings.Contains(out, "  see: directsip drain --off") || !strings.Contains(out, "med1.demo misses ") {
		t.Errorf("status %d\n%s", status, out)
	}
	if status, out, _ = command(t, "health", "--data", dir, "--json"); status != 1 || !strings.Contains(out, `"met": false`) {
		t.Errorf("status %d\n%s", status, out)
	}
	if _, out, _ = command(t, "status", "--data", dir); !strings.Contains(out, "draining") || !strings.Contains(out, "(directsip health)") {
		t.Error(out)
	}
}

// TestRatingFitsTheTerminal reads a rating on 80 columns.
func TestRatingFitsTheTerminal(t *testing.T) {
	var b bytes.Buffer
	writeRating(&b, &server.Rating{Server: "med1", Targets: []server.Target{
		{Name: "records-lost", Met: true, Bound: "most", Unit: "lost, or failed writes, in 15 minutes"},
		{Name: "disk-free", Value: 17, Bound: "least", Limit: 1000, Unit: "MiB", Detail: "/var/lib/directsip", Look: "make room"},
		{Name: "calls-failed", Met: true, Bound: "most", Limit: 5, Unit: "%", Unknown: "7 of the 50 calls that it takes"},
	}}, 80)
	fits(t, "health", b.String(), 80)
	for _, want := range []string{"disk-free     MISSED   17     least 1000  MiB\n  /var/lib/directsip\n  see: make room\n", "unknown  -", "med1 misses 1 target of 3"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if lasting(90*time.Second) != "1m30s" || lasting(26*time.Hour) != "1d2h" || lasting(125*time.Minute) != "2h5m" {
		t.Error("times")
	}
}
