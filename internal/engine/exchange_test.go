package engine

import (
	"fmt"
	"testing"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/sip"
)

// TestNobodyFillsAnotherShard: what comes to a shard by way of another one finds the same bounds as what comes itself.
func TestNobodyFillsAnotherShard(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 2 })
	apart := func(i int) (id string) { // a Call-ID of the shard
		for n := 0; id == "" || r.shardOf(id) != r.shards[i]; n++ {
			id = fmt.Sprint("c", n)
		}
		return id
	}
	here, there := r.shards[0].box, r.shards[1].box
	defer r.block(0)()
	defer r.block(1)()
	replaces := r.request("INVITE", "+14255550101", apart(0), "Replaces: "+apart(1)+";to-tag=1;from-tag=2")
	bye, err := sip.Parse(r.request("BYE", "+14255550101", apart(0)), nil)
	if err != nil {
		t.Fatal(err)
	}
	forward := b2bua.Forward{Key: apart(1), Source: r.source("2", sip.UDP), Msg: bye}

	deep, bytes := there.depth.Load(), there.bytes.Load()
	r.Packet(r.source("2", sip.UDP), replaces)
	r.forward(forward)
	if here.depth.Load() != 2 || there.depth.Load() != deep+1 || there.bytes.Load() <= bytes {
		t.Fatalf("with room: %d here, %d there with %d octets", here.depth.Load(), there.depth.Load(), there.bytes.Load())
	}

	there.depth.Add(hardDepth)
	defer there.depth.Add(-hardDepth)
	for range 10 {
		r.Packet(r.source("2", sip.UDP), replaces)
		r.forward(forward)
	}
	if here.depth.Load() != 2 || there.depth.Load() != hardDepth+deep+1 || r.Counters().Dropped != 20 {
		t.Errorf("without room: %d here, %d there, %d dropped", here.depth.Load(), there.depth.Load()-hardDepth, r.Counters().Dropped)
	}
	r.forward(b2bua.Forward{Key: apart(1), CallID: apart(0), Why: "broken"}) // what the engine itself has to say is never refused
	if there.depth.Load() != hardDepth+deep+2 {
		t.Error("the shard is not told of a message that was not sent")
	}
}
