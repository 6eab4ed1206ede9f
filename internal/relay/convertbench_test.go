package relay

import (
	"encoding/binary"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// syllables is a second of something like speech at a rate: a voice that changes its level and timbre, and noise.
func syllables(rate int) []int16 {
	random := rand.New(rand.NewPCG(4, 2))
	pcm := make([]int16, rate)
	for i := range pcm {
		x := float64(i) / float64(rate)
		v, weight := random.NormFloat64()*0.1, 1.0
		for k := 1.0; k < 15; k++ {
			v += weight * math.Sin(2*math.Pi*(120+10*math.Sin(9*x))*k*x)
			weight *= 0.5 + 0.4*math.Sin(8*x)
		}
		pcm[i] = int16(4000 * v * (0.5 + 0.5*math.Sin(20*x)))
	}
	return pcm
}

// talks are a second of packets of a codec.
func talks(tb testing.TB, r *Relay, f media.Format) (payloads [][]byte) {
	tb.Helper()
	e := r.coders.encoder(f, narrow)
	if e == nil {
		lack.Of(tb, "libopus0 is not installed")
	}
	pcm := syllables(narrow)
	for at := 0; at < len(pcm); at += 160 {
		payloads = append(payloads, e.Encode(nil, pcm[at:at+160]))
	}
	return payloads
}

// conversation is a bench whose calls have one codec on each side.
type conversation struct {
	*bench
	formats  [2]media.Format
	payloads [2][][]byte
	n        int
}

func newConversation(tb testing.TB, calls int, a, b media.Format) *conversation {
	tb.Helper()
	c := &conversation{bench: newBench(tb, calls, Config{}), formats: [2]media.Format{a, b}}
	c.payloads = [2][][]byte{talks(tb, c.relay, a), talks(tb, c.relay, b)}
	for _, s := range c.sessions {
		s.Streams[0].Side[0].Speech, s.Streams[0].Side[1].Speech = speech(a), speech(b)
		if err := c.relay.Update(s); err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

// turn lets every phone send its next packet, and returns how long the worker took for all of them and how many came out.
func (c *conversation) turn(pkt, buf []byte) (took time.Duration, heard int) {
	for i := range c.phones {
		f, payload := c.formats[i%2], c.payloads[i%2][c.n%50]
		pkt = pkt[:rtpHeader+copy(pkt[rtpHeader:cap(pkt)], payload)]
		pkt[0], pkt[1] = 2<<6, f.PayloadType
		binary.BigEndian.PutUint16(pkt[2:], uint16(c.n))
		binary.BigEndian.PutUint32(pkt[4:], uint32(c.n)*f.Clock/50)
		binary.BigEndian.PutUint32(pkt[8:], uint32(i+1))
		c.phones[i].send(pkt, &c.to[i])
	}
	c.n++
	w := c.relay.workers[0]
	at := time.Now()
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	took = time.Since(at)
	var from sockaddr
	for i := range c.phones {
		if _, errno := c.phones[i].receive(buf, &from); errno == 0 {
			heard++
		}
	}
	return took, heard
}

var opusFormat = media.Format{PayloadType: 111, Codec: media.Opus, Clock: 48000}

// conversions are pairs of codecs whose price is of interest.
var conversions = map[string][2]media.Format{
	"PCMU-PCMU": {pcmu, pcmu}, "PCMU-PCMA": {pcmu, pcma}, "PCMU-G722": {pcmu, g722}, "PCMA-opus": {pcma, opusFormat},
}

// TestNoAllocationPerConvertedPacket: nor is a packet lost.
func TestNoAllocationPerConvertedPacket(t *testing.T) {
	for name, pair := range conversions {
		t.Run(name, func(t *testing.T) {
			c := newConversation(t, 5, pair[0], pair[1])
			pkt, buf := make([]byte, 0, 512), make([]byte, 512)
			for range 3 {
				c.turn(pkt, buf) // the first packets latch and report
			}
			if n := testing.AllocsPerRun(100, func() {
				if _, heard := c.turn(pkt, buf); heard != 10 {
					t.Errorf("%d of 10 packets come out", heard)
				}
			}); n != 0 {
				t.Errorf("%v allocations for 10 packets", n)
			}
		})
	}
}

// BenchmarkConvert is the worker's time for a packet from socket to socket, and how many calls one processor could carry by that.
func BenchmarkConvert(b *testing.B) {
	for name, pair := range conversions {
		b.Run(name, func(b *testing.B) {
			c := newConversation(b, 20, pair[0], pair[1])
			pkt, buf := make([]byte, 0, 512), make([]byte, 512)
			c.turn(pkt, buf)
			var took time.Duration
			packets := 0
			b.ReportAllocs()
			for b.Loop() {
				d, heard := c.turn(pkt, buf)
				took += d
				packets += heard
			}
			perPacket := float64(took.Nanoseconds()) / float64(packets)
			b.ReportMetric(perPacket, "ns/packet")
			b.ReportMetric(1e9/100/perPacket, "calls/core")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkConvertAlone is 20 ms of both directions of a call through their paths, without sockets.
func BenchmarkConvertAlone(b *testing.B) {
	for name, pair := range conversions {
		l := newCoders(slog.New(slog.DiscardHandler))
		there, back := l.newConverter(speech(pair[0]), speech(pair[1])), l.newConverter(speech(pair[1]), speech(pair[0]))
		if there == nil || there.path == nil {
			continue // octets are changed in place
		}
		b.Run(name, func(b *testing.B) {
			r := &Relay{coders: l}
			said, answered := talks(b, r, pair[0]), talks(b, r, pair[1])
			out := &codec.Out{}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				for i, c := range [2]*converter{there, back} {
					payload := [2][][]byte{said, answered}[i][n%50]
					c.path.Put(&codec.Packet{Sequence: uint16(n), Timestamp: uint32(n) * pair[i].Clock / 50, PayloadType: pair[i].PayloadType, Payload: payload}, 0)
					for out.Reset(); c.path.Next(0, out); out.Reset() {
					}
				}
			}
		})
	}
}
