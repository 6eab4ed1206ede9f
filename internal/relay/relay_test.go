package relay

import (
	"net/netip"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// TestBothDirections also shows that each side sees our port of its side as the source (symmetric RTP, RFC 4961).
func TestBothDirections(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b netip.Addr
	}{{"IPv4", ip4, ip4}, {"IPv6", ip6, ip6}, {"IPv6 to IPv4", ip6, ip4}} {
		for _, latch := range []media.Latch{media.LatchPeer, media.LatchOff} {
			t.Run(c.name, func(t *testing.T) {
				r := newRig(t, Config{})
				a, b := newPhone(t, c.a), newPhone(t, c.b)
				s := call(1, a, b)
				s.Streams[0].Side[0].Latch, s.Streams[0].Side[1].Latch = latch, latch
				r.open(s)
				la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
				for i := range uint16(20) {
					x, y := rtpPacket(8, i, uint32(i)*160, 7), rtpPacket(0, i, uint32(i)*160, 8)
					a.send(a.rtp, la, x)
					b.wantOn(b.rtp, lb, x)
					b.send(b.rtp, lb, y)
					a.wantOn(a.rtp, la, y)
				}
				x, y := receiverReport(7), receiverReport(8)
				a.send(a.rtcp, rtcpPort(la), x)
				b.wantOn(b.rtcp, rtcpPort(lb), x)
				b.send(b.rtcp, rtcpPort(lb), y)
				a.wantOn(a.rtcp, rtcpPort(la), y)
				r.want(media.EventFirstPacket, 0, 0)
				r.want(media.EventFirstPacket, 0, 1)
				stats, ok := r.Close(1)
				if !ok {
					t.Fatal("no session")
				}
				for side, want := range []media.Counters{
					{Packets: 20, Bytes: 20 * 172, RTCP: 1, Source: address(a.rtp), PayloadType: 8, SSRC: 7},
					{Packets: 20, Bytes: 20 * 172, RTCP: 1, Source: address(b.rtp), PayloadType: 0, SSRC: 8},
				} {
					got := stats.Streams[0].From[side]
					if got.First.IsZero() || got.Last.Before(got.First) {
						t.Errorf("first %v, last %v", got.First, got.Last)
					}
					if p := got.Pattern; p.Packets != 20 || p.Lost != 0 || got.Witness.Packets != 1 || got.Sources != 1 {
						t.Errorf("side %d: %+v", side, got.Observed)
					}
					got.First, got.Last, got.Jitter, got.Observed = want.First, want.Last, 0, want.Observed
					if got != want {
						t.Errorf("side %d counted\n%+v, want\n%+v", side, got, want)
					}
				}
			})
		}
	}
}

func TestCountersMatchTheGenerator(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	sent := uint64(0)
	first := uint16(65400)
	for i := range uint16(300) {
		if i%10 == 5 {
			continue // lost on the way
		}
		x := rtpPacket(8, first+i, uint32(i)*160, 7)
		a.send(a.rtp, la, x)
		b.wantOn(b.rtp, lb, x)
		sent++
	}
	a.send(a.rtp, la, []byte("not RTP at all"))
	a.send(a.rtp, la, make([]byte, maxDatagram+1)) // cut: must not go on
	last := rtpPacket(8, first+300, 300*160, 7)
	a.send(a.rtp, la, last)
	b.wantOn(b.rtp, lb, last)
	got := r.from(1, 0, 0)
	if got.Packets != sent+1 || got.Bytes != (sent+1)*172 || got.Lost != 30 || got.Dropped != 2 || got.Gated != 0 {
		t.Errorf("%+v", got)
	}
	// The worker adds to the totals at the end of its batch; closing the workers ends the last one.
	r.Shutdown()
	if total := r.Totals(); total.Packets != sent+1 || total.Dropped != 2 || total.Lost != 30 || total.Sessions != 0 || total.Sockets != 0 || total.Streams != 0 || total.Opened != 1 {
		t.Errorf("%+v", total)
	}
}

func TestStrangerIsGated(t *testing.T) {
	r := newRig(t, Config{})
	a, b, thief := newPhone(t, ip4), newPhone(t, ip4), listen(t, netip.MustParseAddr("127.0.0.2"))
	s := call(1, a, b)
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	a.send(thief, la, rtpPacket(8, 1, 1, 666)) // before the peer
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	for i := range uint16(10) {
		a.send(thief, la, rtpPacket(8, i, 1, 666)) // and after
		a.send(thief, rtcpPort(la), receiverReport(666))
	}
	x = rtpPacket(8, 2, 320, 7)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	report := receiverReport(7)
	a.send(a.rtcp, rtcpPort(la), report)
	b.wantOn(b.rtcp, rtcpPort(lb), report)
	y := rtpPacket(8, 1, 160, 8)
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtp, la, y) // not to the thief
	if got := r.from(1, 0, 0); got.Gated != 21 || got.Packets != 2 || got.RTCP != 1 || got.SSRC != 7 || got.Source != address(a.rtp) {
		t.Errorf("%+v", got)
	}
}

// TestLatchBehindNAT: the peer's media comes from the host of its signalling, not from the one of its SDP.
func TestLatchBehindNAT(t *testing.T) {
	r := newRig(t, Config{})
	public := netip.MustParseAddr("127.0.0.3")
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	natRTP, natRTCP := listen(t, public), listen(t, public)
	s := call(1, a, b)
	s.Streams[0].Side[0].Signalling = public
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	x := rtpPacket(8, 1, 160, 7)
	a.send(natRTP, la, x)
	b.wantOn(b.rtp, lb, x) // the first packet
	y := rtpPacket(8, 1, 160, 8)
	b.send(b.rtp, lb, y)
	a.wantOn(natRTP, la, y)
	report := receiverReport(7)
	a.send(natRTCP, rtcpPort(la), report)
	b.wantOn(b.rtcp, rtcpPort(lb), report)
	report = receiverReport(8)
	b.send(b.rtcp, rtcpPort(lb), report)
	a.wantOn(natRTCP, rtcpPort(la), report)

	t.Run("the announced address takes over", func(t *testing.T) {
		x := rtpPacket(8, 2, 320, 9)
		a.send(a.rtp, la, x)
		for range 5 {
			a.send(natRTP, la, rtpPacket(8, 3, 480, 7))
		}
		// Packets of the source before may still be under way to b.
		for {
			buf := make([]byte, 2048)
			n, err := b.rtp.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if peek(buf[:n]).ssrc == 9 {
				break
			}
		}
		y := rtpPacket(8, 2, 320, 8)
		b.send(b.rtp, lb, y)
		a.wantOn(a.rtp, la, y)
	})
}

// TestLatchToAnyHost: where the trunk allows it, a host that nobody spoke of is heard once it has proved itself.
func TestLatchToAnyHost(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	third := listen(t, netip.MustParseAddr("127.0.0.3"))
	s := call(1, a, b)
	s.Streams[0].Side[0].Latch = media.LatchAny
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	if sent := a.arrives(third, la, rtpPacket(8, 1, 160, 7), b.rtp); sent < proofPackets {
		t.Errorf("latched with packet %d", sent)
	}
	y := rtpPacket(8, 1, 160, 8)
	b.send(b.rtp, lb, y)
	a.wantOn(third, la, y)
}

func TestRelatchByNewSDP(t *testing.T) {
	r := newRig(t, Config{})
	a, b, moved := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, netip.MustParseAddr("127.0.0.4"))
	s := call(1, a, b)
	s.Streams[0].Side[0].FixedSSRC = true
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	r.want(media.EventFirstPacket, 0, 0)

	update := *s
	update.Streams = []media.Stream{{Side: [2]media.Side{moved.side(), s.Streams[0].Side[1]}}}
	update.Streams[0].Side[0].Local, update.Streams[0].Side[0].Relatch, update.Streams[0].Side[0].FixedSSRC = la, 1, true
	if err := r.Update(&update); err != nil {
		t.Fatal(err)
	}
	y := rtpPacket(8, 1, 160, 8)
	b.send(b.rtp, lb, y)
	moved.wantOn(moved.rtp, la, y) // at once, before it sends
	r.want(media.EventFirstPacket, 0, 1)
	a.send(a.rtp, la, rtpPacket(8, 2, 320, 7))
	x = rtpPacket(8, 1, 160, 77)
	moved.send(moved.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	r.want(media.EventFirstPacket, 0, 0)
	if got := r.from(1, 0, 0); got.Gated != 1 || got.Packets != 2 || got.Source != address(moved.rtp) {
		t.Errorf("%+v", got)
	}
}

func TestFixedSSRC(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].FixedSSRC = true
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	for i, ssrc := range []uint32{7, 8, 7} {
		x := rtpPacket(8, uint16(i), uint32(i)*160, ssrc)
		a.send(a.rtp, la, x)
		if ssrc == 7 {
			b.wantOn(b.rtp, lb, x)
		}
	}
	for i, ssrc := range []uint32{7, 8, 9} { // the other side may change
		x := rtpPacket(8, uint16(i), uint32(i)*160, ssrc)
		b.send(b.rtp, lb, x)
		a.wantOn(a.rtp, la, x)
	}
	if got := r.from(1, 0, 0); got.Dropped != 1 || got.Packets != 2 {
		t.Errorf("%+v", got)
	}
}

// TestSharedPort is RFC 5761: one side shares a port, the other does not.
func TestSharedPort(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].Mux, s.Streams[0].Side[0].RemoteRTCP = true, netip.AddrPort{}
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	x := receiverReport(7)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtcp, rtcpPort(lb), x)
	y := receiverReport(8)
	b.send(b.rtcp, rtcpPort(lb), y)
	a.wantOn(a.rtp, la, y)
	if got := r.from(1, 0, 0); got.RTCP != 1 || got.Packets != 0 {
		t.Errorf("%+v", got)
	}
}

func TestHold(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	set := func(send, recv bool) {
		t.Helper()
		s.Streams[0].Side[1].Send, s.Streams[0].Side[1].Recv = send, recv
		if err := r.Update(s); err != nil {
			t.Fatal(err)
		}
	}
	set(false, false) // b is inactive
	a.send(a.rtp, la, rtpPacket(8, 1, 160, 7))
	b.send(b.rtp, lb, rtpPacket(8, 1, 160, 8))
	report := receiverReport(7) // RTCP goes on (RFC 3264 §5.1)
	a.send(a.rtcp, rtcpPort(la), report)
	b.wantOn(b.rtcp, rtcpPort(lb), report)
	r.want(media.EventFirstPacket, 0, 0) // a packet is a packet
	r.want(media.EventFirstPacket, 0, 1)
	set(true, false) // b only listens: music on hold
	x := rtpPacket(8, 2, 320, 7)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	b.send(b.rtp, lb, rtpPacket(8, 2, 320, 8))
	b.send(b.rtp, lb, report) // on the RTP port, so behind the packet
	a.wantOn(a.rtcp, rtcpPort(la), report)
	set(true, true)
	y := rtpPacket(8, 3, 480, 8)
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtp, la, y)
	if got := r.from(1, 0, 0); got.Dropped != 1 || got.Packets != 1 || got.Lost != 0 {
		t.Errorf("from a: %+v", got)
	}
	if got := r.from(1, 0, 1); got.Lost != 0 || got.Packets+got.Dropped != 3 {
		t.Errorf("from b: %+v", got)
	}
}

// TestOpaque carries what is not RTP: T.38 over UDPTL.
func TestOpaque(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Opaque = true
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	x := []byte{0, 0, 1, 0, 0}
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	thief := listen(t, netip.MustParseAddr("127.0.0.2"))
	a.send(thief, la, x)
	x = []byte{0, 1, 1, 2, 0}
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	if got := r.from(1, 0, 0); got.Packets != 2 || got.Bytes != 10 || got.Gated != 1 || got.Lost != 0 {
		t.Errorf("%+v", got)
	}
}

// RFC 3264 §8.4: to who holds by 0.0.0.0 neither RTP nor RTCP goes, and from where it was it may play music, under every policy.
func TestHeldByNoAddress(t *testing.T) {
	for _, latch := range []media.Latch{media.LatchOff, media.LatchPeer} {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		s := call(1, a, b)
		holder := &s.Streams[0].Side[1]
		holder.Latch, holder.Nowhere, holder.Send = latch, true, false
		r.open(s)
		la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
		x, y := rtpPacket(8, 1, 160, 8), receiverReport(8)
		b.send(b.rtp, lb, x)
		a.wantOn(a.rtp, la, x)
		b.send(b.rtcp, rtcpPort(lb), y)
		a.wantOn(a.rtcp, rtcpPort(la), y)
		a.send(a.rtcp, rtcpPort(la), receiverReport(7))
		eventually(t, "RTCP that goes nowhere", func() bool { return r.from(1, 0, 0).Dropped == 1 })
		if got := r.from(1, 0, 0); got.RTCP != 0 {
			t.Errorf("%+v", got)
		}
	}
}

// TestNowhereToGo: packets that come before the other side has answered, and to a peer that is gone.
func TestNowhereToGo(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	answer := s.Streams[0].Side[1]
	s.Streams[0].Side[1].Remote, s.Streams[0].Side[1].RemoteRTCP = netip.AddrPort{}, netip.AddrPort{}
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	a.send(a.rtp, la, rtpPacket(8, 1, 160, 7))
	r.want(media.EventFirstPacket, 0, 0)
	answer.Local, answer.Relatch = lb, 1
	s.Streams[0].Side[1] = answer
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	x := rtpPacket(8, 2, 320, 7)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	if got := r.from(1, 0, 0); got.Dropped != 1 || got.Packets != 1 {
		t.Errorf("%+v", got)
	}
	_ = b.rtp.Close() // ICMP port unreachable comes back from now on
	for i := range uint16(5) {
		a.send(a.rtp, la, rtpPacket(8, 3+i, 0, 7))
	}
	y := receiverReport(8)
	b.send(b.rtcp, rtcpPort(lb), y)
	a.wantOn(a.rtcp, rtcpPort(la), y)
	b.send(a.rtcp, rtcpPort(la), receiverReport(7))
	b.wantOn(b.rtcp, rtcpPort(lb), receiverReport(7))
}
