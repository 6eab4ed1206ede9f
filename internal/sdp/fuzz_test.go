package sdp

import (
	"net/netip"
	"strings"
	"testing"
)

var fuzzSeeds = []string{
	g711Offer,
	"",
	"v=0",
	"v=0\nm=audio 1 RTP/AVP 0\rc=IN IP4 10.0.0.1\n",
	"v=0\r\no=Front Desk -1 -1 IN IP4 10.0.0.1\r\nc=IN IP6 ::ffff:10.0.0.2/127/3\r\na=inactive\r\nm=image 4000/2 udptl t38\r\na=rtcp:1 IN IP4 10.0.0.3\r\nb=AS:1.5\r\n",
	"v=0\nc=IN IP4 pbx.example\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\na=rtpmap:111 opus/48000/2\na=fmtp:111 x=1\na=fingerprint:sha-1 00:11\na=candidate:1 1 UDP 1 10.0.0.4 1 typ host\na=crypto:1 x inline:y\n",
	"v=0\nm=a 1 b c\nm=audio 0 RTP/AVP\na=:\na=\na=x:1:2:3:4:5:6:7:8\n",
}

const videoOffer = "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"

func FuzzParse(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s, err := Parse(body)
		if err != nil {
			if _, ok := err.(*SyntaxError); !ok || err.Error() == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if len(s.lines) > MaxLines || len(s.Media) > MaxMedia {
			t.Fatalf("%d lines, %d m-lines", len(s.lines), len(s.Media))
		}
		for i := range s.Media {
			m := &s.Media[i]
			if m.Direction < SendRecv || m.Direction > Inactive || len(m.Formats) > MaxFormats || len(m.Codecs) > len(m.Formats) {
				t.Fatalf("m-line %+v", m)
			}
		}
		s.Held()
		s.FirstAudioCodec()
		AnswerRemarks(s, s)
		if refusal := mustParse(t, string(Refuse(s, nil, ourRewrite()))); AnswerFits(s, refusal) != nil {
			t.Fatalf("a refusal does not fit: %v", AnswerFits(s, refusal))
		}
		before := g711Offer + videoOffer + "m=image 0 udptl t38\r\n"
		whole, absent := Complete(before, body)
		full, err := Parse(whole)
		if err != nil && len(s.lines)+2 <= MaxLines && len(s.Media)+2 <= MaxMedia {
			t.Fatalf("complete it cannot be read: %v", err)
		}
		if err != nil || absent == 0 || MediaLines(body) != len(s.Media) { // lines may end in CR alone, and then nothing is known of what is left out
			return
		}
		if len(full.Media) != MediaLines(before) || len(full.Media) != len(s.Media)+absent.Count() {
			t.Fatalf("%d m-lines became %d, and %b are absent", len(s.Media), len(full.Media), absent)
		}
		rest := s.Media
		for i := range full.Media {
			switch m := &full.Media[i]; {
			case absent>>i&1 == 1 && !m.Rejected():
				t.Fatalf("m-line %d is live, and nobody has said so", i+1)
			case absent>>i&1 == 0:
				if m.Kind != rest[0].Kind || m.Proto != rest[0].Proto || m.Port != rest[0].Port {
					t.Fatalf("m-line %d became %+v, was %+v", i+1, m, rest[0])
				}
				rest = rest[1:]
			}
		}
		if short, err := Parse(Shorten(whole, absent)); err != nil || len(short.Media) != len(s.Media) {
			t.Fatalf("short again: %v", err)
		}
	})
}

func FuzzRewrite(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s, uint8(2), true, true)
	}
	f.Fuzz(func(t *testing.T, body string, live uint8, filter, keys bool) {
		s, err := Parse(body)
		if err != nil {
			return
		}
		r := ourRewrite()
		r.Mux, r.KeepKeys, r.Media = keys, keys, nil
		for i := range live % 17 {
			r.Media = append(r.Media, MediaAddr{Port: 40000 + 2*uint16(i), RTCPPort: 40001 + 2*uint16(i)})
		}
		if filter {
			r.Codecs = []string{"PCMA", "opus"}
		}
		out := string(s.Rewrite(nil, r))
		if why := rewritten(s, r, out); why != "" {
			t.Fatalf("%s\n%q\nfrom\n%q", why, out, body)
		}
		theirs := make(map[netip.Addr]bool)
		for _, a := range literals(body) {
			theirs[a] = true
		}
		for _, a := range literals(out) {
			if theirs[a] && a != r.Address {
				t.Fatalf("%v leaks\n%q\nfrom\n%q", a, out, body)
			}
		}
	})
}

// literals are all words of a text that are addresses.
func literals(text string) []netip.Addr {
	var found []netip.Addr
	for _, w := range strings.FieldsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("0123456789abcdefABCDEF.:", r)
	}) {
		if a, err := netip.ParseAddr(w); err == nil {
			found = append(found, a)
		}
	}
	return found
}
