package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/siptest"
)

// TestDrainThatIsEnded: who waits for the last call before the server is replaced is told when it takes calls again, and does not wait for ever.
func TestDrainThatIsEnded(t *testing.T) {
	dir := shortDir(t)
	path, network := filepath.Join(dir, "d.yaml"), siptest.Net(t)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(served, "NET.", network)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Config{Document: path, DataDir: dir, Shards: 1, Watch: -1, DNS: []string{}})
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
	for end := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		if _, out, _ := command(t, "status", "--data", dir); strings.Contains(out, "(draining)") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not drain")
		}
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
