package b2bua

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

const audio = "v=0\r\no=directsip 42 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"

// RFC 3264 §8: the version rises by one with every changed description, and only then.
func TestRFC3264_8DescriptionAgain(t *testing.T) {
	held := strings.Replace(audio, "42 3", "42 4", 1) + "a=sendonly\r\n"
	same := strings.Replace(audio, "42 3", "42 4", 1)
	for _, c := range []struct{ name, body, shown, want string }{
		{"nothing was said meanwhile", audio, audio, audio},
		{"a refused hold came between", audio, held, strings.Replace(audio, "42 3", "42 5", 1)},
		{"the refused one said the same", audio, same, same},
		{"nothing stands", "", held, ""},
	} {
		d := description{body: c.body, shown: c.shown}
		if got := d.again(); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// RFC 4028 §7.4: a refresh differs in nothing but the version of o=.
func TestFingerprint(t *testing.T) {
	of := func(body string) uint64 {
		s, err := sdp.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		return fingerprint(s)
	}
	base := of(audio)
	for body, same := range map[string]bool{
		strings.Replace(audio, "42 3", "42 4", 1):   true,
		strings.Replace(audio, "42 3", "43 3", 1):   false,
		strings.Replace(audio, "20000", "20002", 1): false,
		audio + "a=sendonly\r\n":                    false,
		strings.ReplaceAll(audio, "\r\n", "\n"):     true,
	} {
		if (of(body) == base) != same {
			t.Errorf("same is %v for\n%s", !same, body)
		}
	}
}

// RFC 3326: the cause of the first Q.850 value counts.
func TestQ850(t *testing.T) {
	for value, want := range map[string]int{
		"Q.850;cause=17;text=\"User busy\"":          17,
		"q.850 ; cause=34":                           34,
		"SIP;cause=486, Q.850;cause=17":              17,
		"SIP;cause=200;text=\"completed elsewhere\"": 0,
		"Q.850;cause=banana":                         0,
		"Q.850;cause=999":                            0,
		"Q.850":                                      0,
		"":                                           0,
	} {
		m := &sip.Message{Status: 480}
		m.Add(sip.IDReason, value)
		if got := q850(m); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}

// RFC 3261 §19.3: tags are random, and long enough.
func TestRFC3261_19_3Token(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	seen := make(map[string]bool)
	for range 10000 {
		s := Token(r, 13)
		if len(s) != 13 || seen[s] || strings.Trim(s, tokenAlphabet) != "" {
			t.Fatalf("token %q", s)
		}
		seen[s] = true
	}
}
