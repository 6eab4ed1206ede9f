package sdp

import (
	"strings"
	"testing"
)

func TestRFC3264_6_AnswerFits(t *testing.T) {
	offer := []string{"m=audio 5000 RTP/AVP 0 8 96 101", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000", "m=video 0 RTP/AVP 31", "m=image 5002 udptl t38"}
	for name, c := range map[string]struct {
		answer  []string
		why     string // of the error; empty: fits
		remarks string
	}{
		"one codec":          {[]string{"m=audio 1 RTP/AVP 8", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "", ""},
		"all rejected":       {[]string{"m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "", ""},
		"T.38 taken":         {[]string{"m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=image 7 UDPTL T38"}, "", ""},
		"renumbered":         {[]string{"m=audio 1 RTP/AVP 111 100", "a=rtpmap:111 OPUS/48000/2", "a=rtpmap:100 telephone-event/8000", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "", ""},
		"extra codec":        {[]string{"m=audio 1 RTP/AVP 8 18", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "", "format 18"},
		"other profile":      {[]string{"m=audio 1 RTP/AVPF 8", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "", "protocol RTP/AVPF"},
		"mux unasked":        {[]string{"m=audio 1 RTP/AVP 8", "a=rtcp-mux", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "", "rtcp-mux"},
		"too few":            {[]string{"m=audio 1 RTP/AVP 8"}, "1 m-lines for the 3", ""},
		"too many":           {[]string{"m=audio 1 RTP/AVP 8", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38", "m=audio 1 RTP/AVP 8"}, "4 m-lines", ""},
		"other order":        {[]string{"m=audio 1 RTP/AVP 8", "m=image 0 udptl t38", "m=video 0 RTP/AVP 31"}, "kind image for video", ""},
		"revived":            {[]string{"m=audio 1 RTP/AVP 8", "m=video 9 RTP/AVP 31", "m=image 0 udptl t38"}, "live", ""},
		"no common codec":    {[]string{"m=audio 1 RTP/AVP 18", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "no codec", ""},
		"only DTMF":          {[]string{"m=audio 1 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "no codec", ""},
		"secured unasked":    {[]string{"m=audio 1 RTP/SAVP 8", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "protocol", ""},
		"other transport":    {[]string{"m=audio 1 udptl 8", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "protocol", ""},
		"other T.38":         {[]string{"m=audio 1 RTP/AVP 8", "m=video 0 RTP/AVP 31", "m=image 1 TCP t38"}, "protocol", ""},
		"other number":       {[]string{"m=audio 1 RTP/AVP 97", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "no codec", ""},
		"same number, other": {[]string{"m=audio 1 RTP/AVP 96", "a=rtpmap:96 speex/8000", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "no codec", ""},
		"number without map": {[]string{"m=audio 1 RTP/AVP 96", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := mustParse(t, crlf(append([]string{"v=0", "c=IN IP4 192.0.2.1"}, offer...)...))
			a := mustParse(t, crlf(append([]string{"v=0", "c=IN IP4 192.0.2.2"}, c.answer...)...))
			err := AnswerFits(o, a)
			if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
				t.Fatalf("error %v, want %q", err, c.why)
			}
			if err != nil {
				return
			}
			remarks := AnswerRemarks(o, a)
			if (len(remarks) == 0) != (c.remarks == "") || len(remarks) > 0 && !strings.Contains(remarks[0].Error(), c.remarks) {
				t.Errorf("remarks %v, want %q", remarks, c.remarks)
			}
		})
	}
}

func TestRFC3264_6_1_AnswerDirection(t *testing.T) {
	o := mustParse(t, crlf("v=0", "m=audio 1 RTP/AVP 8", "a=sendonly"))
	for dir, want := range map[string]int{"recvonly": 0, "inactive": 0, "sendrecv": 1, "sendonly": 1} {
		a := mustParse(t, crlf("v=0", "m=audio 1 RTP/AVP 8", "a="+dir))
		if got := AnswerRemarks(o, a); len(got) != want {
			t.Errorf("%s: remarks %v, want %d", dir, got, want)
		}
	}
}

func TestAnswerSecurity(t *testing.T) {
	const crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"
	for _, c := range []struct {
		offer, answer string
		keys, fits    bool
	}{
		{"RTP/SAVP", "RTP/SAVP", true, true},
		{"RTP/SAVP", "RTP/AVP", true, false},
		{"RTP/AVP", "RTP/AVP", true, true},
		{"RTP/AVP", "RTP/SAVP", true, true}, // best-effort offer
		{"RTP/AVP", "RTP/SAVP", false, false},
	} {
		lines := []string{"v=0", "m=audio 1 " + c.offer + " 8"}
		if c.keys {
			lines = append(lines, crypto)
		}
		err := AnswerFits(mustParse(t, crlf(lines...)), mustParse(t, crlf("v=0", "m=audio 1 "+c.answer+" 8", crypto)))
		if (err == nil) != c.fits {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
