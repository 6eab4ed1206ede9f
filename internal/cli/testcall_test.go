package cli

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/siptest"
)

const testCallDocument = `
pools: {pool.test: {servers: {med1.test: {addresses: [NET.1], mediaPorts: 20000-20999}}}}
gateways:
  gw: {host: NET.2, root: {transport: UDP}}
  tester: {kind: pbx, host: NET.3, root: {transport: UDP, port: 5070, gatewayPort: 5071}}
  far: {kind: pbx, host: 192.0.2.77, root: {transport: UDP, port: 5072}}
  secure: {kind: pbx, host: pbx.test, root: {transport: TCP, port: 5074}}
trunkSettings:
  global: {options: false}
  trunk:tester: {usages: [all], options: false}
usages: [all]
routes:
  - {name: out, pattern: '^\+1', usages: [all], trunks: [gw]}
  - {name: back, pattern: '^\+2', usages: [all], trunks: [tester]}
`

// OPS-04: a real call by the program, answered, refused, and coming back over its own trunk.
func TestOPS04Call(t *testing.T) {
	t.Parallel()
	network := siptest.Net(t)
	doc := filepath.Join(t.TempDir(), "directsip.yaml")
	if err := os.WriteFile(doc, []byte(strings.ReplaceAll(testCallDocument, "NET.", network)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Config{Document: doc, DataDir: t.TempDir(), Shards: 1, Watch: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	gw, err := siptest.NewAgent(siptest.Config{Name: "gw", Listen: network + "2:5060", Audio: siptest.Tone(620)})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	call := func(to string, more ...string) (int, testCall, string) {
		t.Helper()
		status, out, errs := command(t, append([]string{"call", "--trunk", "tester", "--to", to, "--talk", "3s", "--json", doc}, more...)...)
		var r testCall
		if out != "" {
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
		}
		return status, r, errs
	}
	gw.Answer(siptest.Ring(100*time.Millisecond), siptest.OK())
	status, r, errs := call("+14255550100", "--digits", "12#", "--from", "+14255550199")
	if status != 0 || r.Status != 200 || r.Answered == 0 || r.Ringing == 0 || r.Ringing > r.Answered || r.Media.Heard == 0 || r.Media.Tone != 620 || r.Back != nil {
		t.Errorf("answered: status %d, %+v %s", status, r, errs)
	}
	if c := gw.Calls()[0]; c.Media().Received == 0 || c.Media().Digits != "12#" || !strings.Contains(c.Invite().From().URI, "+14255550199") {
		t.Errorf("the gateway heard %+v of %s", c.Media(), c.Invite().From())
	}
	var text strings.Builder
	if r.write(&text); !strings.HasPrefix(text.String(), "ringing after ") || !strings.Contains(text.String(), "\nanswered after ") {
		t.Errorf("not in the order in which it was:\n%s", text.String())
	}
	if rec, err := s.Call(t.Context(), r.ID); err != nil || rec.In.Trunk != "tester" || rec.Out.Trunk != "gw" {
		t.Errorf("the record: %+v, %v", rec, err)
	}
	gw.Reject(486)
	if status, r, errs = call("+14255550100"); status != 1 || r.Status != 486 || r.Answered != 0 {
		t.Errorf("busy: status %d, %+v %s", status, r, errs)
	}
	status, r, errs = call("+24255550100", "--digits", "7")
	if status != 0 || r.Back == nil || r.Back.Heard == 0 || r.Back.Digits != "7" || r.Back.Tone != callTone || r.Media.Tone != callTone {
		t.Errorf("back: status %d, %+v %+v %s", status, r, r.Back, errs)
	}
	gw.Answer(siptest.Ring(0), siptest.Wait(time.Hour), siptest.OK())
	if status, r, errs = call("+14255550100", "--wait", "2s"); status != 1 || r.Answered != 0 || r.Ringing == 0 {
		t.Errorf("rings: status %d, %+v %s", status, r, errs)
	}
	gw.Reject(404)
	if _, r, errs = call("*21#"); r.Status == 400 {
		t.Errorf("a number with #: %+v %s", r, errs)
	}
	for trunk, want := range map[string]string{"far": "is not of this host", "secure": "no fixed address", "nobody": `no trunk "nobody"; it has`} {
		if status, _, errs := command(t, "call", "--trunk", trunk, "--to", "1", doc); status != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s", trunk, status, errs)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := call("+14255550100", "--wait", "1s"); status != 1 || !strings.Contains(errs, "nothing answers on UDP "+network+"1:5070") {
		t.Errorf("no server: status %d, %s", status, errs)
	}
}
