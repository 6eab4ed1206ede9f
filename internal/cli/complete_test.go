package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/siptest"
)

// TestRunningCallsAreCompleted: of a call that rings the shell knows the id, and of one that has ended it still does.
func TestRunningCallsAreCompleted(t *testing.T) {
	network, data := siptest.Net(t), shortDir(t)
	doc := filepath.Join(data, "directsip.yaml")
	if err := os.WriteFile(doc, []byte(strings.ReplaceAll(testCallDocument, "NET.", network)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Config{Document: doc, DataDir: data, Shards: 1, Watch: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	agents := siptest.T(t)
	gw := agents.Agent(siptest.Config{Name: "gw", Listen: network + "2:5060"})
	gw.Answer(siptest.Ring(0), siptest.Wait(time.Hour), siptest.OK())
	c := agents.Dial(agents.Agent(siptest.Config{Name: "tester", Listen: network + "3:5071"}), network+"1:5070", "sip:+14255550100@"+network+"1")
	agents.Wait(c, siptest.Ringing)
	complete := func() string {
		status, out, errs := command(t, "__complete", "why", "--data", data, "")
		if status != 0 {
			t.Fatal(errs)
		}
		return out
	}
	out := complete()
	id, what, _ := strings.Cut(out, "\t")
	if len(id) < 8 || !strings.Contains(what, " to +14255550100, running\n") || strings.Count(out, "\t") != 1 {
		t.Fatalf("while it rings: %q", out)
	}
	c.Hangup()
	agents.Wait(c, siptest.Ended)
	deadline := time.Now().Add(timeout)
	for out = complete(); strings.Contains(out, "running") || !strings.HasPrefix(out, id+"\t") || strings.Count(out, "\t") != 1; out = complete() {
		if time.Now().After(deadline) {
			t.Fatalf("when it has ended: %q, want %s", out, id)
		}
	}
}
