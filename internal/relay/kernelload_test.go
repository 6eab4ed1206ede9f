package relay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// The size of TestKernelCountsEveryPacket, if not 200 calls of 3 seconds.
const (
	callsEnv   = "DIRECTSIP_RELAY_CALLS"
	secondsEnv = "DIRECTSIP_RELAY_SECONDS"
)

func fromEnv(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// TestKernelCountsEveryPacket has calls with 50 packets a second each way. All that is sent comes out, is counted, and nothing is left afterwards.
//
//	DIRECTSIP_RELAY_CALLS=1000 DIRECTSIP_RELAY_SECONDS=30 go test -count=1 ./internal/relay -run KernelCounts -v -timeout 15m
func TestKernelCountsEveryPacket(t *testing.T) {
	if !isolated(t) {
		return
	}
	calls, rounds := fromEnv(callsEnv, 200), 50*fromEnv(secondsEnv, 3)
	w := newWire(t)
	for range 4 {
		lost := countEveryPacket(t, w, calls, rounds)
		if lost == 0 || t.Failed() {
			return
		}
		t.Logf("%d packets found no room in the queue of a processor with %d calls: half as many are tried", lost, calls)
		calls = max(calls/2, 20)
	}
	lack.Of(t, "packets find no room in the queue of a processor: this host is too busy")
}

// countEveryPacket is TestKernelCountsEveryPacket with so many calls. What it returns are packets that the host has lost, where that is why some are missing.
func countEveryPacket(t *testing.T, w *wire, calls, rounds int) uint64 {
	t.Helper()
	r, err := New(Config{Best: media.TierKernel})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Shutdown()
	if r.kernel.table == nil {
		lack.Of(t, r.kernel.why)
	}
	ends := make([]end, 2*calls)
	w.inside(w.far, func() {
		for i := range ends {
			ends[i].open(addrPort(peer4(1+i%2), 10000+i/2))
		}
	})
	defer func() {
		for i := range ends {
			ends[i].socket.close()
		}
	}()
	for i := range calls {
		s := &media.Session{ID: media.SessionID(i), Streams: make([]media.Stream, 1)}
		for j := range s.Streams[0].Side {
			e := &ends[2*i+j]
			s.Streams[0].Side[j] = media.Side{Local: addrPort(us4, 20000+4*i+2*j), Remote: e.at, Latch: media.LatchPeer, Send: true, Recv: true}
			e.to = sockaddrOf(s.Streams[0].Side[j].Local)
		}
		if err := r.Open(s); err != nil {
			t.Fatal(err)
		}
	}
	begin, overflows := time.Now(), overflown(t)
	var senders sync.WaitGroup
	for part := range slices.Chunk(ends, (len(ends)+1)/2) { // one processor alone does not send a hundred thousand packets a second
		senders.Go(func() { keepPace(part, rounds, begin) })
	}
	senders.Wait()
	took := time.Since(begin)
	inKernel := r.Totals().InKernel
	var wrong []string
	for i := range calls {
		stats, _ := r.Close(media.SessionID(i))
		for j, c := range stats.Streams[0].From {
			e, other := &ends[2*i+j], &ends[2*i+1-j]
			other.drain()
			if c.Packets != uint64(e.sent) || c.Bytes != uint64(172*e.sent) || c.Lost != 0 || other.received != e.sent || stats.Streams[0].Tier != media.TierKernel {
				wrong = append(wrong, fmt.Sprintf("call %d side %d: %d sent, %d received, counted %d, lost %d, tier %q %s", i, j, e.sent, other.received, c.Packets, c.Lost,
					stats.Streams[0].Tier, stats.Streams[0].Why))
			}
		}
	}
	carried := r.kernel.packets.Load()
	total := r.Totals()
	t.Logf("%d packets in %v, %d of them in the kernel", total.Packets, took, carried)
	if n := overflown(t) - overflows; len(wrong) > 0 && n > 0 {
		return n
	}
	for _, what := range wrong {
		t.Error(what)
	}
	if inKernel != int64(len(ends)) || total.InKernel != 0 || total.Sockets != 0 || carried < total.Packets*9/10 {
		t.Errorf("%d flows before, afterwards %+v", inKernel, total)
	}
	return 0
}

// overflown is how many packets have found no room in a processor's queue (net.core.netdev_max_backlog) since the host was started.
func overflown(t *testing.T) (n uint64) {
	t.Helper()
	b, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		one, err := strconv.ParseUint(strings.Fields(line)[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		n += one
	}
	return n
}

// end is one side of a call.
type end struct {
	socket         socket
	at             netip.AddrPort
	to             sockaddr
	sent, received int
	buffer         [256]byte
}

// open is called in the peers' namespace.
func (e *end) open(at netip.AddrPort) {
	s, err := bindUDP(at)
	if err != nil {
		panic(err)
	}
	e.socket, e.at = s, at
}

func (e *end) send(round int, ssrc uint32) {
	b := e.buffer[:172]
	b[0], b[1] = 0x80, 8
	binary.BigEndian.PutUint16(b[2:], uint16(65000+round))
	binary.BigEndian.PutUint32(b[4:], uint32(round)*160)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	if e.socket.send(b, &e.to) == 0 {
		e.sent++
	}
}

// keepPace has each of some ends send a packet every 20 ms, a part of them each millisecond, and take what has come to it every eighth time.
func keepPace(ends []end, rounds int, begin time.Time) {
	next := time.NewTicker(time.Millisecond)
	defer next.Stop()
	for round := range rounds {
		for i := range ends {
			if share := max(len(ends)/20, 1); i%share == 0 {
				due := time.Duration(20*round+i/share) * time.Millisecond
				for time.Since(begin) < due {
					<-next.C
				}
			}
			ends[i].send(round, uint32(i))
			if (round+i)%8 == 0 {
				ends[i].drain()
			}
		}
	}
}

// drain takes what has come.
func (e *end) drain() {
	var from sockaddr
	for {
		n, errno := e.socket.receive(e.buffer[:], &from)
		if errno != 0 {
			return
		}
		if n == 172 {
			e.received++
		}
	}
}
