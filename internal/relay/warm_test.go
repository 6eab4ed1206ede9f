package relay

import (
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// cool lets the time of all warm sockets pass, and that until the next look at who has ports.
func (r *Relay) cool() {
	r.sockets.warm.sweep(math.MaxInt64)
	r.look()
}

// look has who has ports noticed now, not at the next sweep.
func (r *Relay) look() {
	if r.steered != nil {
		r.steered.look()
	}
}

func TestWarmSocketsAreTakenOver(t *testing.T) {
	aboutSockets(t)
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip6)
	before := descriptors(t)
	s := call(1, a, b)
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	for id := range media.SessionID(5) {
		if id > 0 {
			s.ID = id + 1
			if err := r.Open(s); err != nil {
				t.Fatal(err)
			}
		}
		x, report := rtpPacket(8, 1, 160, 7), receiverReport(7)
		a.send(a.rtp, la, x)
		b.wantOn(b.rtp, lb, x)
		b.send(b.rtp, lb, x)
		a.wantOn(a.rtp, la, x)
		a.send(a.rtcp, rtcpPort(la), report)
		b.wantOn(b.rtcp, rtcpPort(lb), report)
		if stats, _ := r.Close(s.ID); stats.Streams[0].From[0].Packets != 1 || stats.Streams[0].From[0].RTCP != 1 {
			t.Errorf("call %d counted %+v", s.ID, stats.Streams[0].From[0])
		}
		if n := r.Totals(); n.Sockets != 0 || n.Warm != 4 || n.Reused != 4*uint64(id) {
			t.Errorf("after call %d: %+v", s.ID, n)
		}
		if !bound(la) || !bound(rtcpPort(lb)) {
			t.Error("not kept")
		}
	}
	now := r.now()
	r.sockets.warm.sweep(now)
	if n := r.Totals().Warm; n != 4 {
		t.Errorf("%d warm sockets before their time is over", n)
	}
	r.sockets.warm.sweep(now + int64(5*time.Second))
	if n, after := r.Totals().Warm, descriptors(t); n != 0 || after != before {
		t.Errorf("%d warm sockets and %d descriptors after their time, %d before the calls", n, after, before)
	}
}

// arrived waits until a datagram is in the socket's queue.
func arrived(t *testing.T, s socket) {
	t.Helper()
	if n, err := unix.Poll([]unix.PollFd{{Fd: s.fd, Events: unix.POLLIN}}, int(patience.Milliseconds())); n != 1 {
		t.Fatalf("nothing arrived: %v", err)
	}
}

// TestNothingQueuedReachesTheNextCall: neither what came to the call before nor what came to the warm socket.
func TestNothingQueuedReachesTheNextCall(t *testing.T) {
	aboutSockets(t)
	b := newBench(t, 1, Config{})
	w, s := b.relay.workers[0], b.sessions[0]
	old := rtpPacket(8, 1, 160, 666)
	in := &b.relay.find(s.ID).streams[0].side
	sock := [2]socket{in[0].rtp.socket, in[1].rtp.socket}
	b.phones[0].send(old, &b.to[0]) // while the call is up, and nobody reads it
	arrived(t, sock[0])
	b.relay.Close(s.ID)
	b.phones[1].send(old, &b.to[1]) // after it
	arrived(t, sock[1])
	if err := b.relay.Open(s); err != nil {
		t.Fatal(err)
	}
	if n := b.relay.Totals().Reused; n != 4 {
		t.Fatalf("%d sockets taken over; the test shows nothing", n)
	}
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	for i := range b.phones {
		b.phones[i].send(rtpPacket(8, 1, 160, 7), &b.to[i])
		arrived(t, sock[i])
	}
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	stats, _ := b.relay.Stats(s.ID)
	for side, c := range stats.Streams[0].From {
		if c.Packets != 1 || c.SSRC != 7 || c.Gated+c.Dropped != 0 {
			t.Errorf("side %d counted %+v", side, c)
		}
	}
}

// TestWarmDiscards: what comes to a warm socket is read, or the ready list would never be empty again.
func TestWarmDiscards(t *testing.T) {
	aboutSockets(t)
	b := newBench(t, 1, Config{})
	w, s := b.relay.workers[0], b.sessions[0]
	sock := b.relay.find(s.ID).streams[0].side[0].rtp.socket
	b.phones[0].send(rtpPacket(8, 1, 160, 7), &b.to[0])
	arrived(t, sock)
	if !w.poll(uintptr(w.epoll)) {
		t.Fatal("no event")
	}
	b.relay.Close(s.ID)
	w.work() // the event of the call serves the warm socket
	if w.poll(uintptr(w.epoll)) {
		t.Error("the packet is still there")
	}
	if n := b.relay.Totals(); n.Late != 1 || n.Packets != 0 {
		t.Errorf("%+v", n)
	}
	b.phones[0].send(rtpPacket(8, 2, 320, 7), &b.to[0])
	arrived(t, sock)
	if !w.poll(uintptr(w.epoll)) {
		t.Fatal("no event")
	}
	b.relay.cool()
	w.work() // the descriptor is closed, or another's
	if n := b.relay.Totals(); n.Late != 1 {
		t.Errorf("read a descriptor that is not ours any more: %+v", n)
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	s, port := loopbackSocket()
	defer s.close()
	to := sockaddrOf(netip.AddrPortFrom(loopback4, port))
	for range 3 {
		s.send([]byte("x"), &to)
		arrived(t, s)
	}
	if s.drain(2) {
		t.Error("called it empty after two of three")
	}
	if !s.drain(2) {
		t.Error("one was left")
	}
}

// TestFloodedWarmSocket: packets come faster than they can be thrown away, so the port is bound anew.
func TestFloodedWarmSocket(t *testing.T) {
	aboutSockets(t)
	b := newBench(t, 1, Config{})
	b.relay.maxQueued = 1
	w, s := b.relay.workers[0], b.sessions[0]
	before := b.relay.find(s.ID).streams[0].side[0].rtp.socket
	open := descriptors(t)
	b.relay.Close(s.ID)
	b.phones[0].send(rtpPacket(8, 1, 160, 666), &b.to[0])
	arrived(t, before)
	if err := b.relay.Open(s); err != nil {
		t.Fatal(err)
	}
	after := b.relay.find(s.ID).streams[0].side[0].rtp.socket
	if after.generation == before.generation || descriptors(t) != open {
		t.Errorf("socket %v, before %v; %d descriptors, before %d", after, before, descriptors(t), open)
	}
	b.phones[0].send(rtpPacket(8, 1, 160, 7), &b.to[0])
	arrived(t, after)
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	if stats, _ := b.relay.Stats(s.ID); stats.Streams[0].From[0].Packets != 1 || stats.Streams[0].From[0].SSRC != 7 {
		t.Errorf("%+v", stats.Streams[0].From[0])
	}
}

// TestWarmAcrossWorkers: two calls share out the sockets of a third, so that one of them has sockets with two workers.
func TestWarmAcrossWorkers(t *testing.T) {
	aboutSockets(t)
	r := newRig(t, Config{Workers: 2})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	var calls [8]*media.Session
	for i := range calls {
		calls[i] = call(media.SessionID(i), a, b)
		r.open(calls[i])
	}
	workers := map[*worker]bool{}
	for i := range calls {
		workers[r.find(calls[i].ID).worker] = true
	}
	if len(workers) != 2 {
		t.Fatal("one worker has all calls; the test shows nothing")
	}
	for i := range calls {
		r.Close(calls[i].ID)
	}
	for i := range calls {
		s := call(media.SessionID(100+i), a, b)
		s.Streams[0].Side[0].Local = calls[i].Streams[0].Side[0].Local
		s.Streams[0].Side[1].Local = calls[(i+3)%len(calls)].Streams[0].Side[1].Local
		if err := r.Open(s); err != nil {
			t.Fatal(err)
		}
		la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
		for n := range uint16(3) {
			x := rtpPacket(8, n, uint32(n)*160, 7)
			a.send(a.rtp, la, x)
			b.wantOn(b.rtp, lb, x)
			b.send(b.rtp, lb, x)
			a.wantOn(a.rtp, la, x)
		}
	}
	if n := r.Totals(); n.Reused != 4*uint64(len(calls)) {
		t.Errorf("%+v", n)
	}
}

func TestWarmBounds(t *testing.T) {
	aboutSockets(t)
	for _, c := range []struct {
		name   string
		config Config
		want   int64
	}{
		{"as many as allowed", Config{WarmSockets: 5}, 5},
		{"none", Config{Warm: -1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.config)
			a, b := newPhone(t, ip4), newPhone(t, ip4)
			before := descriptors(t)
			for id := range media.SessionID(3) {
				s := call(id, a, b)
				r.open(s)
				defer r.Close(id)
			}
			for id := range media.SessionID(3) {
				r.Close(id)
			}
			if n, more := r.Totals(), descriptors(t)-before; n.Warm != c.want || more != int(c.want) {
				t.Errorf("%d warm sockets and %d descriptors, want %d", n.Warm, more, c.want)
			}
		})
	}
	t.Run("none after the end", func(t *testing.T) {
		r := newRig(t, Config{})
		r.Shutdown()
		s, _ := loopbackSocket()
		s.worker = r.workers[0]
		r.sockets.free(netip.AddrPortFrom(ip4, 5000), s, 0)
		if n := r.Totals().Warm; n != 0 {
			t.Errorf("%d warm sockets", n)
		}
		if s.send([]byte("x"), &sockaddr{}) != unix.EBADF {
			t.Error("still open")
		}
	})
}

// TestWarmGivesWayToAllAddresses: 0.0.0.0 and a single address exclude each other at one port.
func TestWarmGivesWayToAllAddresses(t *testing.T) {
	aboutSockets(t)
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	r.Close(1)
	s.Streams[0].Side[0].Local = netip.AddrPortFrom(netip.IPv4Unspecified(), s.Streams[0].Side[0].Local.Port())
	if err := r.Open(s); err != nil {
		t.Fatal(err)
	}
	if n := r.Totals(); n.Warm != 0 || n.Reused != 2 {
		t.Errorf("%+v", n)
	}
}

// TestWarmAddressIsLost: a socket bound to an address that the host no longer has is of no use to the next call.
func TestWarmAddressIsLost(t *testing.T) {
	aboutSockets(t)
	r := newRig(t, Config{})
	s, _ := loopbackSocket()
	s.worker = r.workers[0]
	r.sockets.free(netip.MustParseAddrPort("192.0.2.1:5000"), s, r.now()) // not ours, RFC 5737
	if n := r.Totals().Warm; n != 1 {
		t.Fatalf("%d warm", n)
	}
	r.sockets.warm.sweep(r.now())
	if n := r.Totals().Warm; n != 0 {
		t.Errorf("%d warm", n)
	}
	for address, want := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": false, "::": false, "192.0.2.1": true, "2001:db8::1": true} {
		if got := lost(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s lost: %v", address, got)
		}
	}
}

// TestPortsWithoutRTCP: T.38 has none, and neither has a stream whose peers both share the RTP port.
func TestPortsWithoutRTCP(t *testing.T) {
	for name, change := range map[string]func(*media.Stream, bool){
		"opaque": func(st *media.Stream, on bool) { st.Opaque = on },
		"shared": func(st *media.Stream, on bool) { st.Side[0].Mux, st.Side[1].Mux = on, on },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{})
			a, b := newPhone(t, ip4), newPhone(t, ip4)
			s := call(1, a, b)
			change(&s.Streams[0], true)
			r.open(s)
			want := func(sockets int64) {
				t.Helper()
				if n := r.Totals(); n.Sockets != sockets {
					t.Errorf("%d sockets, want %d", n.Sockets, sockets)
				}
			}
			want(2)
			change(&s.Streams[0], false) // audio comes back, or the answer does not share
			if err := r.Update(s); err != nil {
				t.Fatal(err)
			}
			want(4)
			x := receiverReport(7)
			a.send(a.rtcp, rtcpPort(s.Streams[0].Side[0].Local), x)
			b.wantOn(b.rtcp, rtcpPort(s.Streams[0].Side[1].Local), x)
			change(&s.Streams[0], true)
			if err := r.Update(s); err != nil {
				t.Fatal(err)
			}
			want(2) // the others are given back
			r.Close(1)
			want(0)
		})
	}
}

// TestWarmRaces opens and closes the same few ports from several goroutines under traffic, while warm sockets expire.
func TestWarmRaces(t *testing.T) {
	var a, b [4]*phone
	for g := range a {
		a[g], b[g] = newPhone(t, ip4), newPhone(t, ip4)
	}
	before := descriptors(t)
	r, err := New(Config{Workers: 2, SweepInterval: time.Millisecond, Warm: 2 * time.Millisecond, WarmSockets: 10})
	if err != nil {
		t.Fatal(err)
	}
	var sessions [4]*media.Session
	for g := range sessions {
		sessions[g] = call(media.SessionID(g), a[g], b[g])
		(&rig{Relay: r, t: t}).open(sessions[g])
		r.Close(sessions[g].ID)
	}
	var wg sync.WaitGroup
	for g, s := range sessions {
		wg.Go(func() {
			for range 200 {
				if err := r.Open(s); err != nil {
					t.Error(err)
					return
				}
				for n := range uint16(5) {
					a[g].send(a[g].rtp, s.Streams[0].Side[0].Local, rtpPacket(8, n, 0, 7))
				}
				r.Close(s.ID)
				a[g].send(a[g].rtp, s.Streams[0].Side[0].Local, rtpPacket(8, 9, 0, 7))
			}
		})
	}
	wg.Wait()
	r.Shutdown()
	if n := r.Totals(); n.Sockets != 0 || n.Warm != 0 {
		t.Errorf("%+v", n)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func TestUpdateDoesNotAllocate(t *testing.T) {
	b := newBench(t, 1, Config{})
	s := b.sessions[0]
	remote := [2]netip.AddrPort{s.Streams[0].Side[1].Remote, netip.MustParseAddrPort("127.0.0.9:4000")}
	if n := testing.AllocsPerRun(100, func() {
		s.Streams[0].Side[1].Relatch++
		s.Streams[0].Side[1].Remote = remote[s.Streams[0].Side[1].Relatch%2]
		if err := b.relay.Update(s); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
