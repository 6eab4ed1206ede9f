package siptest

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestG711 uses what every code word must become again, and points of the tables of ITU-T G.711.
func TestG711(t *testing.T) {
	for b := range 256 {
		if got := encodeMuLaw(decodeMuLaw(byte(b))); got != byte(b) && b != 0x7f { // 0x7f is minus zero
			t.Errorf("µ-law %#02x became %#02x", b, got)
		}
		if got := encodeALaw(decodeALaw(byte(b))); got != byte(b) {
			t.Errorf("A-law %#02x became %#02x", b, got)
		}
	}
	for _, c := range []struct {
		mu, a         byte
		muVal, aValue int16
	}{{0xff, 0xd5, 0, 8}, {0x80, 0xaa, 32124, 32256}, {0x00, 0x2a, -32124, -32256}} {
		if decodeMuLaw(c.mu) != c.muVal || decodeALaw(c.a) != c.aValue {
			t.Errorf("%+v: %d, %d", c, decodeMuLaw(c.mu), decodeALaw(c.a))
		}
	}
	for v := -32768; v < 32768; v += 7 {
		for name, got := range map[string]int16{"µ-law": decodeMuLaw(encodeMuLaw(int16(v))), "A-law": decodeALaw(encodeALaw(int16(v)))} {
			if d := math.Abs(float64(int(got) - v)); d > math.Abs(float64(v))/16+40 {
				if v < -32635 && d < 700 {
					continue
				}
				t.Fatalf("%s: %d became %d", name, v, got)
			}
		}
	}
}

func TestPeakFindsTheTone(t *testing.T) {
	tone := make([]int16, toneWindow)
	for i := range tone {
		tone[i] = Tone(1015)(i)
	}
	if hz, part := peak(tone); math.Abs(hz-1015) > 5 || part < 0.9 {
		t.Errorf("%v Hz, %v", hz, part)
	}
	if p := power(tone, 440); p > 0.05 {
		t.Errorf("1015 Hz has %v at 440 Hz", p)
	}
	if hz, part := peak(make([]int16, toneWindow)); hz != 0 || part != 0 {
		t.Errorf("silence is %v Hz, %v", hz, part)
	}
}

func TestCorrelation(t *testing.T) {
	noise := make([]int16, 2000)
	seed := uint32(1)
	for i := range noise {
		seed = seed*1664525 + 1013904223
		noise[i] = int16(seed >> 16)
	}
	if c := Correlation(noise, noise[700:1100]); c < 0.999 {
		t.Error(c)
	}
	if c := Correlation(noise[:1000], noise[1200:1600]); c > 0.5 {
		t.Error(c)
	}
}

func TestWAV(t *testing.T) {
	wav := func(format, rate, bits int, data []byte) []byte {
		b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
		b = binary.LittleEndian.AppendUint32(b, 16)
		b = binary.LittleEndian.AppendUint16(b, uint16(format))
		b = binary.LittleEndian.AppendUint16(b, 1)
		b = binary.LittleEndian.AppendUint32(b, uint32(rate))
		b = binary.LittleEndian.AppendUint32(b, uint32(rate*bits/8))
		b = binary.LittleEndian.AppendUint16(b, uint16(bits/8))
		b = binary.LittleEndian.AppendUint16(b, uint16(bits))
		b = append(b, "LIST\x01\x00\x00\x00x\x00data"...)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(data))), data...)
	}
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := os.WriteFile(path, wav(1, 8000, 16, []byte{1, 0, 0xff, 0xff}), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadWAV(path); err != nil || len(s) != 2 || s[0] != 1 || s[1] != -1 {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := parseWAV(wav(7, 8000, 8, []byte{0x80})); err != nil || s[0] != 32124 {
		t.Errorf("%v, %v", s, err)
	}
	good := wav(1, 8000, 16, []byte{1, 0})
	for n := range len(good) - 8 {
		if _, err := parseWAV(good[:n]); err == nil {
			t.Errorf("a file of %d bytes is taken", n)
		}
	}
	if _, err := parseWAV(wav(1, 44100, 16, nil)); err == nil {
		t.Error("44100 Hz is taken")
	}
}

func TestLossAndDuplicates(t *testing.T) {
	m := &media{streams: map[uint32]*stream{}}
	packet := func(seq uint16) {
		b := append([]byte{0x80, 0, byte(seq >> 8), byte(seq), 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 160)...)
		m.receive(b, m.to.rtp)
	}
	for _, seq := range []uint16{65533, 65534, 1, 0, 2, 2, 4} { // lost: 65535, 3; late: 0; twice: 2
		packet(seq)
	}
	if s := m.stats; s.Lost != 2 || s.Duplicates != 1 || s.Received != 7 || s.SSRCs != 1 {
		t.Errorf("%+v", s)
	}
	for _, b := range [][]byte{nil, {0x80}, {0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77}, {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255}} {
		was := m.stats.Malformed
		m.receive(b, m.to.rtp)
		if m.stats.Malformed != was+1 {
			t.Errorf("% x is taken", b)
		}
	}
}

func TestReportIsReadByThePeer(t *testing.T) {
	a := &media{a: &Agent{cfg: Config{Name: "a"}}, ssrc: 7, streams: map[uint32]*stream{9: {last: 5}}}
	a.stats.Lost = 3
	b := &media{ssrc: 9}
	packet := a.report(time.Unix(1_700_000_000, 0))
	if len(packet)%4 != 0 {
		t.Errorf("%d bytes", len(packet))
	}
	b.receiveRTCP(packet)
	if b.stats.RTCPReceived != 1 || b.stats.ReportedLost != 3 || b.stats.Malformed != 0 {
		t.Errorf("%+v", b.stats)
	}
	b.receiveRTCP(packet[:30])
	if b.stats.Malformed != 1 {
		t.Errorf("%+v", b.stats)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3}, "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n")
	f.Add([]byte{0x81, 200, 0, 12}, "v=0\nm=audio 0 RTP/AVP 8\nc=IN IP6 ::\nm=video 1 RTP/AVP 99\na=rtcp:x")
	f.Fuzz(func(t *testing.T, b []byte, sdp string) {
		m := &media{streams: map[uint32]*stream{}}
		m.receive(b, m.to.rtp)
		m.receiveRTCP(b)
		if d, err := parseSDP(sdp); err == nil {
			_ = d.summary() + d.write("x", 1)
		}
		_, _ = parseWAV(b)
	})
}
