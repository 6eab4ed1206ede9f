package fastpath

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/directsip/directsip/internal/ways"
)

// TestNothingLeavesUnchanged has a flow become another one while the program is at work, one that goes elsewhere and whose payload type changes: never does a packet go there as it came.
func TestNothingLeavesUnchanged(t *testing.T) {
	table := open(t, Config{Flows: 8})
	one, s := ends4.flow()
	one.Every = 1 << 15
	other := *one
	other.To, other.As = netip.MustParseAddrPort("203.0.113.9:7000"), 0
	k := &table.flows[table.put(one, s)]
	var over atomic.Bool
	var flips sync.WaitGroup
	flips.Go(func() {
		for !over.Load() {
			for _, f := range [...]*Flow{&other, one} {
				k.hold()
				k.rule(f, ways.Path{Device: loopback, MTU: 1500})
				atomic.StoreUint32(&k.State, stateOpen)
			}
		}
	})
	defer flips.Wait()
	defer over.Store(true)
	wire := ends4.frame()
	left := map[uint16]int{}
	for range 100_000 {
		binary.BigEndian.PutUint16(wire.payload[2:], 100+uint16(left[6000]+left[7000]))
		verdict, b := table.run(t, wire.bytes())
		if verdict != redirect {
			continue
		}
		to, payloadType := binary.BigEndian.Uint16(b[36:]), b[headers4+1]
		if left[to]++; to == 7000 && payloadType != 0 || to == 6000 && payloadType != 8 {
			t.Fatalf("to port %d goes a packet of type %d", to, payloadType)
		}
	}
	if left[6000] == 0 || left[7000] == 0 {
		t.Errorf("packets by port: %v", left)
	}
}
