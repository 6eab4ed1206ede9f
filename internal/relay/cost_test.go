package relay

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// bench is a relay at rest whose only worker the test itself drives, with the raw sockets of the phones.
type bench struct {
	relay    *Relay
	phones   []socket
	to       []sockaddr
	sessions []*media.Session
}

func newBench(tb testing.TB, calls int, config Config) *bench {
	tb.Helper()
	config.Workers = 1
	r, err := newRelay(withTier(config))
	if err != nil {
		tb.Fatal(err)
	}
	b := &bench{relay: r}
	tb.Cleanup(func() {
		for _, s := range b.sessions {
			b.relay.Close(s.ID)
		}
		release(b.relay)
		for _, s := range b.phones {
			s.close()
		}
	})
	next := media.NewPorts(10000, 32000, 0) // which the kernel gives to no phone
	for i := range calls {
		s := &media.Session{ID: media.SessionID(i), Streams: make([]media.Stream, 1)}
		for j := range s.Streams[0].Side {
			phone, port := loopbackSocket()
			b.phones = append(b.phones, phone)
			s.Streams[0].Side[j] = media.Side{Remote: netip.AddrPortFrom(loopback4, port), Latch: media.LatchPeer, Send: true, Recv: true}
		}
		for {
			for j := range s.Streams[0].Side {
				p, ok := next.Take(time.Now())
				if !ok {
					tb.Fatal("no free ports")
				}
				s.Streams[0].Side[j].Local = netip.AddrPortFrom(loopback4, p)
			}
			if r.Open(s) == nil {
				break
			}
		}
		for j := range s.Streams[0].Side {
			b.to = append(b.to, sockaddrOf(s.Streams[0].Side[j].Local))
		}
		b.sessions = append(b.sessions, s)
	}
	return b
}

// round lets every phone send one packet and returns how long the worker took for all of them.
func (b *bench) round(pkt, buf []byte) time.Duration {
	for i := range b.phones {
		b.phones[i].send(pkt, &b.to[i])
	}
	w := b.relay.workers[0]
	at := time.Now()
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	took := time.Since(at)
	var from sockaddr
	for i := range b.phones {
		b.phones[i].receive(buf, &from)
	}
	return took
}

func TestNoAllocationPerPacket(t *testing.T) {
	b := newBench(t, 10, Config{})
	pkt, buf := rtpPacket(8, 1, 160, 7), make([]byte, 256)
	b.round(pkt, buf) // the first packets latch and report
	before := b.relay.Totals().Packets
	const rounds = 100
	if n := testing.AllocsPerRun(rounds, func() { b.round(pkt, buf) }); n != 0 {
		t.Errorf("%v allocations for 20 packets", n)
	}
	if n := b.relay.Totals().Packets - before; n != 20*(rounds+1) {
		t.Errorf("relayed %d packets", n)
	}
}

// TestMemoryPerSession holds the promise of at most 4 kB of Go heap per relayed call.
func TestMemoryPerSession(t *testing.T) {
	if got := heapPerSession(t, 200); got > 4096 {
		t.Errorf("%d octets of heap per session", got)
	}
}

func heapPerSession(tb testing.TB, sessions int) int {
	tb.Helper()
	of := func(sessions int) int {
		before := heap()
		b := newBench(tb, sessions, Config{})
		after := heap()
		runtime.KeepAlive(b)
		return after - before
	}
	return (of(1+sessions) - of(1)) / sessions // what the test keeps per call is in it
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMemoryComesBack: when a crowd of calls has ended and its sockets have rested, the relay holds little more than a fresh one:
// 8 octets for each descriptor that there ever was.
func TestMemoryComesBack(t *testing.T) {
	const sessions = 2000
	b := newBench(t, sessions, Config{})
	r := b.relay
	for _, s := range b.sessions {
		r.Close(s.ID)
	}
	r.tidy(r.now() + int64(time.Minute))
	if n := r.Totals(); n.Warm != 0 || n.Sockets != 0 {
		t.Errorf("%+v", n)
	}
	used := heap()
	release(r)
	fresh, err := newRelay(withTier(Config{Workers: 1}))
	if err != nil {
		t.Fatal(err)
	}
	b.relay, r = fresh, nil
	if stays := used - heap(); stays > 64*sessions {
		t.Errorf("%d octets stay of %d sessions", stays, sessions)
	}
}

// BenchmarkRelayPacket is the worker alone over loopback: the ready list, receive, decide, send with the kernel's delivery.
func BenchmarkRelayPacket(b *testing.B) {
	for _, calls := range []int{1, 500} {
		b.Run(map[int]string{1: "calls=1", 500: "calls=500"}[calls], func(b *testing.B) {
			r := newBench(b, calls, Config{})
			pkt, buf := rtpPacket(8, 1, 160, 7), make([]byte, 256)
			r.round(pkt, buf)
			b.ReportAllocs()
			var took time.Duration
			n := 0
			for b.Loop() {
				binary.BigEndian.PutUint16(pkt[2:], uint16(n)) // or it would be one that goes round
				took += r.round(pkt, buf)
				n += 2 * calls
			}
			b.ReportMetric(float64(took)/float64(n), "ns/packet")
		})
	}
}

// BenchmarkDecide is the part that is ours: classify, gate, count, destination.
func BenchmarkDecide(b *testing.B) {
	s := newBench(b, 1, Config{}).relay.find(0)
	in := &s.streams[0].side[0].rtp
	src := in.gate.announced
	pkt := rtpPacket(8, 1, 160, 7)
	var n notices
	now := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		now += int64(20 * time.Millisecond)
		pkt[3]++
		if v, _, _, _ := in.receive(pkt, &src, now, &n); v != passed {
			b.Fatal("not passed")
		}
	}
}

// BenchmarkOpenClose is what a signalling shard pays for the media of a call: cold with four new sockets, warm with
// those of a call before.
func BenchmarkOpenClose(b *testing.B) {
	b.Run("cold", func(b *testing.B) { benchOpenClose(b, Config{Warm: -1}) })
	b.Run("warm", func(b *testing.B) { benchOpenClose(b, Config{}) })
	b.Run("circulating", benchCirculating)
}

// benchCirculating has 500 calls up and opens the next on ports that have rested for another 500.
func benchCirculating(b *testing.B) {
	r := newBench(b, 1000, Config{})
	for _, s := range r.sessions[:500] {
		r.relay.Close(s.ID)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r.relay.Close(r.sessions[(n+500)%1000].ID)
		if err := r.relay.Open(r.sessions[n%1000]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(r.relay.Totals().Reused)/float64(4*n), "reused")
}

func benchOpenClose(b *testing.B, config Config) {
	r := newBench(b, 1, config)
	s := r.sessions[0]
	r.relay.Close(s.ID)
	var open, update, shut time.Duration
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		t0 := time.Now()
		if err := r.relay.Open(s); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		s.Streams[0].Side[1].Relatch++
		if err := r.relay.Update(s); err != nil {
			b.Fatal(err)
		}
		t2 := time.Now()
		r.relay.Close(s.ID)
		open, update, shut = open+t1.Sub(t0), update+t2.Sub(t1), shut+time.Since(t2)
		n++
	}
	b.ReportMetric(float64(open)/float64(n), "ns/open")
	b.ReportMetric(float64(update)/float64(n), "ns/update")
	b.ReportMetric(float64(shut)/float64(n), "ns/close")
}

// BenchmarkMemory reports the Go heap of an open session.
func BenchmarkMemory(b *testing.B) {
	got := heapPerSession(b, 1000)
	for b.Loop() { // makes this run once: what an earlier run leaves behind would be counted
	}
	b.ReportMetric(float64(got), "B/session")
	b.ReportMetric(0, "ns/op")
}
