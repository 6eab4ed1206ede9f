package sdp

import (
	"strings"
	"testing"
)

func print256(octet string) string { return strings.TrimSuffix(strings.Repeat(octet+":", 32), ":") }

// TestRFC8122_5: of several fingerprints those of the strongest hash count; those of the m-line go before those of the session; what is none is passed
// over.
func TestRFC8122_5(t *testing.T) {
	sha1 := strings.TrimSuffix(strings.Repeat("0a:", 20), ":")
	for _, c := range []struct {
		name           string
		session, media []string
		want           []Fingerprint
	}{
		{"one", nil, []string{"sha-256 " + print256("41")}, []Fingerprint{{"sha-256", strings.Repeat("A", 32)}}},
		{"of the session", []string{"SHA-256 " + print256("4a")}, nil, []Fingerprint{{"sha-256", strings.Repeat("J", 32)}}},
		{"of the m-line first", []string{"sha-256 " + print256("41")}, []string{"sha-1 " + sha1}, []Fingerprint{{"sha-1", strings.Repeat("\n", 20)}}},
		{"the strongest", nil, []string{"sha-1 " + sha1, "sha-256 " + print256("41"), "sha-256 " + print256("42"), "sha-1 " + sha1},
			[]Fingerprint{{"sha-256", strings.Repeat("A", 32)}, {"sha-256", strings.Repeat("B", 32)}}},
		{"MD5 is none", nil, []string{"md5 " + strings.TrimSuffix(strings.Repeat("0a:", 16), ":")}, nil},
		{"too short", nil, []string{"sha-256 41:42"}, nil},
		{"no colons", nil, []string{"sha-256 " + strings.ReplaceAll(print256("41"), ":", "-")}, nil},
		{"no digits", nil, []string{"sha-256 " + print256("4x")}, nil},
		{"a colon in place of a digit", nil, []string{"sha-1 0a:0a:0a:0a::a:0a:0a:0a::a" + sha1[29:]}, nil},
		{"something behind it", nil, []string{"sha-256 " + print256("41") + " x"}, nil},
	} {
		body := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
		for _, v := range c.session {
			body += "a=fingerprint:" + v + "\r\n"
		}
		body += "m=audio 4000 UDP/TLS/RTP/SAVP 0\r\n"
		for _, v := range c.media {
			body += "a=fingerprint:" + v + "\r\n"
		}
		got := mustParse(t, body).Fingerprints(0)
		if len(got) != len(c.want) {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %+v", c.name, got)
			}
		}
	}
}

// TestProtectDTLS: what the session says for all m-lines goes, and each m-line has its own; feedback goes where the profile has none.
func TestProtectDTLS(t *testing.T) {
	s := mustParse(t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=setup:actpass\r\na=fingerprint:sha-256 "+print256("41")+"\r\na=x\r\n"+
		"m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\na=rtcp-fb:0 nack\r\na=rtcp-rsize\r\na=tls-id:1\r\n")
	if s.Setup(0) != "actpass" || s.TLSID(0) != "1" {
		t.Errorf("setup %q, tls-id %q", s.Setup(0), s.TLSID(0))
	}
	got := string(s.Protect(nil, []Protection{{Proto: "RTP/AVP", Plain: true, Lines: []string{"setup:passive"}}}))
	if want := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=x\r\nm=audio 4000 RTP/AVP 0\r\na=setup:passive\r\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

func FuzzFingerprints(f *testing.F) {
	f.Add("sha-256 "+print256("41"), "actpass")
	f.Add("SHA-1 "+strings.TrimSuffix(strings.Repeat("0a:", 20), ":"), "holdconn")
	f.Add("sha-512 :::", "")
	f.Fuzz(func(t *testing.T, value, setup string) {
		s, err := Parse("v=0\r\na=fingerprint:" + value + "\r\na=setup:" + setup + "\r\nm=audio 1 RTP/SAVP 0\r\n")
		if err != nil || len(s.Media) == 0 {
			return
		}
		s.Setup(0)
		s.TLSID(0)
		list := s.Fingerprints(0)
		if len(list) > maxFingerprints {
			t.Fatalf("%d of them", len(list))
		}
		for _, got := range list {
			if again, _, ok := parseFingerprint(FormatFingerprint(got)); !ok || again != got {
				t.Fatalf("%+v becomes %+v", got, again)
			}
		}
	})
}
