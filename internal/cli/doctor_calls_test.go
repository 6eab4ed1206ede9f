package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/siptest"
)

// TestDoctorTellsOfCallsThatFail: a peer that answers OPTIONS and refuses every call is not well, though the next trunk takes them all.
func TestDoctorTellsOfCallsThatFail(t *testing.T) {
	network, dir := siptest.Net(t), shortDir(t)
	doc, data := filepath.Join(dir, "directsip.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(doc, []byte(strings.ReplaceAll(`
pools: {pool.test: {servers: {med1.test: {addresses: [NET.1], mediaPorts: 20000-20999}}}}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {transport: UDP}}
  itsp: {kind: sbc, host: NET.3, root: {transport: UDP, port: 5070}}
  gw: {host: NET.4, root: {transport: UDP, port: 5080}}
usages: [all]
routes: [{name: all, pattern: '^\+', usages: [all], trunks: [itsp, gw], selection: ordered}]
trunkSettings: {'trunk:pbx': {usages: [all]}}
`, "NET.", network)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Config{Document: doc, DataDir: data, Shards: 1, Watch: -1, DNS: []string{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	tester := siptest.T(t)
	pbx := tester.Agent(siptest.Config{Name: "pbx", Listen: network + "2:5060"})
	itsp := tester.Agent(siptest.Config{Name: "itsp", Listen: network + "3:5060"})
	tester.Agent(siptest.Config{Name: "gw", Listen: network + "4:5060"})
	itsp.Reject(403)
	doctor := func() (int, string) {
		status, out, errs := command(t, "doctor", "itsp", doc, "--data", data)
		return status, out + errs
	}
	if status, out := doctor(); status != 0 || strings.Contains(out, "calls-fail") {
		t.Errorf("before any call: status %d\n%s", status, out)
	}
	for range 3 {
		call := tester.Dial(pbx, network+"1:5060", "sip:+14255550100@"+network+"1")
		tester.Wait(call, siptest.Answered)
		call.Hangup()
		tester.Wait(call, siptest.Ended)
	}
	for { // a call is counted when both of its legs are over
		status, out := doctor()
		if strings.Contains(out, "warning  calls-fail: the trunk has failed 3 of 3 calls that were tried on it within an hour") && status == 0 {
			return
		}
		if tester.Context().Err() != nil {
			t.Fatalf("status %d\n%s", status, out)
		}
	}
}
