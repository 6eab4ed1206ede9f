package engine

import (
	"net/netip"
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
	r := newRig(b, "127.86.30.", basic, func(c *Config) { c.Transport = nowhere{} })
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

// BenchmarkKnown is asked for every datagram before anything else.
func BenchmarkKnown(b *testing.B) {
	r := newRig(b, "127.86.31.", basic)
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort("127.86.31.1:5060")}
	stranger := netip.MustParseAddr("127.86.31.77")
	b.ReportAllocs()
	for b.Loop() {
		r.Known(at, stranger)
	}
}
