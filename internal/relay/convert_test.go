package relay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

func speech(formats ...media.Format) *media.Speech { return &media.Speech{Formats: formats} }

var (
	pcmu  = media.Format{PayloadType: 0, Codec: media.PCMU, Clock: 8000}
	pcma  = media.Format{PayloadType: 8, Codec: media.PCMA, Clock: 8000}
	g722  = media.Format{PayloadType: 9, Codec: media.G722, Clock: 8000}
	event = media.Format{PayloadType: 101, Codec: media.TelephoneEvent, Clock: 8000}
)

// translated is a call whose sides speak otherwise.
func translated(id media.SessionID, a, b *phone, speakA, speakB *media.Speech) *media.Session {
	s := call(id, a, b)
	s.Streams[0].Side[0].Speech, s.Streams[0].Side[1].Speech = speakA, speakB
	return s
}

// spoken is one of a talk of one source.
func spoken(pt uint8, n int, ticks int, payload []byte) []byte {
	b := make([]byte, rtpHeader, rtpHeader+len(payload))
	b[0], b[1] = 2<<6, pt
	binary.BigEndian.PutUint16(b[2:], uint16(65530+n)) // it wraps
	binary.BigEndian.PutUint32(b[4:], uint32(math.MaxUint32-2000+ticks))
	binary.BigEndian.PutUint32(b[8:], 0x1234)
	return append(b, payload...)
}

// sine is 20 ms of a tone at 8 kHz that goes on from packet to packet.
func sine(n int, hz float64) []int16 {
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(n*160+i)/8000))
	}
	return pcm
}

// powers are those of a tone and of all.
func powers(pcm []int16, hz float64) (tone, all float64) {
	var re, im float64
	for i, s := range pcm {
		w := 2 * math.Pi * hz * float64(i) / 8000
		re, im, all = re+float64(s)*math.Cos(w), im+float64(s)*math.Sin(w), all+float64(s)*float64(s)
	}
	n := float64(len(pcm))
	return 2 * (re*re + im*im) / n / n, all / n
}

// TestLawsAreCrossedInPlace: between µ-law and A-law nothing but octets and payload type changes, and RTCP passes.
func TestLawsAreCrossedInPlace(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(pcmu, event), speech(pcma, media.Format{PayloadType: 96, Codec: media.TelephoneEvent, Clock: 8000}))
	r.open(s)
	toA, toB := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	code := codec.MuLaw.Encode(nil, sine(0, 1000))
	pcm := make([]int16, 160)
	codec.MuLaw.Decode(pcm, code)
	want := codec.ALaw.Encode(nil, pcm)
	a.send(a.rtp, toA, spoken(0, 1, 160, code))
	b.wantOn(b.rtp, toB, spoken(8, 1, 160, want))
	codec.ALaw.Decode(pcm, want)
	b.send(b.rtp, toB, spoken(8, 7, 320, want))
	a.wantOn(a.rtp, toA, spoken(0, 7, 320, codec.MuLaw.Encode(nil, pcm)))
	a.send(a.rtp, toA, spoken(101, 2, 320, []byte{5, 10, 0, 160}))
	b.wantOn(b.rtp, toB, spoken(96, 2, 320, []byte{5, 10, 0, 160}))
	report := []byte{0x80, 201, 0, 1, 0, 0, 0x12, 0x34}
	a.send(a.rtcp, rtcpPort(toA), report)
	b.wantOn(b.rtcp, rtcpPort(toB), report)
}

// TestSpeechIsCodedAnew: A-law becomes G.722 and back, as one source of the relay's own with numbers and timestamps that go on.
func TestSpeechIsCodedAnew(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(pcma), speech(g722))
	r.open(s)
	toA, toB := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	decoder, encoder := codec.NewG722Decoder(false), codec.NewG722Encoder(false)
	var heard, back []int16
	var first, firstBack header
	for n := range 50 {
		a.send(a.rtp, toA, spoken(8, n, 160*n, codec.ALaw.Encode(nil, sine(n, 1000))))
		h, mark, payload := b.hear(b.rtp)
		if n == 0 {
			first = h
		}
		if h.payloadType != 9 || h.ssrc != first.ssrc || h.sequence != first.sequence+uint16(n) || h.timestamp != first.timestamp+uint32(160*n) ||
			mark != (n == 0) || len(payload) != 160 {
			t.Fatalf("packet %d: %+v, marker %v, %d octets; the first was %+v", n, h, mark, len(payload), first)
		}
		pcm := make([]int16, 160)
		decoder.Decode(pcm, payload)
		heard = append(heard, pcm...)
		b.send(b.rtp, toB, spoken(9, n, 160*n, encoder.Encode(nil, sine(n, 500))))
		if h, _, payload = a.hear(a.rtp); n == 0 {
			firstBack = h
		}
		if h.payloadType != 8 || h.ssrc != firstBack.ssrc || h.timestamp != firstBack.timestamp+uint32(160*n) || len(payload) != 160 {
			t.Fatalf("packet %d back: %+v", n, h)
		}
		back = append(back, make([]int16, 160)...)
		codec.ALaw.Decode(back[160*n:], payload)
	}
	a.send(a.rtcp, rtcpPort(toA), []byte{0x80, 201, 0, 1, 0, 0, 0x12, 0x34})
	eventually(t, "RTCP", func() bool { return r.from(1, 0, 0).RTCP == 1 })
	if c := r.from(1, 0, 0); c.Dropped != 0 || c.Unfit != 0 || c.Witness == nil || c.Packets != 50 {
		t.Errorf("RTCP that ends here: %+v", c)
	}
	if first.ssrc == 0x1234 || first.ssrc == firstBack.ssrc {
		t.Error("the relay has no source of its own")
	}
	for hz, pcm := range map[float64][]int16{1000: heard, 500: back} {
		if tone, all := powers(pcm[400:], hz); tone < 0.99*all || tone < 0.9*8000*8000/2 {
			t.Errorf("%g Hz: %g of %g are the tone", hz, tone, all)
		}
	}
}

// TestWideStaysWide: between two wide codecs all 8 kHz of speech pass, also where a side has a telephone's codec beside, and that one is heard in its place too.
func TestWideStaysWide(t *testing.T) {
	r := newRig(t, Config{})
	if !r.Opus() {
		lack.Of(t, "libopus is missing (apt-get install libopus0)")
	}
	opusFormat := media.Format{PayloadType: 111, Codec: media.Opus, Clock: 48000}
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(opusFormat, pcma), speech(g722))
	r.open(s)
	toA := s.Streams[0].Side[0].Local
	encoder, decoder := r.coders.encoder(opusFormat, wide), codec.NewG722Decoder(true)
	for _, c := range []struct {
		pt uint8
		hz float64
	}{{111, 6000}, {8, 1000}} {
		var heard []int16
		for n := range 50 {
			pcm := make([]int16, 320)
			for i := range pcm {
				pcm[i] = int16(8000 * math.Sin(2*math.Pi*c.hz*float64(n*320+i)/16000))
			}
			payload := encoder.Encode(nil, pcm)
			if c.pt == 8 {
				payload = codec.ALaw.Encode(nil, sine(n, c.hz))
			}
			packet := spoken(c.pt, n, 960*n, payload)
			if c.pt == 8 {
				packet = spoken(c.pt, n+50, 960*50+160*n, payload)
			}
			a.send(a.rtp, toA, packet)
			_, _, payload = b.hear(b.rtp)
			out := make([]int16, 320)
			heard = append(heard, out[:decoder.Decode(out, payload)]...)
		}
		if tone, all := powers(heard[8000:], c.hz/2); tone < 0.7*all || tone < 0.3*8000*8000/2 {
			t.Errorf("of %g Hz under %d: %g of %g are the tone", c.hz, c.pt, tone, all)
		}
	}
}

// TestWhatPassesBesideSpeechCodedAnew: what is not converted passes as it is, between packets that are; nothing of a codec that one side has alone.
func TestWhatPassesBesideSpeechCodedAnew(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	g729, gsm := media.Format{PayloadType: 18, Clock: 8000}, media.Format{PayloadType: 3, Clock: 8000}
	s := translated(1, a, b, speech(g729, pcma, gsm), speech(g729, g722))
	r.open(s)
	toA, toB := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	for n := 0; n < 6; n += 2 {
		a.send(a.rtp, toA, spoken(18, n, 160*n, make([]byte, 20)))
		b.wantOn(b.rtp, toB, spoken(18, n, 160*n, make([]byte, 20)))
		a.send(a.rtp, toA, spoken(3, n, 160*n, make([]byte, 33)))
		a.send(a.rtp, toA, spoken(8, n+1, 160*(n+1), codec.ALaw.Encode(nil, sine(n, 1000))))
		if h, _, _ := b.hear(b.rtp); h.payloadType != 9 || h.ssrc == 0x1234 {
			t.Fatalf("%+v", h)
		}
		b.send(b.rtp, toB, spoken(18, n, 160*n, make([]byte, 20)))
		a.wantOn(a.rtp, toA, spoken(18, n, 160*n, make([]byte, 20)))
	}
}

// TestConversionKeepsClocks: jitter and reports of each side are by the clock of its own payload types, whatever those of the stream is.
func TestConversionKeepsClocks(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	fast := media.Format{PayloadType: 111, Codec: media.G722, Clock: 16000}
	s := translated(1, a, b, speech(fast), speech(pcmu))
	r.open(s)
	for n := range 2 {
		a.send(a.rtp, s.Streams[0].Side[0].Local, spoken(111, n, 320*n, make([]byte, 160)))
		b.hear(b.rtp)
	}
	b.send(b.rtp, s.Streams[0].Side[1].Local, spoken(0, 0, 0, make([]byte, 160)))
	a.hear(a.rtp)
	ses := r.find(1)
	ses.mu.Lock()
	defer ses.mu.Unlock()
	sides := &ses.streams[0].side
	if from, back := sides[0].count.clock, sides[1].count.clock; from != 16000 || back != 8000 {
		t.Errorf("clocks of what comes: %d and %d", from, back)
	}
	if to, back := sides[0].made.clock, sides[1].made.clock; to != 16000 || back != 8000 {
		t.Errorf("clocks of what is sent: %d and %d", to, back)
	}
}

// TestConversionCoversLoss: a lost packet is made up for, so that the receiver has one for every 20 ms, and a pause stays a pause.
func TestConversionCoversLoss(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(pcma), speech(g722))
	r.open(s)
	toA := s.Streams[0].Side[0].Local
	var first header
	var stamps []uint32
	for n := range 12 {
		if n == 5 {
			continue // lost
		}
		ticks, packets := 160*n, 1
		if n > 8 {
			ticks += 1600 // silence of 200 ms
		}
		if n == 6 {
			packets = 2 // the one that was lost, too
		}
		a.send(a.rtp, toA, spoken(8, n, ticks, codec.ALaw.Encode(nil, sine(n, 400))))
		for range packets {
			h, mark, _ := b.hear(b.rtp)
			if stamps == nil {
				first = h
			}
			if mark != (len(stamps) == 0 || n == 9) || h.sequence != first.sequence+uint16(len(stamps)) {
				t.Errorf("packet %d: %+v, marker %v", n, h, mark)
			}
			stamps = append(stamps, h.timestamp-first.timestamp)
		}
	}
	for i, at := range stamps {
		want := uint32(160 * i)
		if i > 8 {
			want += 1600
		}
		if at != want {
			t.Errorf("packet %d has %d, want %d", i, at, want)
		}
	}
}

// TestConversionTakesAll: packets that are cut, or of payload types that were not agreed, do no harm.
func TestConversionTakesAll(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(pcma), speech(g722))
	r.open(s)
	toA := s.Streams[0].Side[0].Local
	cut := spoken(8, 0, 0, []byte{1, 2})
	cut[0] |= 0x10 // an extension that is not there
	padded := spoken(8, 1, 0, []byte{1, 200})
	padded[0] |= 0x20
	for _, odd := range [][]byte{cut, padded, spoken(77, 2, 160, bytes.Repeat([]byte{1}, 160)), spoken(8, 3, 320, nil)} {
		a.send(a.rtp, toA, odd)
	}
	a.send(a.rtp, toA, spoken(8, 4, 480, codec.ALaw.Encode(nil, sine(3, 400))))
	for {
		if h, _, payload := b.hear(b.rtp); h.payloadType != 9 || len(payload) != 160 {
			t.Errorf("%+v", h)
		} else {
			break
		}
	}
}

// TestSpeechChangesInACall: a conversion begins, changes and ends while the call goes on.
func TestSpeechChangesInACall(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	toA, toB := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	code := codec.ALaw.Encode(nil, sine(0, 400))
	for i, c := range []struct {
		a, b *media.Speech
		want uint8
		same bool
	}{{nil, nil, 8, true}, {speech(pcma), speech(g722), 9, false}, {speech(pcma), speech(pcmu), 0, false}, {nil, speech(pcmu), 8, true}} {
		s.Streams[0].Side[0].Speech, s.Streams[0].Side[1].Speech = c.a, c.b
		if err := r.Update(s); err != nil {
			t.Fatal(err)
		}
		a.send(a.rtp, toA, spoken(8, i, 160*i, code))
		got, src := b.readFrom(b.rtp)
		if src != toB || peek(got).payloadType != c.want || bytes.Equal(got[rtpHeader:], code) != c.same {
			t.Errorf("%d: payload type %d", i, peek(got).payloadType)
		}
	}
}

// TestTRK11SignalBoost: G.711 of a soft side is made louder octet by octet, as the packets that they are; what the other side says stays.
func TestTRK11SignalBoost(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	soft := speech(pcma, pcmu)
	soft.Boost = 6
	s := translated(1, a, b, soft, speech(pcma, pcmu))
	r.open(s)
	toA, toB := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	for i, law := range []codec.G711{codec.MuLaw, codec.ALaw} {
		pt := uint8(8 * i)
		said := sine(0, 1000)
		a.send(a.rtp, toA, spoken(pt, i, 160*i, law.Encode(nil, said)))
		got, _ := b.readFrom(b.rtp)
		pcm := make([]int16, 160)
		law.Decode(pcm, got[rtpHeader:])
		_, before := powers(said, 1000)
		_, after := powers(pcm, 1000)
		if dB := 10 * math.Log10(after/before); math.Abs(dB-6) > 0.2 || peek(got) != peek(spoken(pt, i, 160*i, nil)) {
			t.Errorf("payload type %d: louder by %.2f dB, %+v", pt, dB, peek(got))
		}
	}
	other := spoken(8, 1, 160, codec.ALaw.Encode(nil, sine(0, 1000)))
	b.send(b.rtp, toB, other)
	a.wantOn(a.rtp, toA, other)
}

// TestMED11FaxStaysAsItIs: while a fax machine is heard, what it sends passes octet by octet.
func TestMED11FaxStaysAsItIs(t *testing.T) {
	for _, hz := range []float64{1100, 2100} {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		soft := speech(pcma)
		soft.Boost = 6
		s := translated(1, a, b, soft, speech(pcma))
		r.open(s)
		toA, toB := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
		tone := func(n int) []byte { return spoken(8, n, 160*n, codec.ALaw.Encode(nil, sine(n, hz))) }
		for n := range 13 {
			a.send(a.rtp, toA, tone(n))
			b.readFrom(b.rtp)
		}
		for n := 13; n < 20; n++ {
			a.send(a.rtp, toA, tone(n))
			b.wantOn(b.rtp, toB, tone(n))
		}
		for n, louder := 20, false; !louder; n++ { // somebody speaks
			hz = 440
			a.send(a.rtp, toA, tone(n))
			_, _, payload := b.hear(b.rtp)
			if louder = !bytes.Equal(payload, tone(n)[12:]); n > 70 {
				t.Fatal("speech is as soft as it came")
			}
		}
	}
}

// keysBySIP is a call that has begun, of a, which has events, and b, which has keys by SIP.
func keysBySIP(t *testing.T) (r *rig, a, b *phone, s *media.Session) {
	r, a, b = newRig(t, Config{}), newPhone(t, ip4), newPhone(t, ip4)
	bySIP := speech(pcma)
	bySIP.Keys = media.KeysBySIP
	s = translated(1, a, b, speech(pcma, event), bySIP)
	r.open(s)
	a.send(a.rtp, s.Streams[0].Side[0].Local, spoken(8, 0, 0, codec.ALaw.Encode(nil, sine(0, 400))))
	b.hear(b.rtp)
	return r, a, b, s
}

// TestMED06KeysBySIP: keys of a side that has events are told where the other side has them by SIP, and none is heard; keys that come by
// SIP are pressed.
func TestMED06KeysBySIP(t *testing.T) {
	r, a, b, s := keysBySIP(t)
	toA := s.Streams[0].Side[0].Local
	r.want(media.EventFirstPacket, 0, 0)
	for n := range 5 {
		a.send(a.rtp, toA, spoken(101, 1+n, 160, codec.Event{Code: 10, End: n > 2, Duration: uint16(160 * min(n+1, 3))}.Append(nil)))
	}
	if e := r.want(media.EventKey, 0, 0); e.Key != '*' {
		t.Errorf("%+v", e)
	}
	a.send(a.rtp, toA, spoken(8, 6, 640, codec.ALaw.Encode(nil, sine(0, 400))))
	if h, _, payload := b.hear(b.rtp); h.payloadType != 8 || len(payload) != 160 {
		t.Errorf("%+v", h)
	}
	s.Presses = []media.Press{{ID: 1, To: 0, Key: '7'}, {ID: 2, To: 0, Key: '8'}}
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	if err := r.Update(s); err != nil { // the same once more
		t.Fatal(err)
	}
	keys, ends := "", 0
	for ends < 6 {
		h, mark, payload := a.hear(a.rtp)
		e, ok := codec.ParseEvent(payload)
		if key, _ := e.Digit(); h.payloadType != 101 || !ok {
			t.Fatalf("%+v", h)
		} else if mark {
			keys += string(rune(key))
		}
		if e.End {
			ends++
		}
	}
	if keys != "78" {
		t.Errorf("pressed %q", keys)
	}
}

// TestMED06KeysOverAnotherCodec: keys that came by SIP and are not pressed yet when the codec changes are pressed by the new one, each once, and the one that is under way ends.
func TestMED06KeysOverAnotherCodec(t *testing.T) {
	r, a, _, s := keysBySIP(t)
	for i, key := range []byte("78#") {
		s.Presses = append(s.Presses, media.Press{ID: uint32(i + 1), To: 0, Key: key, Long: 100 * time.Millisecond})
	}
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	keys, ends := "", map[string]int{}
	hear := func() {
		h, mark, payload := a.hear(a.rtp)
		e, ok := codec.ParseEvent(payload)
		key, _ := e.Digit()
		if !ok {
			t.Fatalf("%+v", h)
		}
		if mark {
			keys += string(rune(key))
		}
		if e.End {
			ends[fmt.Sprintf("%c by %d", key, h.payloadType)]++
		}
	}
	for keys == "" {
		hear()
	}
	other := event
	other.PayloadType = 96
	s.Streams[0].Side[0].Speech = speech(g722, other)
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	for ends["# by 96"] < 3 {
		hear()
	}
	if want := map[string]int{"7 by 101": 3, "8 by 96": 3, "# by 96": 3}; keys != "78#" || !maps.Equal(ends, want) {
		t.Errorf("pressed %q, ended %v", keys, ends)
	}
}

// TestNoWiderThanIsHeard: speech between two codecs of 16 kHz is coded at that rate unless who gets it plays less (RFC 7587 §6.1).
func TestNoWiderThanIsHeard(t *testing.T) {
	for most, want := range map[uint32]int{0: wide, 8000: narrow, 12000: narrow, 16000: wide, 48000: wide} {
		if got := rateBetween(speech(g722), media.Format{Codec: media.Opus, Most: media.Most{Rate: most}}); got != want {
			t.Errorf("who plays %d Hz is sent speech of %d Hz, want %d", most, got, want)
		}
	}
}

// TestAnotherSourceBeginsWithAKey: a source that takes over from another may begin with any packet.
func TestAnotherSourceBeginsWithAKey(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(pcma, event), speech(g722, event))
	r.open(s)
	toA := s.Streams[0].Side[0].Local
	a.send(a.rtp, toA, spoken(8, 0, 0, codec.ALaw.Encode(nil, sine(0, 1000))))
	first, _, _ := b.hear(b.rtp)
	key := spoken(101, 1, 9999, codec.Event{Code: 5, Duration: 160}.Append(nil))
	binary.BigEndian.PutUint32(key[8:], 0x5678)
	a.send(a.rtp, toA, key)
	if h, mark, payload := b.hear(b.rtp); h.payloadType != 101 || h.ssrc != first.ssrc || !mark || payload[0] != 5 {
		t.Errorf("%+v, marker %v, % x", h, mark, payload)
	}
}

// TestSilenceOfOpusIsFilled: a source of Opus that falls silent says so and nothing more for 400 ms; who has no such silence hears the noise of its room go on.
func TestSilenceOfOpusIsFilled(t *testing.T) {
	r := newStillRig(t)
	if !r.Opus() {
		lack.Of(t, "libopus is missing (apt-get install libopus0)")
	}
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	opus := media.Format{PayloadType: 111, Codec: media.Opus, Clock: 48000}
	s := translated(1, a, b, speech(opus), speech(pcmu))
	r.open(s)
	defer r.Close(1)
	toA := s.Streams[0].Side[0].Local
	random, encoder := rand.New(rand.NewPCG(1, 2)), r.coders.encoder(opus, narrow)
	var before, after float64
	var first header
	hear := func(n int) (power float64) {
		h, _, payload := b.hear(b.rtp)
		if n == 0 {
			first = h
		}
		if h.sequence != first.sequence+uint16(n) || h.timestamp != first.timestamp+uint32(160*n) {
			t.Fatalf("packet %d: %+v after %+v", n, h, first)
		}
		pcm := make([]int16, 160)
		codec.MuLaw.Decode(pcm, payload)
		for _, v := range pcm {
			power += float64(v) * float64(v)
		}
		return power
	}
	var payload []byte
	for n := range 50 {
		pcm := make([]int16, 160)
		for i := range pcm {
			pcm[i] = int16(200 * random.NormFloat64())
		}
		payload = encoder.Encode(nil, pcm)
		a.send(a.rtp, toA, spoken(111, n, 960*n, payload))
		r.turn()
		before += hear(n)
	}
	a.send(a.rtp, toA, spoken(111, 50, 960*50, []byte{payload[0] &^ 3})) // a frame without octets (RFC 6716 §3.1, §3.2.1)
	r.turn()
	for now, beat := r.now(), 0; beat < 25; beat++ {
		now += int64(20 * time.Millisecond)
		r.beatsAt(1, now)
	}
	hear(50)
	for n := range 15 {
		after += hear(51 + n)
	}
	if dB := 10 * math.Log10(after/15/(before/50)); math.Abs(dB) > 6 {
		t.Errorf("the noise is %+.1f dB from that of the room", dB)
	}
}

// TestOfTwoSourcesTheNewerIsHeard where speech is coded anew, and the other one again when that has ended.
func TestOfTwoSourcesTheNewerIsHeard(t *testing.T) {
	r := newRig(t, Config{})
	c := r.coders.newConverter(speech(pcma), speech(g722))
	for i, p := range []struct {
		source uint32
		ms     int64
		marker bool
		want   bool
	}{{7, 0, false, true}, {7, 20, false, true}, {0, 30, false, true}, {7, 40, false, false}, {0, 50, false, true}, {7, 60, false, false}, {9, 70, false, true},
		{7, 80, false, true}, {9, 90, false, false}, {9, 190, false, true}, {7, 210, false, false}, {7, 230, true, true}} {
		if got := c.takes(header{ssrc: p.source, marker: p.marker}, p.ms*1e6); got != p.want {
			t.Errorf("%d: source %d is heard: %v", i, p.source, got)
		}
	}
}
