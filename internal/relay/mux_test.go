package relay

import (
	"net/netip"
	"testing"
)

// TestRFC5761Mux: a side whose RTCP shares the RTP port and one whose RTCP has a port of its own understand each other, both ways, and so do they
// when one changes its mind.
func TestRFC5761Mux(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].Mux, s.Streams[0].Side[0].RemoteRTCP = true, netip.AddrPort{}
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	if got := r.Totals().Sockets; got != 3 {
		t.Errorf("%d sockets, want 3", got)
	}
	xr := receiverReport(7)
	xr[1] = 207 // RFC 3611: told from RTP by agreement alone
	both := func() {
		t.Helper()
		x := rtpPacket(8, 1, 160, 7)
		a.send(a.rtp, la, x)
		b.wantOn(b.rtp, lb, x)
		x = rtpPacket(8, 1, 160, 8)
		b.send(b.rtp, lb, x)
		a.wantOn(a.rtp, la, x)
	}
	both()
	a.send(a.rtp, la, xr)
	b.wantOn(b.rtcp, rtcpPort(lb), xr)
	b.send(b.rtcp, rtcpPort(lb), receiverReport(8))
	a.wantOn(a.rtp, la, receiverReport(8))

	s.Streams[0].Side[0].Mux, s.Streams[0].Side[0].RemoteRTCP = false, address(a.rtcp)
	s.Streams[0].Side[1].Mux = true
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	both()
	a.send(a.rtcp, rtcpPort(la), xr)
	b.wantOn(b.rtp, lb, xr)
	b.send(b.rtp, lb, receiverReport(8))
	a.wantOn(a.rtcp, rtcpPort(la), receiverReport(8))
	if got := r.from(1, 0, 1); got.RTCP != 2 || got.Packets != 2 {
		t.Errorf("counted %+v", got)
	}
}
