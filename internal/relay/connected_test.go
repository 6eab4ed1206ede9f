package relay

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// connectedTo is the peer that the kernel knows of the second socket of a side's port; "": there is none.
func (r *rig) connectedTo(side media.SideIndex) string {
	r.t.Helper()
	ses := r.find(1)
	ses.mu.Lock()
	defer ses.mu.Unlock()
	c := ses.streams[0].side[side].rtp.connected
	if c == nil {
		return ""
	}
	name, err := unix.Getpeername(int(c.socket.fd))
	if err != nil {
		r.t.Fatal(err)
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)).String()
	}
	r.t.Fatalf("%T", name)
	return ""
}

// TestSettledPeerGetsASocket: once the peers have settled they have a socket of their own, strangers are still heard and refused, a peer behind a NAT that moves is followed,
// no packet is lost by any of it, and nothing is left when the session ends.
func TestSettledPeerGetsASocket(t *testing.T) {
	for _, ip := range []netip.Addr{ip4, ip6} {
		t.Run(ip.String(), func(t *testing.T) {
			r := newRig(t, Config{Best: media.TierSockets})
			a, b := newPhone(t, ip), newPhone(t, ip)
			s := call(1, a, b)
			before := descriptors(t)
			r.open(s)
			la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
			sequence := uint16(0)
			talk := func(from *net.UDPConn, packets int) {
				t.Helper()
				for range packets {
					sequence++
					x, y := rtpPacket(8, sequence, uint32(sequence)*160, 7), rtpPacket(8, sequence, uint32(sequence)*160, 8)
					a.send(from, la, x)
					b.wantOn(b.rtp, lb, x)
					b.send(b.rtp, lb, y)
					a.wantOn(from, la, y)
				}
			}
			talk(a.rtp, settled-1)
			if n := r.Totals().Connected; n != 0 {
				t.Fatalf("%d sockets before anybody has settled", n)
			}
			talk(a.rtp, 2*settled)
			if got, want := [2]string{r.connectedTo(0), r.connectedTo(1)}, [2]string{address(a.rtp).String(), address(b.rtp).String()}; got != want {
				t.Fatalf("connected to %v, want %v", got, want)
			}

			stranger := listen(t, ip)
			gated := r.from(1, 0, 0).Gated
			for i := range uint16(3) {
				a.send(stranger, la, rtpPacket(8, i, 0, 9))
			}
			talk(a.rtp, 10)
			eventually(t, "strangers refused", func() bool { return r.from(1, 0, 0).Gated == gated+3 })

			moved := listen(t, ip)
			s.Streams[0].Side[0].Relatch++
			if err := r.Update(s); err != nil {
				t.Fatal(err)
			}
			talk(moved, settled-10)
			if got := r.connectedTo(0); got != address(a.rtp).String() {
				t.Errorf("connected to %v before the peer has settled again", got)
			}
			talk(moved, 2*settled)
			if got := r.connectedTo(0); got != address(moved).String() {
				t.Errorf("connected to %v, want %v", got, address(moved))
			}
			if n := r.Totals(); n.Connected != 2 || n.Sockets != 4 {
				t.Errorf("%+v", n)
			}
			for side := range media.SideIndex(2) {
				if c := r.from(1, 0, side); c.Packets != uint64(sequence) || c.SendErrors != 0 {
					t.Errorf("side %d: %+v, want %d packets", side, c, sequence)
				}
			}
			if other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(la)); err == nil {
				_ = other.Close()
				t.Error("somebody else may have the port")
			}
			r.Close(1)
			r.cool()
			if n := r.Totals(); n.Connected != 0 || descriptors(t) != before+2 { // stranger and moved
				t.Errorf("%d connected, %d descriptors, %d before", n.Connected, descriptors(t), before)
			}
			if bound(la) || bound(lb) {
				t.Error("a port is still bound")
			}
		})
	}
}

// TestSettlingKeepsTheOrder: what waits in the socket that hears anybody goes on before what has come to the connected one.
func TestSettlingKeepsTheOrder(t *testing.T) {
	r := newRig(t, Config{Best: media.TierSockets})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	x := func(i uint16) []byte { return rtpPacket(8, i, uint32(i)*160, 7) }
	sent := uint16(0)
	send := func(packets int) {
		for range packets {
			sent++
			a.send(a.rtp, s.Streams[0].Side[0].Local, x(sent))
		}
	}
	arrive := func(from uint16) {
		t.Helper()
		for i := from; i <= sent; i++ {
			b.wantOn(b.rtp, s.Streams[0].Side[1].Local, x(i))
		}
	}
	send(settled - 5)
	arrive(1)
	ses := r.find(1)
	ses.mu.Lock() // what comes now waits; the fifth of it settles
	send(20)
	ses.mu.Unlock()
	send(settled)
	arrive(settled - 4)
	if r.connectedTo(0) == "" {
		t.Error("not settled")
	}
}

// TestDescriptorsAreForCalls: where they are scarce no peer gets a second socket.
func TestDescriptorsAreForCalls(t *testing.T) {
	r := newRig(t, Config{Best: media.TierSockets})
	r.mayConnect = 4
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	for i := range uint16(3 * settled) {
		x := rtpPacket(8, i, uint32(i)*160, 7)
		a.send(a.rtp, s.Streams[0].Side[0].Local, x)
		b.wantOn(b.rtp, s.Streams[0].Side[1].Local, x)
	}
	if n := r.Totals().Connected; n != 0 {
		t.Errorf("%d", n)
	}
}

// TestSettledPeerGoesAway: what ICMP says of a peer that has settled is counted as before.
func TestSettledPeerGoesAway(t *testing.T) {
	r := newRig(t, Config{Best: media.TierSockets})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	x := func(i uint16) []byte { return rtpPacket(8, i, uint32(i)*160, 7) }
	for i := range uint16(settled) {
		b.send(b.rtp, s.Streams[0].Side[1].Local, x(i))
		a.wantOn(a.rtp, s.Streams[0].Side[0].Local, x(i))
	}
	if r.connectedTo(1) == "" {
		t.Fatal("not settled")
	}
	_ = b.rtp.Close()
	i := uint16(0)
	eventually(t, "refusals told", func() bool {
		i++
		a.send(a.rtp, s.Streams[0].Side[0].Local, x(i))
		return r.from(1, 0, 1).Refused >= 3
	})
	if got := r.from(1, 0, 1); got.RefusedWhy != "connection refused" || r.from(1, 0, 0).SendErrors != 0 {
		t.Errorf("%+v", got)
	}
}
