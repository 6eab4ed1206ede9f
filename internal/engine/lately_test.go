package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// RFC 3261 §18.1.1: of a peer without TCP one call finds it out, for all shards: a large INVITE goes by UDP at once.
func TestNoTCPIsKnownToAllShards(t *testing.T) {
	r := newRig(t, strings.ReplaceAll(basic, "trunk:pbx:", "trunk:gw: {udpMaxRequest: 500}\n  trunk:pbx:"), func(c *Config) { c.Shards = 4 })
	invite := func(call string, n int) (*sip.Message, sip.Hop) {
		r.invite("+14255550101", call)
		r.Flush()
		r.wire.wait(t, "INVITE", n)
		r.wire.mu.Lock()
		defer r.wire.mu.Unlock()
		last := len(r.wire.sent) - 1
		for r.wire.sent[last].Method != "INVITE" {
			last--
		}
		return r.wire.sent[last], r.wire.hops[last]
	}
	m, hop := invite("first", 1)
	if hop.Transport != sip.TCP {
		t.Fatalf("a large INVITE goes by %v", hop.Transport)
	}
	via, _ := m.TopVia()
	r.Failed(m.CallID(), via.Branch(), hop, errors.New("connection refused"))
	r.Flush()
	r.wire.wait(t, "INVITE", 2)
	shards := make(map[*shard]bool)
	for i := range 40 {
		m, hop := invite(fmt.Sprint("call", i), 3+i)
		shards[r.shardOf(m.CallID())] = true
		if hop.Transport != sip.UDP {
			t.Fatalf("call %d asks again", i)
		}
	}
	if len(shards) < 2 {
		t.Errorf("all are of %d shard", len(shards))
	}
}
