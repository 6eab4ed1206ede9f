package sdp

import (
	"strings"
	"testing"
)

// BYP-02: a client's id is read wherever it stands, and goes no further.
func TestBypassID(t *testing.T) {
	const body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
	ours := strings.Replace(body, "o=- 1 1", "o=directsip 7 8", 1)
	for _, line := range []string{"a=x-bypassid:4D4A-9A7D", "a=X-BypassId: 4D4A-9A7D ", "a=x-bypassid :4D4A-9A7D"} {
		for _, end := range []string{"\r\n", "\n"} {
			text := body + line + end + "a=ptime:20\r\n"
			s, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.BypassID(); got != "4D4A-9A7D" {
				t.Errorf("%q: %q", line, got)
			}
			if got := string(s.PassAs(nil, "directsip", 7, 8)); got != ours+"a=ptime:20\r\n" {
				t.Errorf("%q leaves %q", line, got)
			}
			if got := string(s.Rewrite(nil, &Rewrite{Media: []MediaAddr{{Port: 2000}}, KeepKeys: true})); strings.Contains(strings.ToLower(got), "bypass") {
				t.Errorf("%q is rewritten as %q", line, got)
			}
		}
	}
	if s, _ := Parse(body); s.BypassID() != "" || string(s.PassAs(nil, "directsip", 7, 8)) != ours {
		t.Error("a description without an id has changed")
	}
	if s, err := Parse("v=0\no=x\rs=-\n"); err != nil || string(s.PassAs(nil, "directsip", 7, 8)) != "v=0\r\no=directsip 7 8 IN IP4 0.0.0.0\r\ns=-\r\n" {
		t.Errorf("a broken origin: %v", err)
	}
}

// TestPassDirection: a direction that was changed is said where it belongs, once, and nowhere else.
func TestPassDirection(t *testing.T) {
	const head, audio, video = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n", "m=audio 4000 RTP/AVP 0\r\n", "m=video 4002 RTP/AVP 99\r\n"
	for _, c := range [][2]string{
		{head + audio + "a=recvonly\r\na=ptime:20\r\n" + video, head + audio + "a=ptime:20\r\na=sendrecv\r\n" + video},
		{head + "a=recvonly\r\n" + audio + video, head + "a=recvonly\r\n" + audio + "a=sendrecv\r\n" + video},
		{head + audio + "a=sendrecv\r\n" + video + "a=inactive\r\n", head + audio + "a=sendrecv\r\n" + video + "a=inactive\r\n"},
		{head + "m=audio 0 RTP/AVP 0\r\na=inactive\r\n", head + "m=audio 0 RTP/AVP 0\r\na=inactive\r\n"},
	} {
		s, err := Parse(c[0])
		if err != nil {
			t.Fatal(err)
		}
		s.Media[0].Direction = SendRecv
		if got, want := string(s.PassAs(nil, "-", 1, 1)), c[1]; got != want {
			t.Errorf("%q becomes\n%q, want\n%q", c[0], got, want)
		}
	}
}

// FuzzPassAs: whatever passes reads like what came, but for whose it is, and names no place.
func FuzzPassAs(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s)
	}
	f.Add("v=0\r\no=- 1 1 IN IP4 192.0.2.1\rs=-\ra=x-bypassid:1\rm=audio 1 RTP/AVP 0\na=X-BYPASSID\na=x-bypassid :2")
	f.Fuzz(func(t *testing.T, body string) {
		s, err := Parse(body)
		if err != nil {
			return
		}
		text := string(s.PassAs(nil, "directsip", 7, 8))
		if len(text) > MaxBody {
			return
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", body, text, err)
		}
		if again.BypassID() != "" || len(again.Media) != len(s.Media) || again.Conn != s.Conn || again.Direction != s.Direction {
			t.Fatalf("%q becomes %q", body, text)
		}
		for i := range s.Media {
			a, b := &s.Media[i], &again.Media[i]
			if a.Port != b.Port || a.Conn != b.Conn || a.Direction != b.Direction || a.RTCP != b.RTCP || len(a.Codecs) != len(b.Codecs) || a.Crypto != b.Crypto {
				t.Fatalf("m-line %d: %+v becomes %+v", i, a, b)
			}
		}
	})
}
