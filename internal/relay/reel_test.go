package relay

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sound"
)

// wideClip is a sine of 16 kHz, as a file has it.
func wideClip(t *testing.T, hz float64, packets int) *sound.Clip {
	t.Helper()
	n := packets * sound.Wide / 50
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+2*n))
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(2*math.Pi*hz*float64(i)/sound.Wide))))
	}
	c, err := sound.ReadWAV("sine", b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// everyCodec are those that are played, by the static payload type or a dynamic one, and the highest frequency that is heard.
var everyCodec = []struct {
	codec media.Codec
	pt    uint8
	hz    float64
}{{media.PCMU, 0, 3000}, {media.PCMA, 8, 3000}, {media.G722, 9, 6000}, {media.Opus, 111, 6000}}

// TestPlayInEveryCodec: whoever has only one of the codecs hears what is played, a wideband codec all of a wideband file, with timestamps of its clock, and another
// listener the same packets, which are not coded again.
func TestPlayInEveryCodec(t *testing.T) {
	for _, c := range everyCodec {
		t.Run(c.codec.String(), func(t *testing.T) {
			r := newStillRig(t)
			if c.codec == media.Opus && !r.Opus() {
				lack.Of(t, "libopus is missing (apt-get install libopus0)")
			}
			file := wideClip(t, c.hz, 120)
			decoder := r.coders.decoder(c.codec, narrow)
			if c.hz > narrow/2 {
				decoder = r.coders.decoder(c.codec, wide)
			}
			var first [][]byte
			for id := range media.SessionID(2) {
				a, b := newPhone(t, ip4), newPhone(t, ip4)
				s := call(id+1, a, b)
				s.Play = &media.Play{ID: 1, Clip: file, Codec: c.codec, PayloadType: c.pt, Times: 1}
				r.open(s)
				p := r.find(id + 1).player
				var began header
				var pcm []int16
				for i := range file.Packets() {
					if !p.beat(r.workers[0], 1, r.now()) {
						t.Fatalf("it ends with packet %d", i)
					}
					h, _, payload := a.hear(a.rtp)
					if i == 0 {
						began = h
					}
					if h.payloadType != c.pt || h.sequence != began.sequence+uint16(i) || h.timestamp != began.timestamp+uint32(i)*c.codec.Clock()/50 {
						t.Fatalf("packet %d: %+v; the first was %+v", i, h, began)
					}
					switch id {
					case 0:
						var room [960]int16
						pcm = append(pcm, room[:decoder.Decode(room[:], payload)]...)
						first = append(first, bytes.Clone(payload))
					case 1:
						if !bytes.Equal(payload, first[i]) {
							t.Fatalf("the second listener has another packet %d", i)
						}
					}
				}
				if id == 0 {
					if tone, all := powers(pcm[len(pcm)/2:], c.hz*narrow/float64(len(pcm)*50/file.Packets())); tone < 0.5*all || all < 1000*1000 {
						t.Errorf("of power %.0f the sine of %.0f Hz has %.0f", all, c.hz, tone)
					}
				}
			}
			if n := r.reels.list; len(n) != 1 {
				t.Errorf("there are %d reels of one clip in one codec", len(n))
			}
			r.Close(1)
			r.Close(2)
		})
	}
}

// TestReelRepeats: a clip that is repeated in a codec that remembers has no seam: the third turn is that of the second, and what is decoded there is the sine still.
func TestReelRepeats(t *testing.T) {
	l := newCoders(slog.New(slog.DiscardHandler))
	for _, c := range everyCodec {
		if c.codec == media.Opus && l.opus == nil {
			continue
		}
		file := wideClip(t, 1000, 30)
		r := newReel(file, c.codec, &l)
		decoder := l.decoder(c.codec, r.rate)
		var pcm []int16
		for turn := range 5 {
			for i := range file.Packets() {
				payload := r.append(nil, file, i, turn)
				if turn > 1 && !bytes.Equal(payload, r.append(nil, file, i, 1)) {
					t.Fatalf("%s: packet %d of turn %d is not that of the second", c.codec, i, turn)
				}
				var room [960]int16
				pcm = append(pcm, room[:decoder.Decode(room[:], payload)]...)
			}
		}
		n := r.rate / 50 // around the seams
		for turn := 2; turn < 5; turn++ {
			seam := turn * file.Packets() * n
			tone, all := powers(pcm[seam-n:seam+2*n], 1000*narrow/float64(r.rate))
			if tone < 0.95*all {
				t.Errorf("%s: where turn %d begins the sine has %.3f of the power", c.codec, turn, tone/all)
			}
		}
	}
}

// TestReelFar: packets that nobody needed are coded some at a time, so that no worker is held up; meanwhile there is a pause.
func TestReelFar(t *testing.T) {
	file := wideClip(t, 1000, 100)
	r := newReel(file, media.G722, &coders{})
	for range 5 {
		if b := r.append(nil, file, 55, 0); len(b) != 0 {
			t.Fatal("all is coded at once")
		}
	}
	want := newReel(file, media.G722, &coders{})
	for i := range 55 {
		want.append(nil, file, i, 0)
	}
	if got := r.append(nil, file, 55, 0); len(got) != 160 || !bytes.Equal(got, want.append(nil, file, 55, 0)) {
		t.Fatalf("%d octets", len(got))
	}
}

// TestReelsEnd: a reel lasts as long as its clip.
func TestReelsEnd(t *testing.T) {
	var s reels
	file := wideClip(t, 1000, 100)
	if s.of(file, media.G722, &coders{}) != s.of(file, media.G722, &coders{}) || s.of(file, media.PCMA, &coders{}) == nil {
		t.Fatal("a clip has two reels in one codec, or none")
	}
	if s.of(file, media.Opus, &coders{}) != nil || s.of(file, media.TelephoneEvent, &coders{}) != nil {
		t.Fatal("there are reels in codecs that there are not")
	}
	runtime.KeepAlive(file)
	for deadline := time.Now().Add(patience); ; {
		runtime.GC()
		s.mu.Lock()
		n := len(s.list)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d reels are left", n)
		}
		runtime.Gosched()
	}
}

// TestPlayAwaitsListener: what is played waits a little for a side that cannot be sent to yet, and begins at its beginning.
func TestPlayAwaitsListener(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := playing(1, a, b, clip(4), 1)
	s.Streams[0].Side[0].Send = false
	r.open(s)
	p := r.find(1).player
	for range 10 {
		p.beat(r.workers[0], 1, r.now())
	}
	s.Streams[0].Side[0].Send = true
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	p.beat(r.workers[0], 1, r.now())
	if _, mark, payload := a.hear(a.rtp); !mark || !bytes.Equal(payload, alaw(s.Play.Clip)[:160]) {
		t.Error("the beginning was not awaited")
	}
	s.Streams[0].Side[0].Send = false // whoever leaves later misses what is played meanwhile
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.beat(r.workers[0], 1, r.now())
	}
	if p.beat(r.workers[0], 1, r.now()) {
		t.Error("it has no end")
	}
	r.Close(1)
}

// TestPlayAwaitsKeys: what is played begins at its beginning when the handshake has come to its end, or the SDP that has the peer's keys is there.
func TestPlayAwaitsKeys(t *testing.T) {
	for _, byHandshake := range []bool{false, true} {
		r := newStillRig(t)
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		l := newLock(t, media.AEADAES128GCM, "")
		s := playing(1, a, b, clip(4), 1)
		side := &s.Streams[0].Side[0]
		if byHandshake {
			side.DTLS, side.Mux = newShaker(t, true, 1).dtls(""), true
		} else {
			side.Crypt = &media.Crypt{}
		}
		r.open(s)
		p := r.find(1).player
		for range 10 {
			p.beat(r.workers[0], 1, r.now())
		}
		if byHandshake {
			r.find(1).streams[0].side[0].rtp.dtls.crypt = protected(l)
		} else if side.Crypt = l.crypt; r.Update(s) != nil {
			t.Fatal("not updated")
		}
		p.beat(r.workers[0], 1, r.now())
		buf, _ := a.readFrom(a.rtp)
		got, err := l.open.DecryptRTP(nil, buf, nil)
		if err != nil || !bytes.Equal(got[rtpHeader:], alaw(s.Play.Clip)[:160]) {
			t.Errorf("by a handshake %v: the beginning was not awaited (%v)", byHandshake, err)
		}
		r.Close(1)
	}
}

// BenchmarkPlay is what a packet costs that is played, when it is coded already and when not.
func BenchmarkPlay(b *testing.B) {
	l := newCoders(slog.New(slog.DiscardHandler))
	file := sound.Tone(sound.Busy, sound.DefaultCountry)
	for _, c := range everyCodec {
		b.Run(c.codec.String(), func(b *testing.B) {
			r := newReel(file, c.codec, &l)
			if r == nil {
				lack.Of(b, "the codec is not there")
			}
			var room [1500]byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.append(room[:0], file, i%file.Packets(), i/file.Packets())
			}
		})
	}
}
