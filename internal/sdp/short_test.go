package sdp

import "testing"

// TestRFC3264_8_Complete: what a description leaves out is as if it had been rejected where it was before, and back.
func TestRFC3264_8_Complete(t *testing.T) {
	const audio, video, image = "m=audio 5000 RTP/AVP 0 8", "m=video 5002/2 RTP/AVP 31 32", "m=image 0 udptl t38"
	before := crlf("v=0", "c=IN IP4 192.0.2.1", audio, "a=sendrecv", video, "a=rtpmap:31 H261/90000", image)
	for _, c := range []struct{ body, want string }{
		{crlf("v=0", "a=x", "m=Video 7 RTP/SAVP 31", "a=recvonly"), crlf("v=0", "a=x", "m=audio 0 RTP/AVP 0 8", "m=Video 7 RTP/SAVP 31", "a=recvonly", "m=image 0 udptl t38")},
		{crlf("v=0", "m=video 7 RTP/AVP 31", "m=image 0 UDPTL t38"), crlf("v=0", "m=audio 0 RTP/AVP 0 8", "m=video 7 RTP/AVP 31", "m=image 0 UDPTL t38")},
		{crlf("v=0", "m=image 7 udptl t38"), crlf("v=0", "m=audio 0 RTP/AVP 0 8", "m=video 0 RTP/AVP 31 32", "m=image 7 udptl t38")}, // revived, as an offer may
		{crlf("v=0", "m=image 7 TCP t38"), crlf("v=0", "m=image 7 TCP t38", "m=video 0 RTP/AVP 31 32", "m=image 0 udptl t38")},       // none of before
		{crlf("v=0", "m=video 7 RTP/AVP 31", "m=audio 8 RTP/AVP 0"), crlf("v=0", "m=video 7 RTP/AVP 31", "m=audio 8 RTP/AVP 0", "m=image 0 udptl t38")},
		{crlf("v=0", "m=audio 1 RTP/AVP 8", "a=recvonly"), crlf("v=0", "m=audio 1 RTP/AVP 8", "a=recvonly", "m=video 0 RTP/AVP 31 32", "m=image 0 udptl t38")},
		{"v=0\nm=audio 1 RTP/AVP 8\nm=video 2 RTP/AVP 31\x00", "v=0\nm=audio 1 RTP/AVP 8\nm=video 2 RTP/AVP 31\r\nm=image 0 udptl t38\r\n"},
		{before, before},
		{before + audio, before + audio},
		{"v=0\r\n", "v=0\r\n"},
		{"", ""},
	} {
		got, absent := Complete(before, c.body)
		if got != c.want {
			t.Errorf("%q\nbecame %q\nwant   %q", c.body, got, c.want)
		}
		if n := MediaLines(c.body); n > 0 && c.body[len(c.body)-1] == '\n' {
			if back := Shorten(got, absent); back != c.body || MediaLines(got)-n != absent.Count() {
				t.Errorf("%q\nbecame %q\nwant   %q", got, back, c.body)
			}
		}
	}
	for body, want := range map[string]string{before: before, before + audio + "\r\n": before + audio + "\r\n", before + "m=video 0 RTP/AVP 31\r\na=x\r\n" + image + "\r\n": before} {
		if got := Trim(body, 3); got != want {
			t.Errorf("%q\nbecame %q\nwant   %q", body, got, want)
		}
	}
	if got, absent := Complete("", crlf("v=0", audio)); got != crlf("v=0", audio) || absent != 0 {
		t.Errorf("with nothing before it: %q", got)
	}
	// Of two of a kind the one in use is meant.
	two := crlf("v=0", "m=audio 0 RTP/AVP 0", "m=audio 5 RTP/AVP 8", "m=audio 6 RTP/AVP 9")
	if got, absent := Complete(two, crlf("v=0", "m=audio 7 RTP/AVP 8")); absent != 0b101 || got != crlf("v=0", "m=audio 0 RTP/AVP 0", "m=audio 7 RTP/AVP 8", "m=audio 0 RTP/AVP 9") {
		t.Errorf("of two of a kind: %q", got)
	}
}
