package relay

import (
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// TestKeysLeaveWithTheLeg: a browser whose call is joined with another sends and takes what has the keys that it has made in the one that it leaves, and makes no others. Their counters go on,
// and where it was nobody has them any more; a handshake of its own has its way.
func TestKeysLeaveWithTheLeg(t *testing.T) {
	r := newRig(t, Config{})
	a, b, c := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
	peer := newShaker(t, true, media.AESCM128HMACSHA180)
	s, keys := r.shaken(peer, "one", a, b)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	for _, seq := range []uint16{65535, 0} { // its rollover counter rises
		x, y := rtpPacket(8, seq, 160, 7), rtpPacket(8, seq, 160, 8)
		a.send(a.rtp, la, keys.rtp(t, x))
		b.wantOn(b.rtp, lb, x)
		b.send(b.rtp, lb, y)
		keys.wants(a, y)
	}

	other := call(2, b, c) // the call of who has transferred it
	r.open(other)
	seat := &other.Streams[0].Side[0]
	sits := func(d *media.DTLS) {
		t.Helper()
		local := seat.Local
		*seat = a.side()
		seat.Local, seat.Mux, seat.DTLS = local, true, d
		if err := r.Update(other); err != nil {
			t.Fatal(err)
		}
	}
	at, lc := seat.Local, other.Streams[0].Side[1].Local
	d := peer.dtls("two")
	d.Before = &media.Shaken{Session: 1, Stream: 0, Side: 0, Association: "another"}
	sits(d)
	if st, _ := r.Stats(2); st.Streams[0].Keyed != [2]media.Suite{} {
		t.Fatal("keys of another association")
	}
	d = peer.dtls("three")
	d.Before = &media.Shaken{Session: 1, Stream: 0, Side: 0, Association: "one"}
	for range 2 { // said again it changes nothing
		sits(d)
	}
	if st, _ := r.Stats(1); st.Streams[0].Keyed != [2]media.Suite{} {
		t.Error("both sessions have the keys")
	}
	r.Close(1)
	for seq := range uint16(3) {
		x, y := rtpPacket(8, 1+seq, 160, 7), rtpPacket(8, 1+seq, 160, 8)
		a.send(a.rtp, at, keys.rtp(t, x))
		c.wantOn(c.rtp, lc, x)
		c.send(c.rtp, lc, y) // from the same source: with a counter of its own the key stream would be one that was
		keys.wants(a, y)
	}

	again := peer.shake(a.rtp, at, r.Fingerprint())
	if again == nil {
		t.Fatal("no handshake where the keys went on")
	}
	again.until(a, a.rtp, at, c.rtp)
}
