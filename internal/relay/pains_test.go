package relay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// watched is a session whose first side must be heard every ten seconds, from its beginning at 0.
func watched(change ...func(*media.Stream)) *session {
	want := media.Stream{}
	for i := range want.Side {
		want.Side[i] = media.Side{Local: netip.MustParseAddrPort("192.0.2.9:5000"), Remote: netip.MustParseAddrPort("192.0.2.1:4000"), Send: true, Recv: true}
	}
	for _, f := range change {
		f(&want)
	}
	s := &session{id: 1}
	st := newStream(s, 0, &sockets{})
	s.streams = []*stream{st}
	for i := range st.side {
		st.side[i].rtp.socket = socket{fd: 1, generation: 1}
	}
	st.set(&want, 0)
	s.setTimeout([2]time.Duration{10 * time.Second, 0}, 0)
	return s
}

// dead is how often a session was found silent in the n seconds in which, each second, packet comes to a flow of its first side.
func dead(s *session, f *port, packet []byte, n int) int {
	src, silent := f.gate.announced, 0
	for sec := range n {
		now := int64(sec) * int64(time.Second)
		var found, other notices
		if packet != nil {
			f.receive(packet, &src, now, &other)
		}
		s.silent(now, 0, &found)
		silent += len(found.list)
	}
	return silent
}

// P01: a peer that sends RTP and never RTCP lives; one that sends neither is silent once.
func TestP01_RTPAloneIsLife(t *testing.T) {
	s := watched()
	if n := dead(s, &s.streams[0].side[0].rtp, rtpPacket(0, 1, 160, 8), 60); n != 0 {
		t.Errorf("RTP alone: silent %d times", n)
	}
	s = watched()
	if n := dead(s, &s.streams[0].side[0].rtp, nil, 60); n != 1 {
		t.Errorf("neither: silent %d times", n)
	}
}

// P12: a peer that suppresses silence and sends no comfort noise lives by its RTCP; one that sends comfort noise lives by that (RFC 3389).
func TestP12_SilenceSuppression(t *testing.T) {
	s := watched()
	if n := dead(s, &s.streams[0].side[0].rtcp, receiverReport(1), 60); n != 0 {
		t.Errorf("RTCP alone: silent %d times", n)
	}
	s = watched()
	if n := dead(s, &s.streams[0].side[0].rtp, rtpPacket(13, 1, 160, 8), 60); n != 0 {
		t.Errorf("comfort noise: silent %d times", n)
	}
}
