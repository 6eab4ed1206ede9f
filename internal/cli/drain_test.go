package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/siptest"
)

// refusing is a log that tells when a server begins to refuse calls.
type refusing chan struct{}

func (r refusing) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("new calls are refused")) {
		select {
		case r <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

// TestDrainThatIsEnded: who waits for the last call before the server is replaced is told when it takes calls again, and does not wait for ever.
func TestDrainThatIsEnded(t *testing.T) {
	dir := shortDir(t)
	path, network := filepath.Join(dir, "d.yaml"), siptest.Net(t)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(served, "NET.", network)), 0o600); err != nil {
		t.Fatal(err)
	}
	drains := make(refusing, 1)
	s, err := server.Start(server.Config{Document: path, DataDir: dir, Shards: 1, Watch: -1, DNS: []string{}, Logger: slog.New(slog.NewTextHandler(drains, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: network + "2:5060"})
	agents.Agent(siptest.Config{Name: "gw", Listen: network + "3:5060"})
	call := agents.Dial(pbx, network+"1:5060", "sip:+14255550100@"+network+"1")
	agents.Wait(call, siptest.Answered)

	type result struct {
		status int
		errs   string
	}
	done := make(chan result, 1)
	go func() {
		status, _, errs := command(t, "drain", "--wait", "--data", dir)
		done <- result{status, errs}
	}()
	select {
	case <-drains:
	case <-time.After(timeout):
		t.Fatal("it does not drain")
	}
	if status, _, errs := command(t, "drain", "--off", "--data", dir); status != 0 {
		t.Fatal(errs)
	}
	select {
	case r := <-done:
		if r.status != 1 || !strings.Contains(r.errs, "takes calls again") {
			t.Errorf("status %d: %s", r.status, r.errs)
		}
	case <-time.After(timeout):
		t.Error("it waits for the last call of a server that takes calls")
	}
	call.Hangup()
	agents.Wait(call, siptest.Ended)
}
