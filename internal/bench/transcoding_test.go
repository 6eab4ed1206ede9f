package bench

import (
	"encoding/binary"
	"os/exec"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"
)

func TestSpeechIsPackets(t *testing.T) {
	for _, name := range []string{"espeak-ng", "ffmpeg"} {
		if _, err := exec.LookPath(name); err != nil {
			lack.Of(t, err)
		}
	}
	dir, n := t.TempDir(), 0
	for _, f := range []format{pcmu, pcma, g722, opus} {
		f, err := f.speak(dir)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			n = len(f.speech.payloads)
		}
		if got := len(f.speech.payloads); got < n-1 || got > n+2 { // Opus ends with what its delay has held back
			t.Errorf("%s: %d packets, of %s %d", f.name, got, pcmu.name, n)
		}
		for i, p := range f.speech.payloads {
			if f.octets > 0 && len(p) != f.octets || f.octets == 0 && (len(p) < 2 || p[0]&3 != 0) { // one frame (RFC 6716 §3.1)
				t.Fatalf("%s: packet %d is % x", f.name, i, p)
			}
		}
		if heeds := f.sends("a=fmtp:111 maxplaybackrate=8000;useinbandfec=1"); f.octets == 0 {
			for i, p := range heeds.payloads {
				if p[0]>>3 > 3 { // not the 4 kHz of SILK (RFC 6716 §3.1)
					t.Fatalf("%s: packet %d for who plays 8 kHz is % x", f.name, i, p)
				}
			}
		} else if heeds != f.speech {
			t.Errorf("%s: heeds what is asked of Opus", f.name)
		}
	}
}

func TestOggPacketsOverPages(t *testing.T) {
	page := func(table, body string) string {
		return "OggS" + string(make([]byte, 22)) + string([]byte{byte(len(table))}) + table + body
	}
	long := string(make([]byte, 255))
	list := oggPackets([]byte(page("\x03\xff", "one"+long) + page("\x02\x07", "morethree") + page("\x09", "cut")))
	if len(list) != 4 || string(list[0]) != "one" || string(list[1]) != long+"mo" || string(list[2]) != "rethree" || string(list[3]) != "cut" {
		t.Errorf("%q", list)
	}
	if list := oggPackets([]byte("OggS" + string(make([]byte, 22)) + "\x09\x01")); len(list) != 0 {
		t.Errorf("%q of a page without an end", list)
	}
}

// TestHeardFindsWhatWasSent whatever numbers and timestamps it comes back under, with a loss, and when the first to come was a late one.
func TestHeardFindsWhatWasSent(t *testing.T) {
	s := &speech{payloadType: 9, ticks: 160}
	came := func(n int) []byte {
		b := make([]byte, 172)
		b[1] = s.payloadType
		binary.BigEndian.PutUint32(b[4:], 4294967000+uint32(n)*s.ticks) // goes past the end of its range
		return b
	}
	at := func(n int) time.Time { return time.Unix(1000, int64(n)*int64(frame)) }
	var h heard
	for n := range 2000 {
		seq := uint16(65000 + n)
		h.leaves(seq, byte(min(1, n/10)), at(n))
		back := n
		if n < 5 {
			back = n - 1 // one behind, and only later none
		}
		if n == 0 || n%7 == 3 {
			continue
		}
		left, ok := h.left(came(back), s)
		if n < 5 {
			continue
		}
		if ok != (n >= 10) || ok && left != at(n).UnixNano() {
			t.Fatalf("packet %d left at %d, %v; it was sent at %d", n, left, ok, at(n).UnixNano())
		}
	}
	other := came(2000)
	other[1] = 101
	if _, ok := h.left(other, s); ok {
		t.Error("another payload type is taken for speech")
	}
}

func TestBencode(t *testing.T) {
	want := "d5:codecd4:maskl4:PCMAe9:transcodel4:opusee7:command5:offere"
	if got := bencode(dictionary{"command": "offer", "codec": dictionary{"transcode": []string{"opus"}, "mask": []string{"PCMA"}}}); got != want {
		t.Error(got)
	}
}
