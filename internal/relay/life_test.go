package relay

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/media"
)

// descriptors counts what this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// bound says whether someone has the port.
func bound(a netip.AddrPort) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return true
	}
	_ = c.Close()
	return false
}

func TestConflictLeavesNothingOpen(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams = append(s.Streams, stereo(a, b))
	r.open(s)
	r.Close(1)
	r.cool() // now s has ports that are free
	busy := rtcpPort(s.Streams[1].Side[1].Local)
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(busy))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first := *s // makes warm the ports that s asks for before the one that is taken
	first.ID, first.Streams = 2, s.Streams[:1]
	before := descriptors(t)
	if err := r.Open(&first); err != nil {
		t.Fatal(err)
	}
	r.Close(2)
	r.look()
	err = r.Open(s)
	var port *PortError
	if !errors.As(err, &port) || port.Local != busy || !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), busy.String()) {
		t.Fatalf("error %v, want one that names %v", err, busy)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	for i, st := range s.Streams {
		for j, sd := range st.Side {
			if bound(sd.Local) {
				t.Errorf("stream %d side %d is still bound", i, j)
			}
		}
	}
	if _, ok := r.Stats(1); ok {
		t.Error("a session that did not open has stats")
	}
	if n := r.Totals(); n.Sockets != 0 || n.Sessions != 0 || n.Streams != 0 {
		t.Errorf("%+v", n)
	}
	_ = c.Close()
	r.look()
	if err := r.Open(s); err != nil {
		t.Errorf("the id is free again: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip6)
	s := call(1, a, b)
	r.open(s)
	if err := r.Open(s); !errors.Is(err, ErrExists) {
		t.Errorf("second open: %v", err)
	}
	if err := r.Update(&media.Session{ID: 2}); !errors.Is(err, ErrUnknown) {
		t.Errorf("update of nothing: %v", err)
	}
	if _, ok := r.Close(2); ok {
		t.Error("closed nothing")
	}
	mixed := call(3, a, b)
	mixed.Streams[0].Side[0].Local = netip.AddrPortFrom(ip6, 40000)
	if err := r.Open(mixed); err == nil || !strings.Contains(err.Error(), "stream 0 side 0") {
		t.Errorf("IPv4 peer of an IPv6 port: %v", err)
	}
	mixed.Streams[0].Side[0].Local = netip.AddrPortFrom(ip4, 65535)
	if err := r.Open(mixed); err == nil {
		t.Error("no room for RTCP above 65535")
	}
	r.Close(1)
	if _, ok := r.Close(1); ok {
		t.Error("closed twice")
	}
	r.Shutdown()
	if err := r.Open(s); !errors.Is(err, ErrClosed) {
		t.Errorf("open after the end: %v", err)
	}
}

func TestUpdateStreams(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	a2, b2 := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	flows := func(p, q *phone, from, to netip.AddrPort, sequence uint16) {
		t.Helper()
		x := rtpPacket(8, sequence, 0, 7)
		p.send(p.rtp, from, x)
		q.wantOn(q.rtp, to, x)
	}
	flows(a, b, la, lb, 1)

	s.Streams = append(s.Streams, stereo(a2, b2))
	if err := r.Update(assign(t, s)); err != nil {
		t.Fatal(err)
	}
	second := s.Streams[1]
	flows(a, b, la, lb, 2)
	flows(a2, b2, second.Side[0].Local, second.Side[1].Local, 1)
	if n := r.Totals(); n.Sockets != 8 || n.Streams != 2 {
		t.Errorf("%+v", n)
	}

	t.Run("an update that fails changes nothing", func(t *testing.T) {
		bad := *s
		bad.Streams = append([]media.Stream{}, s.Streams...)
		bad.Streams[0].Side[0].Send = false
		bad.Streams[0].Side[0].Local, bad.Streams[1].Side[1].Local = netip.AddrPort{}, netip.AddrPort{}
		assign(t, &bad)
		bad.Streams[1].Side[1].Local = netip.AddrPortFrom(ip4, address(a.rtp).Port()) // is in use
		r.settle()
		before := descriptors(t)
		if err := r.Update(&bad); err == nil {
			t.Fatal("bound a port twice")
		}
		r.settle()
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors, %d before", after, before)
		}
		flows(a, b, la, lb, 3)
		flows(b, a, lb, la, 3)
	})
	t.Run("a side moves to another port", func(t *testing.T) {
		s.Streams[0].Side[0].Local = netip.AddrPort{}
		if err := r.Update(assign(t, s)); err != nil {
			t.Fatal(err)
		}
		moved := s.Streams[0].Side[0].Local
		flows(a, b, moved, lb, 4)
		flows(b, a, lb, moved, 4)
		r.cool()
		if bound(la) || bound(rtcpPort(la)) {
			t.Error("the old port is still bound")
		}
	})
	t.Run("a refused m-line has no ports", func(t *testing.T) {
		s.Streams[1] = media.Stream{}
		if err := r.Update(s); err != nil {
			t.Fatal(err)
		}
		if n := r.Totals(); n.Sockets != 4 || n.Streams != 2 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("a stream goes away", func(t *testing.T) {
		s.Streams = s.Streams[:1]
		if err := r.Update(s); err != nil {
			t.Fatal(err)
		}
		if n := r.Totals(); n.Sockets != 4 || n.Streams != 1 {
			t.Errorf("%+v", n)
		}
		r.cool()
		if bound(second.Side[0].Local) {
			t.Error("its port is still bound")
		}
		if got := r.from(1, 0, 0); got.Packets != 4 {
			t.Errorf("counters start anew: %+v", got)
		}
	})
}

// TestNothingLeaks opens and closes 500 sessions while packets flow into them.
func TestNothingLeaks(t *testing.T) {
	before := descriptors(t)
	ignore := goleak.IgnoreCurrent()
	r, err := New(withTier(Config{Workers: 2}))
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{Relay: r, t: t}
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	goroutines := runtime.NumGoroutine()
	var open []*media.Session
	for i := range 500 {
		s := call(media.SessionID(i), a, b)
		g.open(s)
		a.send(a.rtp, s.Streams[0].Side[0].Local, rtpPacket(8, 1, 160, 7))
		open = append(open, s)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d without sessions", n, goroutines)
	}
	if n := r.Totals(); n.Sessions != 500 || n.Sockets != 2000 {
		t.Errorf("%+v", n)
	}
	for i, s := range open {
		if i%100 == 99 {
			continue // left to Shutdown
		}
		if _, ok := r.Close(s.ID); !ok {
			t.Fatalf("session %d is gone", s.ID)
		}
	}
	r.Shutdown()
	for _, c := range []*net.UDPConn{a.rtp, a.rtcp, b.rtp, b.rtcp} {
		_ = c.Close()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	if n := r.Totals(); n.Sessions != 0 || n.Sockets != 0 || n.Streams != 0 {
		t.Errorf("%+v", n)
	}
	goleak.VerifyNone(t, ignore)
}

// TestControlRacesPackets opens, updates, reads and closes from several goroutines under traffic; the race detector
// and the counters are the judges.
func TestControlRacesPackets(t *testing.T) {
	r := newRig(t, Config{SweepInterval: time.Millisecond})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	go func() { // b hears everything and forgets it
		buf := make([]byte, 2048)
		for _, err := b.rtp.Read(buf); err == nil; _, err = b.rtp.Read(buf) {
		}
	}()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 60 {
				s := call(media.SessionID(g*1000+i), a, b)
				s.Timeout = [2]time.Duration{time.Hour, time.Hour}
				if err := r.Open(assign(t, s)); err != nil {
					continue // another program's port
				}
				for n := range uint16(10) {
					a.send(a.rtp, s.Streams[0].Side[0].Local, rtpPacket(8, n, 0, 7))
				}
				s.Streams[0].Side[0].Relatch++
				if err := r.Update(s); err != nil {
					t.Error(err)
				}
				r.Stats(s.ID)
				if stats, ok := r.Close(s.ID); !ok || stats.Streams[0].From[0].Packets > 10 {
					t.Errorf("%v %+v", ok, stats)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		select {
		case <-r.events:
			continue
		case <-done:
		}
		break
	}
	if n := r.Totals(); n.Sessions != 0 || n.Sockets != 0 {
		t.Errorf("%+v", n)
	}
}
