package b2bua

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// TestPoor: each bound by itself, of a stream that is long enough.
func TestPoor(t *testing.T) {
	set := topology.DefaultSettings()
	for _, c := range []struct {
		h       cdr.Heard
		trip    time.Duration
		packets uint64
		want    string
	}{
		{cdr.Heard{R: 9320, MOS: 441}, 0, 100, ""},
		{cdr.Heard{R: 6760, MOS: 348}, 0, 100, "MOS"},
		{cdr.Heard{R: 6797, MOS: 350}, 0, 100, ""},
		{cdr.Heard{R: 100, MOS: 100}, 0, 99, ""},
		{cdr.Heard{}, 0, 100, ""}, // of a codec that the model does not know
		{cdr.Heard{Loss: 300, Late: 200}, 0, 100, "loss"},
		{cdr.Heard{Loss: 499}, 0, 100, ""},
		{cdr.Heard{Jitter: 30 * time.Millisecond}, 0, 100, "jitter"},
		{cdr.Heard{}, 500 * time.Millisecond, 100, "round trip"},
		{cdr.Heard{R: 3800, MOS: 200, Loss: 1000, Jitter: time.Second}, time.Second, 100, "MOS, loss, jitter, round trip"},
	} {
		if got := poor(&c.h, c.trip, c.packets, set); got != c.want {
			t.Errorf("%+v, %v, %d packets: %q, want %q", c.h, c.trip, c.packets, got, c.want)
		}
	}
}

// TestRated: what is late counts as lost, rows of losses weigh more, and half the round trip is the delay.
func TestRated(t *testing.T) {
	rate := func(r rated) cdr.Heard {
		h := cdr.Heard{Jitter: time.Millisecond}
		r.into(&h, cdr.LeastRated)
		return h
	}
	pcm := quality.CodecNamed("PCMU")
	good, lost, late := rate(rated{codec: pcm}), rate(rated{codec: pcm, loss: 0.05}), rate(rated{codec: pcm, late: 0.05})
	rows, far := rate(rated{codec: pcm, loss: 0.05, ratio: 3}), rate(rated{codec: pcm, trip: time.Second})
	if good.MOS < 435 || lost.R != late.R || lost.Loss != 500 || late.Late != 500 || rows.MOS >= lost.MOS || far.MOS >= good.MOS-50 {
		t.Errorf("%+v %+v %+v %+v %+v", good, lost, late, rows, far)
	}
	if h := rate(rated{loss: 0.05}); h.MOS != 0 || h.R != 0 || h.Loss != 500 {
		t.Errorf("a codec that is not known: %+v", h)
	}
	if h := rate(rated{codec: quality.CodecNamed("G722")}); !h.Wideband || good.Wideband {
		t.Error("G.722 is not of the wideband scale")
	}
}

// TestRatedOfAFew: one packet of fifteen is no share to rate a call by, nor is none of three, whoever has counted them. What was counted is told all the same.
func TestRatedOfAFew(t *testing.T) {
	for packets, want := range map[uint64]bool{15: false, 99: false, 100: true, 3000: true} {
		h := cdr.Heard{Jitter: time.Millisecond}
		(&rated{codec: quality.CodecNamed("G722"), loss: 1.0 / 15}).into(&h, packets)
		if (h.MOS > 0) != want || (h.R > 0) != want || h.Wideband != want || h.Loss != 667 {
			t.Errorf("of %d packets: %+v", packets, h)
		}
	}
}

// poorMOS is of telephone calls: a wideband one with the R of a good one is not poor, although its score on its own scale is below.
func TestPoorByEitherScale(t *testing.T) {
	set := topology.DefaultSettings()
	g722, pcm := quality.CodecNamed("G722"), quality.CodecNamed("PCMU")
	wide := 0
	for loss := 0.0; loss < 0.3; loss += 0.005 {
		var h, phone cdr.Heard
		(&rated{codec: g722, loss: loss}).into(&h, 1000)
		(&rated{codec: pcm, loss: loss}).into(&phone, 1000)
		h.Loss, phone.Loss = 0, 0
		got := poor(&h, 0, 1000, set)
		if got != "" && poor(&phone, 0, 1000, set) == "" {
			t.Errorf("with %.1f %% lost G.722 is poor at R %v, and G.711 is not at %v", 100*loss, h.R, phone.R)
		}
		if got != "" && h.R > 6797 || got == "" && h.R < 6780 {
			t.Errorf("R %v: %q", h.R, got)
		}
		if h.MOS < 350 && got == "" {
			wide++
		}
	}
	if wide == 0 {
		t.Error("the two scales do not differ")
	}
}

func TestPayloadTypes(t *testing.T) {
	s, err := sdp.Parse("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101 111\r\na=rtpmap:101 telephone-event/8000\r\n" +
		"a=rtpmap:111 opus/48000/2\r\nm=image 4002 udptl t38\r\nm=audio 0 RTP/AVP 8\r\n")
	if err != nil {
		t.Fatal(err)
	}
	set, digits, slow, clock := payloadTypes(&s.Media[0])
	for pt := range uint8(128) {
		if want := pt == 0 || pt == 101 || pt == 111; set.Has(pt) != want {
			t.Errorf("payload type %d: %v", pt, !want)
		}
		if digits.Has(pt) != (pt == 101) {
			t.Errorf("payload type %d is of keys: %v", pt, pt != 101)
		}
	}
	if clock != 48000 || slow != (media.PayloadTypes{}) {
		t.Errorf("clock %d, slow %v", clock, slow)
	}
	for _, m := range s.Media[1:] {
		if set, _, _, clock := payloadTypes(&m); set != (media.PayloadTypes{}) || clock != 0 {
			t.Errorf("%s %v: %v, %d", m.Kind, m.Formats, set, clock)
		}
	}
}

// TestPayloadTypesOfUnlikeClocks: of AMR beside AMR-WB each keeps its clock, in either order.
func TestPayloadTypesOfUnlikeClocks(t *testing.T) {
	for formats, want := range map[string]struct {
		clock uint32
		slow  []uint8
	}{"96 97 101": {16000, []uint8{97}}, "97 96": {16000, []uint8{97}}, "97 101": {8000, nil}, "96": {16000, nil}, "8 101": {0, nil}} {
		s, err := sdp.Parse("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP " + formats + "\r\na=rtpmap:96 AMR-WB/16000\r\na=rtpmap:97 AMR/8000\r\na=rtpmap:101 telephone-event/16000\r\n")
		if err != nil {
			t.Fatal(err)
		}
		var slow media.PayloadTypes
		for _, pt := range want.slow {
			slow.Add(pt)
		}
		if _, _, got, clock := payloadTypes(&s.Media[0]); clock != want.clock || got != slow {
			t.Errorf("%s: clock %d, slow %v", formats, clock, got)
		}
	}
}

// TestReportedByItsOwnClock: where speech is coded anew the jitter that a side reports is by the clock of the codec that it hears.
func TestReportedByItsOwnClock(t *testing.T) {
	c := conversing(*topology.DefaultSettings(), *topology.DefaultSettings())
	c.a.sdp.codec, c.won.leg.sdp.codec = "PCMU", "opus"
	reports := func(jitter uint32) *quality.Witness {
		w := &quality.Witness{}
		b := quality.AppendReport(nil, 1, &quality.Sent{}, &quality.Block{Source: 7, Highest: 200, Jitter: jitter}, "x")
		w.Take(b, [2]quality.Source{{SSRC: 7, On: true}}, &quality.Witness{}, 1)
		return w
	}
	for side, row := range []struct {
		came   uint8
		rate   int
		jitter uint32
	}{{0, 0, 480}, {111, 48000, 80}} {
		n, back := &media.Counters{PayloadType: row.came}, &media.Counters{}
		n.Packets, n.Sources, n.Anew, back.Witness = cdr.LeastRated, 1, true, reports(row.jitter)
		if q := c.quality(n, back, media.SideIndex(side), row.rate); q.Reported == nil || q.Reported.Jitter != 10*time.Millisecond || q.Arrived.Wideband != (side == 1) || q.Reported.Wideband != (side == 0) {
			t.Errorf("from side %d: %+v", side, q.Reported)
		}
	}
}

// TestJitterThatCannotBe: a peer that reports hours of jitter says nothing of it, and its call is not called poor for that.
func TestJitterThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		units uint32
		clock int
		want  time.Duration
	}{
		{0, 8000, 0}, {80, 8000, 10 * time.Millisecond}, {80_000, 8000, 10 * time.Second}, {80_008, 8000, 0}, {183_884_064, 8000, 0}, {1<<32 - 1, 48000, 0},
	} {
		if got := toldJitter(c.units, c.clock); got != c.want {
			t.Errorf("%d of %d Hz is %v, want %v", c.units, c.clock, got, c.want)
		}
	}
}

// TestLostBesideCopies: where packets come twice and others not at all the record has those that are missing, which its loss is of: copies make up for none.
func TestLostBesideCopies(t *testing.T) {
	c := conversing(*topology.DefaultSettings(), *topology.DefaultSettings())
	c.rec = &cdr.Record{}
	st := &media.Stats{Streams: make([]media.StreamStats, 1)}
	for k, lost := range []uint64{0, 60} { // as the counters of RFC 3550 have it
		n := &st.Streams[0].From[k]
		n.Packets, n.Lost, n.Sources = 1000, lost, 1
		n.Pattern = quality.Pattern{Packets: 1000, Lost: 50, Runs: 50}
	}
	c.recordMedia(time.Time{}, c.rec, st)
	for i, want := range []uint64{50, 60} {
		if got := c.rec.Media[i].Lost; got != want {
			t.Errorf("%d are lost from side %d, want %d", got, i, want)
		}
	}
}
