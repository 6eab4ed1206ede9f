package server

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

// TestScarcePorts: ports that are enough for all calls together need not be for those of each shard.
func TestScarcePorts(t *testing.T) {
	for _, c := range []struct {
		server string
		shards int
		want   string
	}{
		{"mediaPorts: 40000-48000, maxCalls: 2000", 2, "each of the 2 shards has ports for 1000 calls"},
		{"mediaPorts: 40000-49999, maxCalls: 2000", 2, ""},
		{"mediaPorts: 40000-49999, maxCalls: 2000", 64, "Give mediaPorts 12544 ports at least"},
		{"mediaPorts: 40000-49999", 64, ""},
		{"mediaPorts: 40000-40399, maxCalls: 100", 1, ""},
	} {
		snap, problems := topology.Compile("x", []byte("pools: {p.test: {servers: {m.test: {addresses: [192.0.2.10], "+c.server+"}}}}"))
		if snap == nil {
			t.Fatal(problems)
		}
		got := scarcePorts("x", snap.Servers[0], c.shards)
		if text := got.Error(); c.want == "" && len(got) > 0 || !strings.Contains(text, c.want) || got.Failed() {
			t.Errorf("%s, %d shards: %q, want %q", c.server, c.shards, text, c.want)
		}
	}
}
