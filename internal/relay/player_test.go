package relay

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sound"
)

// clip is of packets that tell every place in it apart.
func clip(packets int) *sound.Clip {
	list := make([]int16, packets*sound.Narrow/50)
	for i := range list {
		list[i] = codec.DecodeA(byte(i ^ i>>8*37))
	}
	return sound.NewClip("clip", list)
}

// alaw is a clip as PCMA.
func alaw(c *sound.Clip) (b []byte) {
	for i := range c.Packets() {
		b = codec.ALaw.Encode(b, c.Packet(i, sound.Narrow))
	}
	return b
}

// playing is a session that plays to side 0.
func playing(id media.SessionID, a, b *phone, c *sound.Clip, times int) *media.Session {
	s := call(id, a, b)
	s.Play = &media.Play{ID: 7, Clip: c, Codec: media.PCMA, PayloadType: 8, Times: times}
	return s
}

// hear reads one RTP packet.
func (p *phone) hear(c *net.UDPConn) (header, bool, []byte) {
	p.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	if err != nil {
		p.t.Fatal(err)
	}
	if n < rtpHeader || buf[0] != 0x80 {
		p.t.Fatalf("not RTP: %x", buf[:min(n, 16)])
	}
	return peek(buf), buf[1]&0x80 != 0, buf[rtpHeader:n]
}

// TestPlayOnce: an announcement goes out as one talk spurt of one source, whole, and its end is reported.
func TestPlayOnce(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := playing(1, a, b, clip(4), 1)
	r.open(s)
	defer r.Close(1)
	var got []byte
	var first header
	for i := range 4 {
		r.beats(1)
		h, mark, payload := a.hear(a.rtp)
		if i == 0 {
			first = h
		}
		if mark != (i == 0) || h.payloadType != 8 || h.ssrc != first.ssrc || h.sequence != first.sequence+uint16(i) ||
			h.timestamp != first.timestamp+uint32(160*i) || len(payload) != 160 {
			t.Fatalf("packet %d: %+v, marker %v, %d octets; the first was %+v", i, h, mark, len(payload), first)
		}
		got = append(got, payload...)
	}
	if !bytes.Equal(got, alaw(s.Play.Clip)) {
		t.Fatal("the samples are others")
	}
	r.beats(1)
	if e := r.want(media.EventPlayed, 0, 0); e.Play != 7 || e.Session != 1 {
		t.Fatalf("%+v", e)
	}
	if st, _ := r.Stats(1); st.Played != [2]uint64{4, 0} {
		t.Errorf("%d packets were played", st.Played)
	}
	if n := r.Totals().Played; n != 4 {
		t.Errorf("%d packets were played in all", n)
	}
	// The end is told once, and the same Play does not begin again.
	s.Timeout[0] = time.Minute
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	s.Play = &media.Play{ID: 8, Clip: clip(1), Codec: media.PCMA, To: 1, Times: 2}
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		r.beats(1)
		if _, mark, payload := b.hear(b.rtp); mark != (i == 0) || !bytes.Equal(payload, alaw(s.Play.Clip)) {
			t.Fatal("another piece to the other side is not what is heard")
		}
	}
	r.beats(1)
	if e := r.want(media.EventPlayed, 0, 1); e.Play != 8 {
		t.Fatalf("%+v", e)
	}
	if st, _ := r.Close(1); st.Played != [2]uint64{4, 2} {
		t.Errorf("%d packets were played", st.Played)
	}
}

// TestPlayPacketTime: who wants other packets than of 20 ms gets them, whole and in time, over the end of a clip that is repeated, and the last one as long as what is left.
func TestPlayPacketTime(t *testing.T) {
	for _, spoken := range []media.Codec{media.PCMA, media.G722} {
		for _, packet := range []time.Duration{10, 20, 30, 40, 60} {
			r := newStillRig(t)
			a, b := newPhone(t, ip4), newPhone(t, ip4)
			const packets, times = 5, 2
			s := playing(1, a, b, clip(packets), times)
			s.Play.Codec, s.Play.PacketTime = spoken, packet*time.Millisecond
			r.open(s)
			var want []byte
			reel := newReel(s.Play.Clip, spoken, &r.coders)
			for i := range packets * times {
				want = reel.append(want, s.Play.Clip, i%packets, i/packets)
			}
			beats := 0
			for ; len(r.events) == 0 && beats <= 2*packets*times; beats++ {
				r.beats(1)
			}
			first, n := header{}, 0
			for ; len(want) > 0; n++ {
				h, mark, payload := a.hear(a.rtp)
				if n == 0 {
					first = h
				}
				length := min(int(packet)*8, len(want))
				if mark != (n == 0) || h.sequence != first.sequence+uint16(n) || h.timestamp != first.timestamp+uint32(n*int(packet)*8) || !bytes.Equal(payload, want[:length]) {
					t.Fatalf("%s, %d ms, packet %d: %+v, marker %v, %d octets; the first was %+v", spoken, packet, n, h, mark, len(payload), first)
				}
				want = want[length:]
			}
			r.want(media.EventPlayed, 0, 0)
			if beats != ((n+1)*int(packet)+19)/20 { // the end is when a further packet would be due
				t.Errorf("%s, %d ms: %d packets took %d beats of 20", spoken, packet, n, beats)
			}
			if _, ok := r.Close(1); !ok {
				t.Fatal("the session is gone")
			}
		}
	}
}

// TestPlayInTime: what is played takes its time, however late a packet of it may be.
func TestPlayInTime(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	began := time.Now()
	r.open(playing(1, a, b, clip(4), 1))
	for range 4 {
		a.hear(a.rtp)
	}
	r.want(media.EventPlayed, 0, 0)
	if took := time.Since(began); took < 4*media.PacketTime {
		t.Errorf("80 ms of sound took %s", took)
	}
}

// TestPlayLoop: a tone repeats itself without a seam until it is taken away; then
// what the other side sends is marked as the beginning of another source (RFC 3550 §8, RFC 3551 §4.1).
func TestPlayLoop(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := playing(1, a, b, clip(2), 0)
	r.open(s)
	defer r.Close(1)
	var got []byte
	for range 5 {
		r.beats(1)
		_, _, payload := a.hear(a.rtp)
		got = append(got, payload...)
	}
	if want := bytes.Repeat(alaw(s.Play.Clip), 3)[:800]; !bytes.Equal(got, want) {
		t.Fatal("the seam is heard")
	}
	s.Play = nil
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	r.beats(3)
	packet := func(seq byte) []byte { return []byte{0x80, 0, 0, seq, 0, 0, 0, 160 * 1, 1, 2, 3, 4, 5} }
	marked := packet(1)
	marked[1] |= 0x80
	b.send(b.rtp, s.Streams[0].Side[1].Local, packet(1))
	r.turn()
	a.wantOn(a.rtp, s.Streams[0].Side[0].Local, marked)
	if e := r.want(media.EventFirstPacket, 0, 1); e.Session != 1 {
		t.Fatalf("%+v", e)
	}
	b.send(b.rtp, s.Streams[0].Side[1].Local, packet(2))
	r.turn()
	a.wantOn(a.rtp, s.Streams[0].Side[0].Local, packet(2))
}

// TestPlayYields: music that yields is silent while the other side is heard. The first packet of the other side has the marker.
func TestPlayYields(t *testing.T) {
	for name, yield := range map[string]media.Yield{"to media": media.YieldToMedia, "for good": media.YieldForGood} {
		t.Run(name, func(t *testing.T) {
			r := newStillRig(t)
			a, b := newPhone(t, ip4), newPhone(t, ip4)
			s := playing(1, a, b, clip(1), 0)
			s.Play.Yield = yield
			r.open(s)
			defer r.Close(1)
			r.beats(1)
			first, _, _ := a.hear(a.rtp)
			packet := []byte{0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 5}
			b.send(b.rtp, s.Streams[0].Side[1].Local, packet)
			r.turn()
			if h, mark, payload := a.hear(a.rtp); len(payload) != 1 || !mark || h.ssrc != 0x01020304 {
				t.Fatalf("the peer's packet came as %+v, marker %v, %d octets", h, mark, len(payload))
			}
			r.want(media.EventFirstPacket, 0, 1)
			heard := r.find(1).streams[0].side[1].count.last
			r.beatsAt(49, heard+int64(media.YieldTime)-1)
			if st, _ := r.Stats(1); st.Played != [2]uint64{1, 0} {
				t.Fatalf("%d packets were played while the other side was heard", st.Played)
			}
			if yield == media.YieldForGood {
				if e := r.want(media.EventPlayed, 0, 0); e.Play != 7 {
					t.Fatalf("%+v", e)
				}
				return
			}
			// When the other side has been silent for a second it goes on, as the same source, with a new talk spurt in its own time.
			r.beatsAt(1, heard+int64(media.YieldTime))
			h, mark, _ := a.hear(a.rtp)
			if gap := h.timestamp - first.timestamp; h.ssrc != first.ssrc || !mark || gap != 50*160 {
				t.Fatalf("it goes on as %+v, marker %v, %d samples later; it was %+v", h, mark, gap, first)
			}
		})
	}
}

// TestPlayRefuses: what could never be played is refused, and nothing is opened.
func TestPlayRefuses(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	for name, p := range map[string]*media.Play{
		"nothing": {ID: 1, Codec: media.PCMA}, "no id": {Clip: clip(1), Codec: media.PCMA}, "no codec": {ID: 1, Clip: clip(1)},
		"no such stream": {ID: 1, Stream: 1, Clip: clip(1), Codec: media.PCMA}, "no such side": {ID: 1, To: 2, Clip: clip(1), Codec: media.PCMA},
		"in packets of 15 ms": {ID: 1, Clip: clip(1), Codec: media.PCMA, PacketTime: 15 * time.Millisecond}, "in long packets": {ID: 1, Clip: clip(1), Codec: media.PCMA, PacketTime: 70 * time.Millisecond},
	} {
		s := assign(t, call(1, a, b))
		s.Play = p
		if err := r.Open(s); err == nil {
			t.Errorf("%s is played", name)
		}
	}
}

// TestPlayCost: a packet that is played allocates nothing, and a call that is never played to has no player.
func TestPlayCost(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	r.open(playing(1, a, b, clip(7), 0))
	r.open(call(2, a, b))
	w := r.workers[0]
	w.band.muster()
	p := r.find(1).player
	if n := testing.AllocsPerRun(1000, func() { p.beat(w, 1, r.now()) }); n != 0 {
		t.Errorf("%g allocations a packet", n)
	}
	if r.find(2).player != nil {
		t.Error("a call that nothing is played to has a player")
	}
	r.Close(1)
	r.Close(2)
}

// TestPlayLate: a worker that was held up makes up for a little, and leaves the rest out: the timestamps tell how much.
func TestPlayLate(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	r.open(playing(1, a, b, clip(7), 0))
	p := r.find(1).player
	p.beat(r.workers[0], 1, r.now())
	first, _, _ := a.hear(a.rtp)
	p.beat(r.workers[0], 10, r.now())
	for i := range mostBeats {
		h, _, _ := a.hear(a.rtp)
		if h.sequence != first.sequence+1+uint16(i) || h.timestamp != first.timestamp+uint32(10-mostBeats+1+i)*160 {
			t.Errorf("packet %d is %+v; the first was %+v", i, h, first)
		}
	}
	r.Close(1)
}

// TestPlayToManyCalls: one timer serves all, and stops when the last has ended.
func TestPlayToManyCalls(t *testing.T) {
	r := newRig(t, Config{Workers: 1})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	for id := range media.SessionID(20) {
		s := playing(id+1, a, b, clip(1), 1)
		s.Play.ID = uint32(id + 1)
		r.open(s)
	}
	ended := map[uint32]bool{}
	for range 20 {
		e := r.want(media.EventPlayed, 0, 0)
		if ended[e.Play] || uint64(e.Session) != uint64(e.Play) {
			t.Fatalf("%+v", e)
		}
		ended[e.Play] = true
	}
	band := &r.workers[0].band
	band.mu.Lock()
	defer band.mu.Unlock()
	if band.running {
		t.Fatal("the timer runs though nothing is played")
	}
}
