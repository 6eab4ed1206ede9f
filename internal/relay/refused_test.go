package relay

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// TestClosedPortIsNoticed: what a peer's host says by ICMP is counted on the side of that peer, no packet to an address that is open gets lost by it, and the relay
// does not turn in circles.
func TestClosedPortIsNoticed(t *testing.T) {
	for _, ip := range []netip.Addr{ip4, ip6} {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip), newPhone(t, ip)
		s := call(1, a, b)
		gone := listen(t, ip)
		s.Streams[0].Side[1].Remote = address(gone)
		_ = gone.Close()
		r.open(s)
		toA := s.Streams[0].Side[0].Local
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		seq := uint16(0)
		next := func() []byte { seq++; return rtpPacket(0, seq, uint32(seq)*160, 0xa) }
		deadline := time.Now().Add(patience)
		for r.from(1, 0, 1).Refused < 3 {
			if time.Now().After(deadline) {
				t.Fatalf("%v: %+v", ip, r.from(1, 0, 1))
			}
			a.send(a.rtp, toA, next())
			<-tick.C
		}
		got := r.from(1, 0, 1)
		if got.RefusedWhy != "connection refused" || got.LastRefused.IsZero() || r.from(1, 0, 0).Refused != 0 {
			t.Errorf("%v: %+v", ip, got)
		}
		s.Streams[0].Side[1].Remote, s.Streams[0].Side[1].Relatch = address(b.rtp), 1
		if err := r.Update(s); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			p := next()
			a.send(a.rtp, toA, p)
			b.wantOn(b.rtp, s.Streams[0].Side[1].Local, p)
		}
		if fd := r.find(1).streams[0].side[1].rtp.socket.fd; tierOfTests == media.TierSockets && !idle(fd) {
			t.Errorf("%v: the socket stays in the ready list", ip)
		}
		if n := r.from(1, 0, 0).SendErrors; n != 0 {
			t.Errorf("%v: %d send errors", ip, n)
		}
		r.Close(1)
		s.ID = media.SessionID(2)
		if err := r.Open(s); err != nil { // the same sockets, warm
			t.Fatal(err)
		}
		if n := r.from(2, 0, 1).Refused; n != 0 {
			t.Errorf("%v: the next session has %d", ip, n)
		}
	}
}

// idle waits until nothing is to be read from a descriptor, not even an error.
func idle(fd int32) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if n, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}, 0); n == 0 && err == nil {
			return true
		}
	}
	return false
}
