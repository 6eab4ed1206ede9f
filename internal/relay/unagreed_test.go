package relay

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// TestComfortNoiseWithoutAWord: a source of G.711 may describe its silence under payload type 13, or the older 19, without an agreement (RFC 3389 §4). Where its speech
// is coded anew who listens hears that noise, and no dead line.
func TestComfortNoiseWithoutAWord(t *testing.T) {
	for _, pt := range []uint8{13, 19} {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		s := translated(1, a, b, speech(pcma, event), speech(g722))
		r.open(s)
		to := s.Streams[0].Side[0].Local
		decoder := codec.NewG722Decoder(false)
		listen := func() (loud float64) {
			_, _, payload := b.hear(b.rtp)
			pcm := make([]int16, len(payload))
			decoder.Decode(pcm, payload)
			_, loud = powers(pcm, 1000)
			return loud
		}
		for n := range 5 {
			a.send(a.rtp, to, spoken(8, n, 160*n, codec.ALaw.Encode(nil, make([]int16, 160))))
			listen()
		}
		a.send(a.rtp, to, spoken(pt, 5, 800, []byte{40}))
		begin, loud := time.Now(), 0.0
		for range 20 {
			loud = max(loud, listen())
		}
		if loud < 10000 || time.Since(begin) < 300*time.Millisecond { // -40 dBov are 328 a sample
			t.Errorf("type %d: noise of %g in %v", pt, loud, time.Since(begin))
		}
	}
}

// TestG722OfAHastyClock: G.722 whose timestamps run at 16 kHz is speech that goes on, and not a pause behind every packet.
func TestG722OfAHastyClock(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(g722), speech(pcma))
	r.open(s)
	encoder := codec.NewG722Encoder(false)
	var before header
	for n := range 40 {
		a.send(a.rtp, s.Streams[0].Side[0].Local, spoken(9, n, 320*n, encoder.Encode(nil, sine(n, 1000))))
		h, mark, _ := b.hear(b.rtp)
		if n > 2 && (mark || h.timestamp != before.timestamp+160) {
			t.Fatalf("packet %d: marker %v, %d ticks after the one before", n, mark, h.timestamp-before.timestamp)
		}
		before = h
	}
}
