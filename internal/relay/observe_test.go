package relay

import (
	"bytes"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
)

// seen counts packets as port.receive does.
func seen(c *counter, agreed media.PayloadTypes, sealed bool, packets ...[]byte) {
	for i, b := range packets {
		h := peek(b)
		c.look(b, h, agreed, sealed)
		c.observe(h, 0, int64(i)*20e6)
	}
}

// train is n packets of one payload type with payloads of a size, each so many ticks after the one before.
func train(n int, payloadType uint8, size int, step uint32) (list [][]byte) {
	for i := range n {
		b := rtpPacket(payloadType, uint16(i), uint32(i)*step, 7)
		list = append(list, append(b[:rtpHeader:rtpHeader], bytes.Repeat([]byte{0x2a}, size)...))
	}
	return list
}

// TestWhatIsInThePackets: one of fifty is looked into, for its size, its level and what was agreed.
func TestWhatIsInThePackets(t *testing.T) {
	var agreed media.PayloadTypes
	for _, pt := range []uint8{0, 9, 18, 101, 111} {
		agreed.Add(pt)
	}
	for _, c := range []struct {
		name                              string
		packets                           [][]byte
		sealed                            bool
		foreign, measured, misfit, levels uint64
		still                             uint64
	}{
		{"G.711", train(200, 0, 160, 160), false, 0, 3, 0, 4, 0},
		{"G.722, whose clock is wrong for ever", train(200, 9, 160, 160), false, 0, 3, 0, 0, 0},
		{"G.729", train(200, 18, 20, 160), false, 0, 3, 0, 0, 0},
		{"G.729 with comfort noise", train(200, 18, 12, 160), false, 0, 3, 0, 0, 0},
		{"G.729 as G.711", train(200, 0, 20, 160), false, 0, 3, 3, 4, 0},
		{"G.711 as G.729", train(200, 18, 160, 160), false, 0, 3, 3, 0, 0},
		{"wideband with a clock of 16 kHz", train(200, 9, 160, 320), false, 0, 3, 3, 0, 0},
		{"another payload type", train(200, 97, 160, 160), false, 200, 0, 0, 0, 0},
		{"comfort noise", train(200, 13, 1, 160), false, 0, 0, 0, 0, 0},
		{"digits", train(200, 101, 4, 0), false, 0, 0, 0, 0, 0},
		{"a pause", train(200, 0, 160, 8000), false, 0, 0, 0, 4, 0},
		{"sealed", train(200, 0, 20, 160), true, 0, 0, 0, 0, 0},
		{"G.711 whose clock stands", train(200, 0, 160, 0), false, 0, 3, 0, 4, 3},
		{"Opus whose clock stands", train(200, 111, 80, 0), false, 0, 3, 0, 0, 3},
	} {
		var n counter
		n.digits.Add(101)
		seen(&n, agreed, c.sealed, c.packets...)
		if n.foreign != c.foreign || n.measured != c.measured || n.misfit != c.misfit || n.levels.Packets != c.levels || n.still != c.still {
			t.Errorf("%s: foreign %d, measured %d, misfit %d, levels %d, still %d", c.name, n.foreign, n.measured, n.misfit, n.levels.Packets, n.still)
		}
	}
	var n counter
	seen(&n, media.PayloadTypes{}, false, train(200, 97, 160, 160)...)
	if n.foreign != 0 {
		t.Error("nothing is foreign while nothing is known")
	}
}

func TestPayloadOf(t *testing.T) {
	plain := rtpPacket(0, 1, 1, 1)[:rtpHeader]
	with := func(first byte, rest ...byte) []byte {
		b := append(bytes.Clone(plain), rest...)
		b[0] = first
		return b
	}
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{with(0x80, 'a', 'b'), "ab"},
		{with(0x80), ""},
		{with(0x81, 0, 0, 0, 9, 'a'), "a"},                         // a contributing source
		{with(0x90, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 'a'), "a"},       // an extension
		{with(0x90, 0xbe, 0xde, 0xff, 0xff, 1), ""},                // that is not there
		{with(0x90, 0xbe), ""},                                     // not even its header
		{with(0xa0, 'a', 0, 2), "a"},                               // padding
		{with(0xa0, 'a', 0, 200), ""},                              // more than there is
		{with(0xb1, 0, 0, 0, 9, 0xbe, 0xde, 0, 0, 'a', 0, 2), "a"}, // all of it
	} {
		if got := payloadOf(c.b); string(got) != c.want {
			t.Errorf("%x: %q, want %q", c.b, got, c.want)
		}
	}
}

func TestWhatIsNoMedia(t *testing.T) {
	var c counter
	check := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)
	indication, reply := bytes.Clone(check), bytes.Clone(check)
	indication[1], reply[0] = 0x11, 1
	for _, b := range [][]byte{{}, {0, 1}, make([]byte, 4), make([]byte, 40), check, indication, reply, {22, 0xfe, 0xfd}, {0x80, 0}, bytes.Repeat([]byte{0xff}, 20)} {
		c.strange(b, false)
	}
	c.strange(rtpPacket(0, 1, 1, 1), true)
	c.strange([]byte{0x80, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2}, true) // a report that is cut
	if c.stun != 1 || c.dtls != 1 || c.misported != 1 {
		t.Errorf("%d STUN, %d DTLS, %d at the wrong port", c.stun, c.dtls, c.misported)
	}
}

// TestLossesOfAStream: what the counters of RFC 3550 say and the pattern of losses agree, over a restart of the numbers.
func TestLossesOfAStream(t *testing.T) {
	var c counter
	number := uint16(65500)
	for i := range 1000 {
		if number++; i == 500 {
			number = 9000
		}
		if i%100 < 4 && i > 4 {
			continue // four in a row
		}
		h := header{sequence: number, timestamp: uint32(i) * 160, ssrc: 7}
		c.observe(h, 8000, int64(i)*20e6)
	}
	p := c.losses.Sum()
	if lost := c.allLost(); p.Lost != lost || lost < 28 || lost > 36 || p.Bursts < 7 || p.BurstLost != lost || p.Ratio() < 3 {
		t.Errorf("lost %d, %+v", lost, p)
	}
	if c.late.Count != 0 || c.jitter != 0 {
		t.Errorf("%d are late, jitter %d", c.late.Count, c.jitter)
	}
}

// TestReportsOfWhatIsCodedAnew: no RTCP of the peers passes, and each side gets ours.
func TestReportsOfWhatIsCodedAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{SweepInterval: 20 * time.Millisecond})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].Speech = &media.Speech{Formats: []media.Format{{PayloadType: 0, Codec: media.PCMU, Clock: 8000}}}
	s.Streams[0].Side[1].Speech = &media.Speech{Formats: []media.Format{{PayloadType: 9, Codec: media.G722, Clock: 8000}}}
	r.open(s)
	toA := s.Streams[0].Side[0].Local
	tick := time.NewTicker(media.PacketTime)
	defer tick.Stop()
	got := make(chan []byte, 1)
	go func() {
		buf := make([]byte, 2048)
		_ = b.rtcp.SetReadDeadline(time.Now().Add(patience))
		n, _ := b.rtcp.Read(buf)
		got <- buf[:n]
	}()
	for i := uint16(0); ; i++ {
		a.send(a.rtp, toA, rtpPacket(0, i, uint32(i)*160, 0xa))
		select {
		case p := <-got:
			if len(p) < 28 || p[1] != 200 || senderOf(p) == 0xa {
				t.Errorf("%x", p)
			}
			return
		case <-tick.C:
		}
	}
}

// BenchmarkObserve is what counting a packet costs, and looking into one of fifty.
func BenchmarkObserve(b *testing.B) {
	packets := train(1<<10, 0, 160, 160)
	var agreed media.PayloadTypes
	agreed.Add(0)
	var c counter
	b.ReportAllocs()
	now, i := int64(0), 0
	for b.Loop() {
		p := packets[i&(1<<10-1)]
		p[2], p[3] = byte(i>>8), byte(i)
		i++
		h := peek(p)
		c.look(p, h, agreed, false)
		c.observe(h, 0, now)
		now += 20e6
	}
}

// TestHoldIsNoLoss: who keeps sending while it is held is heard with a hole in its numbers, which the other side reports as lost. Nothing was, on either way, in each tier.
func TestHoldIsNoLoss(t *testing.T) {
	if !isolated(t) {
		return
	}
	for _, tier := range tiers {
		t.Run(tier.String(), func(t *testing.T) {
			w := newWire(t)
			defer w.here("link del near")
			k := w.between(us4, peer4, Config{Best: tier}, nil)
			hold := func(on bool) { k.update(func(s *media.Session) { s.Streams[0].Side[1].Send = !on }) }
			heard := uint32(0) // by b
			report := func() quality.Told {
				t.Helper()
				block := quality.Block{Source: 7, Highest: uint32(k.number) - 1, Lost: int32(uint32(k.number) - heard)}
				rr := quality.AppendReport(nil, 8, &quality.Sent{NTP: 1}, &block, "")
				before := k.from(1, 0, 1).RTCP
				k.b.send(k.b.rtcp, rtcpPort(k.lb), rr)
				eventually(t, "a report that is counted", func() bool { return k.from(1, 0, 1).RTCP != before })
				return k.from(1, 0, 1).Witness.Told()
			}
			hold(true)
			for range 5 { // before anything was heard nobody misses it
				k.a.send(k.a.rtp, k.la, k.packet(7))
				k.number++
			}
			k.counts(func(c *media.Counters) bool { return c.Held == 5 })
			hold(false)
			heard = uint32(k.number)
			for i := range uint64(2) {
				k.talk(100)
				heard += 100
				hold(true)
				for range 50 {
					k.a.send(k.a.rtp, k.la, k.packet(7))
					k.number++
				}
				k.counts(func(c *media.Counters) bool { return c.Held == 5+50*(i+1) })
				hold(false)
				k.talk(10)
				heard += 10
			}
			if got := report(); got.Lost != 0 || got.Expected != uint64(heard) {
				t.Errorf("%+v, want none of %d lost", got, heard)
			}
			k.number += 7 // what is lost is
			k.talk(10)
			heard += 10
			if got := report(); got.Lost != 7 || got.Expected != uint64(heard)+7 {
				t.Errorf("%+v, want 7 of %d lost", got, heard+7)
			}
		})
	}
}
