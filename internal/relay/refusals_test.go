package relay

import (
	"net"
	"net/netip"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// TestWhatIsInTheWayNow: what did not pass is told apart from what did not since a packet passed, in each tier.
func TestWhatIsInTheWayNow(t *testing.T) {
	if !isolated(t) {
		return
	}
	for _, tier := range tiers {
		t.Run(tier.String(), func(t *testing.T) {
			w := newWire(t)
			defer w.here("link del near")
			k := w.between(us4, peer4, Config{Best: tier}, nil)
			other := k.a.rtcp // another port of a's host, which may not send once a was heard
			send := func(n int, from *net.UDPConn) {
				for range n {
					before := k.from(1, 0, 0)
					k.a.send(from, k.la, k.packet(7))
					k.number++
					k.counts(func(c *media.Counters) bool { return c.Held+c.Gated == before.Held+before.Gated+1 })
				}
			}
			hold := func(on bool) { k.update(func(s *media.Session) { s.Streams[0].Side[1].Send = !on }) }
			want := func(what string, all, since media.Refusals) {
				t.Helper()
				got := k.from(1, 0, 0)
				if all := (media.Refusals{Gated: got.Gated, Held: got.Held}) != all; all || got.Since != since {
					t.Errorf("%s: %d gated, %d held, since then %+v", what, got.Gated, got.Held, got.Since)
				}
			}
			hold(true)
			send(3, k.a.rtp)
			want("on hold from the beginning", media.Refusals{Held: 3}, media.Refusals{Held: 3})
			hold(false)
			k.talk(20)
			want("taken back", media.Refusals{Held: 3}, media.Refusals{})
			send(4, other)
			want("from another port", media.Refusals{Held: 3, Gated: 4}, media.Refusals{Gated: 4})
			k.talk(20)
			want("and heard again", media.Refusals{Held: 3, Gated: 4}, media.Refusals{})
			hold(true)
			send(2, k.a.rtp)
			send(1, other)
			want("on hold again", media.Refusals{Held: 5, Gated: 5}, media.Refusals{Held: 2, Gated: 1})
		})
	}
}

// TestStrangersSayNothingOfThePeer: STUN, DTLS and what is not under its keys is the peer's only from where it may come from; and a source that is kept out is named
// where most of what is kept out is its own.
func TestStrangersSayNothingOfThePeer(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	strangers := []*phone{newPhone(t, netip.MustParseAddr("127.0.0.9")), newPhone(t, netip.MustParseAddr("127.0.0.10"))}
	keys := newLock(t, media.AESCM128HMACSHA180, "")
	s := call(1, a, b)
	s.Streams[0].Side[1].Crypt = keys.crypt
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	check := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)
	dtls := append([]byte{22, 0xfe, 0xfd}, make([]byte, 20)...)
	for range 20 {
		for _, x := range strangers {
			x.send(x.rtp, la, check)
			x.send(x.rtp, la, dtls)
			x.send(x.rtp, rtcpPort(la), rtpPacket(8, 1, 1, 1))
			x.send(x.rtp, lb, rtpPacket(8, 1, 1, 1))
			r.turn()
		}
	}
	if got := r.from(1, 0, 0); got.STUN != 0 || got.DTLS != 0 || got.Misported != 0 || got.Dropped != 0 {
		t.Errorf("of strangers: %+v", got)
	}
	if got := r.from(1, 0, 1); got.Unauthentic != 0 || got.Gated != 40 || !got.Scattered {
		t.Errorf("of strangers: %+v", got)
	}
	for range 3 {
		a.send(a.rtp, la, check)
		a.send(a.rtp, la, dtls)
		a.send(a.rtp, rtcpPort(la), rtpPacket(8, 1, 1, 1))
		b.send(b.rtp, lb, rtpPacket(8, 1, 1, 1))
		r.turn()
	}
	if got := r.from(1, 0, 0); got.STUN != 3 || got.DTLS != 3 || got.Misported != 3 || got.Dropped != 9 {
		t.Errorf("of the peer: %+v", got)
	}
	if got := r.from(1, 0, 1); got.Unauthentic != 3 {
		t.Errorf("of the peer: %+v", got)
	}
	for range 200 { // one is by far the most
		strangers[0].send(strangers[0].rtp, lb, rtpPacket(8, 1, 1, 1))
		r.turn()
	}
	strangers[1].send(strangers[1].rtp, lb, rtpPacket(8, 1, 1, 1))
	r.turn()
	if got := r.from(1, 0, 1); got.Scattered || got.GatedFrom != address(strangers[0].rtp) {
		t.Errorf("most of them from %v: %+v", address(strangers[0].rtp), got)
	}
}

// TestCodedAnewForNobody: speech that is coded anew for a side without keys has not passed.
func TestCodedAnewForNobody(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(pcma), speech(g722))
	s.Streams[0].Side[1].Crypt = &media.Crypt{}
	r.open(s)
	for i := range 10 {
		a.send(a.rtp, s.Streams[0].Side[0].Local, spoken(8, i, 160, make([]byte, 160)))
		r.turn()
	}
	if got := r.from(1, 0, 0); got.Packets != 0 || got.Unsealed != 10 || got.Dropped != 10 || !got.First.IsZero() || got.Since.Unsealed != 10 {
		t.Errorf("%+v", got)
	}
}

// TestRefusedElsewhere: that nobody listens at an address says nothing of the next one.
func TestRefusedElsewhere(t *testing.T) {
	r := newStillRig(t)
	a, b, c := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	_ = b.rtp.Close()
	for i := range 3 {
		a.send(a.rtp, s.Streams[0].Side[0].Local, rtpPacket(8, uint16(i), uint32(i)*160, 7))
		r.turn()
	}
	if got := r.from(1, 0, 1); got.Refused == 0 || got.FirstRefused.IsZero() {
		t.Fatalf("%+v", got)
	}
	s.Streams[0].Side[1].Relatch++
	s.Streams[0].Side[1].Remote = address(c.rtp)
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	r.turn()
	if got := r.from(1, 0, 1); got.Refused != 0 || !got.FirstRefused.IsZero() {
		t.Errorf("%+v", got)
	}
}
