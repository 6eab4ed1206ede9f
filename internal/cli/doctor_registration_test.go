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

const registeringDocument = `
pools: {pool.test: {servers: {med1.test: {addresses: [NET.1], mediaPorts: 20000-20999}}}}
gateways:
  itsp: {kind: sbc, host: NET.2, root: {transport: UDP, credentials: {user: acme, passwordFile: FILE}, registration: {}}}
`

// TestDoctorTellsOfTheRegistration, which OPTIONS say nothing of: the provider answers them while it refuses the password.
func TestDoctorTellsOfTheRegistration(t *testing.T) {
	network, dir := siptest.Net(t), shortDir(t)
	doc, secret, data := filepath.Join(dir, "directsip.yaml"), filepath.Join(dir, "secret"), filepath.Join(dir, "data")
	text := strings.NewReplacer("NET.", network, "FILE", secret).Replace(registeringDocument)
	for path, content := range map[string]string{doc: text, secret: "wrong"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	itsp, err := siptest.NewAgent(siptest.Config{Name: "itsp", Listen: network + "2:5060", Registrar: &siptest.Registrar{User: "acme", Password: "right"}})
	if err != nil {
		t.Fatal(err)
	}
	defer itsp.Close()
	examine := func(status int, wants ...string) {
		t.Helper()
		deadline := time.Now().Add(timeout)
		for {
			got, out, errs := command(t, "doctor", "itsp", doc, "--data", data)
			missing := ""
			for _, want := range append(wants, "ok       answers: ") {
				if !strings.Contains(out, want) {
					missing = want
				}
			}
			if got == status && missing == "" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("status %d, without %q\n%s%s", got, missing, out, errs)
			}
		}
	}
	examine(0, "note     registration-unknown: the trunk registers as acme at "+network+"2, which is not tried here, and no server with it runs here")
	s, err := server.Start(server.Config{Document: doc, DataDir: data, Shards: 1, Watch: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	examine(1, `error    not-registered: the running server is to register as acme at `+network+`2: failed: answered 403 Forbidden to user "acme" and its password, next try `,
		"none leaves by the trunk", "fix: Compare user, password and realm of credentials")
	if err := os.WriteFile(secret, []byte("right"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := command(t, "apply", doc, "--data", data); status != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	examine(0, "ok       registered: the running server is registered as acme at "+network+"2 until ")
}
