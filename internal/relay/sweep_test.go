package relay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

func TestDeadEvent(t *testing.T) {
	r := newRig(t, Config{SweepInterval: 5 * time.Millisecond})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Timeout = [2]time.Duration{0, 30 * time.Millisecond}
	before := time.Now()
	r.open(s)
	e := r.want(media.EventDead, 0, 1)
	if e.Session != 1 || e.At.Sub(before) < 30*time.Millisecond {
		t.Errorf("%+v, %v after the start", e, e.At.Sub(before))
	}
	b.send(b.rtp, s.Streams[0].Side[1].Local, rtpPacket(8, 1, 160, 8))
	r.want(media.EventFirstPacket, 0, 1)
	r.want(media.EventDead, 0, 1) // a new silence
	if n := r.Totals().Dead; n != 2 {
		t.Errorf("%d silences counted", n)
	}
}

// TestSilence runs the check at chosen times.
func TestSilence(t *testing.T) {
	const timeout = 10 * time.Second
	sec := func(n int64) int64 { return n * int64(time.Second) }
	check := func(t *testing.T, s *session, now int64, want int) {
		t.Helper()
		var n notices
		s.silent(now, 0, &n)
		if len(n.list) != want {
			t.Fatalf("at %v: %d events, want %d", time.Duration(now), len(n.list), want)
		}
	}
	t.Run("once per silence", func(t *testing.T) {
		s := watched()
		check(t, s, sec(10)-1, 0)
		check(t, s, sec(10), 1)
		check(t, s, sec(100), 0)
	})
	t.Run("RTCP is a sign of life", func(t *testing.T) {
		s := watched()
		in := &s.streams[0].side[0].rtcp
		src := in.gate.announced
		var n notices
		in.receive(receiverReport(1), &src, sec(9), &n)
		check(t, s, sec(18), 0)
		check(t, s, sec(19), 1)
		in.receive(receiverReport(1), &src, sec(20), &n)
		check(t, s, sec(30), 1)
	})
	t.Run("and so is what ssrcPolicy keeps out", func(t *testing.T) {
		s := watched(func(st *media.Stream) { st.Side[0].FixedSSRC = true })
		in := &s.streams[0].side[0].rtp
		src := in.gate.announced
		var n notices
		in.receive(rtpPacket(8, 1, 160, 1), &src, sec(1), &n)
		in.receive(rtpPacket(8, 1, 160, 2), &src, sec(9), &n)
		check(t, s, sec(19)-1, 0)
		check(t, s, sec(19), 1)
	})
	t.Run("a stranger's packet is not", func(t *testing.T) {
		s := watched()
		in := &s.streams[0].side[0].rtp
		src := sockaddrOf(netip.MustParseAddrPort("192.0.2.66:6"))
		var n notices
		in.receive(rtpPacket(8, 1, 1, 1), &src, sec(9), &n)
		check(t, s, sec(10), 1)
	})
	t.Run("who is heard on one stream is there, whatever the others do", func(t *testing.T) {
		s := watched()
		s.streams = append(s.streams, watched().streams...)
		in := &s.streams[1].side[0].rtp
		src := in.gate.announced
		var n notices
		in.receive(rtpPacket(8, 1, 160, 8), &src, sec(9), &n)
		check(t, s, sec(19)-1, 0)
		check(t, s, sec(19), 1)
		check(t, s, sec(40), 0)
	})
	t.Run("a server that was stopped has not listened", func(t *testing.T) {
		s, sw := watched(), sweeper{interval: time.Second}
		for at := range int64(6) {
			sw.look(sec(at))
		}
		sw.look(sec(100))
		var n notices
		if s.silent(sec(100), sw.resumed, &n); len(n.list) != 0 {
			t.Fatal("dead as soon as it runs again")
		}
		for at := range int64(9) {
			sw.look(sec(101 + at))
		}
		if s.silent(sec(109), sw.resumed, &n); len(n.list) != 0 {
			t.Fatal("dead before its time")
		}
		sw.look(sec(110))
		if s.silent(sec(110), sw.resumed, &n); len(n.list) != 1 {
			t.Fatal("never dead")
		}
	})
	for name, change := range map[string]func(*media.Stream){
		"a side that the other one does not want to hear may be silent": func(st *media.Stream) { st.Side[1].Send = false },
		"a side on hold may be silent":                                  func(st *media.Stream) { st.Side[0].Recv = false },
		"a side that has not answered too":                              func(st *media.Stream) { st.Side[0].Remote = netip.AddrPort{} },
		"and a fax":                                                     func(st *media.Stream) { st.Opaque = true },
		"and one at no address, RFC 2543 hold":                          func(st *media.Stream) { st.Side[0].Nowhere = true },
	} {
		t.Run(name, func(t *testing.T) { check(t, watched(change), sec(1000), 0) })
	}
	t.Run("silence counts from the end of the hold", func(t *testing.T) {
		held := media.Side{Remote: netip.MustParseAddrPort("192.0.2.1:4000")}
		s := watched(func(st *media.Stream) { st.Side[0].Recv = false })
		held.Recv = true
		s.streams[0].side[0].set(&held, sec(100))
		check(t, s, sec(110)-1, 0)
		check(t, s, sec(110), 1)
	})
	t.Run("or from when the other side wants to hear again", func(t *testing.T) {
		s := watched(func(st *media.Stream) { st.Side[1].Send = false })
		here := media.Side{Remote: netip.MustParseAddrPort("192.0.2.1:4000"), Send: true, Recv: true}
		s.streams[0].set(&media.Stream{Side: [2]media.Side{here, here}}, sec(100))
		check(t, s, sec(110)-1, 0)
		check(t, s, sec(110), 1)
	})
	t.Run("and from the end of a fax, which may come to the ports that were there before", func(t *testing.T) {
		s := watched(func(st *media.Stream) { st.Opaque = true })
		s.streams[0].set(&media.Stream{Side: [2]media.Side{{Remote: netip.MustParseAddrPort("192.0.2.1:4000"), Recv: true}, {Send: true}}}, sec(100))
		check(t, s, sec(110)-1, 0)
		check(t, s, sec(110), 1)
	})
	t.Run("and while a fax goes either way beside the audio nobody speaks", func(t *testing.T) {
		s, fax := watched(), watched(func(st *media.Stream) { st.Opaque = true })
		s.streams = append(s.streams, fax.streams...)
		fax.streams[0].side[1].heard = sec(8)
		check(t, s, sec(18)-1, 0)
		check(t, s, sec(18), 1)
	})
	t.Run("and from a new timeout", func(t *testing.T) {
		s := watched()
		s.setTimeout([2]time.Duration{}, sec(5))
		check(t, s, sec(50), 0)
		s.setTimeout([2]time.Duration{timeout, timeout}, sec(60))
		check(t, s, sec(70)-1, 0)
		check(t, s, sec(70), 2)
	})
}
