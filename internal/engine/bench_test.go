package engine

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// nowhere takes what is sent.
type nowhere struct{}

func (nowhere) Send([]transport.Send) {}

// BenchmarkPacket is an OPTIONS from the socket to its answer: parse, mailbox, shard, answer.
func BenchmarkPacket(b *testing.B) {
	r := newRig(b, basic, func(c *Config) { c.Transport = nowhere{} })
	src, data := r.source("2", sip.UDP), r.request("OPTIONS", "x", "ping")
	b.ReportAllocs()
	for i := range b.N {
		r.Packet(src, data)
		if i%32 == 31 { // as a reader delivers batches
			r.Flush()
			if r.shards[0].box.depth.Load() > 1024 {
				r.settle()
			}
		}
	}
	r.quiesce()
}

// BenchmarkKnown is asked for every datagram before anything else. Gateways that are given by name cost the most.
func BenchmarkKnown(b *testing.B) {
	for _, n := range []int{0, 500} {
		b.Run(fmt.Sprintf("%dnames", n), func(b *testing.B) {
			var gateways strings.Builder
			addrs := make(map[string][]netip.Addr)
			for i := range n {
				fmt.Fprintf(&gateways, "  g%d: {host: g%d.test, root: {transport: UDP}}\n", i, i)
				addrs[fmt.Sprintf("g%d.test", i)] = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})}
			}
			r := newRig(b, strings.Replace(basic, "gateways:\n", "gateways:\n"+gateways.String(), 1))
			r.cancel() // no name is looked up from now on
			r.wg.Wait()
			r.addrs.Store(newHosts(addrs))
			at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
			for who, from := range map[string]string{"stranger": r.net + "77", "peer": "192.0.0.7"} {
				addr := netip.MustParseAddr(from)
				b.Run(who, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if r.Known(at, addr) != (n > 0 && who == "peer") {
							b.Fatal("taken for somebody else")
						}
					}
				})
			}
		})
	}
}
