package sdp

import (
	"strings"
	"testing"
)

const rfc4568Key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" // of RFC 4568 §5.1.1

func TestRFC4568_9_1(t *testing.T) {
	for _, c := range []struct {
		value    string
		ok       bool
		keys     int
		mki      string
		declined bool
	}{
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key, true, 1, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|2^20|1:4", true, 1, "\x00\x00\x00\x01", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|1:1", true, 1, "\x01", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|1048576", true, 1, "", false},
		{"  7  X   inline:AAAA  ", true, 1, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|2^20|1:4;inline:" + rfc4568Key + "|2^20|2:4", true, 2, "\x00\x00\x00\x01", false},
		{"2 AEAD_AES_128_GCM inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYg==", true, 1, "", false},
		{"2 AEAD_AES_128_GCM inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYg", true, 1, "", false}, // some leave the padding out
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + " WSH=64 KDR=0 -X", true, 1, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + " UNENCRYPTED_SRTCP", true, 1, "", true},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + " KDR=1", true, 1, "", true},
		{"", false, 0, "", false},
		{"x AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key, false, 0, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80", false, 0, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 outline:" + rfc4568Key, false, 0, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:!", false, 0, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|x", false, 0, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|1:0", false, 0, "", false},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|256:1", false, 0, "", false}, // does not fit
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|1:129", false, 0, "", false},
		{"1 X " + strings.Repeat("inline:AAAA;", 9), false, 0, "", false},
	} {
		got, ok := ParseCrypto(c.value)
		if ok != c.ok || len(got.Keys) != c.keys || got.Declined != c.declined || ok && got.Keys[0].MKI != c.mki {
			t.Errorf("%q: %+v %v", c.value, got, ok)
		}
	}
}

// TestProtect changes the profile and the keys of m-lines, and nothing else.
func TestProtect(t *testing.T) {
	const body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=crypto:9 of the session\r\n" +
		"m=audio  4000/2 RTP/SAVP  0 8\r\na=crypto:1 A inline:AAAA\r\na=ptime:20\r\na=crypto:2 B inline:BBBB\r\n" +
		"m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\n" + "m=video 4004 RTP/SAVP 96\r\na=crypto:1 A inline:AAAA\r\n"
	s := mustParse(t, body)
	got := string(s.Protect(nil, []Protection{{Proto: "RTP/AVP", Crypto: []string{"2 B inline:BBBB"}}, {}}))
	want := strings.Replace(body, "m=audio  4000/2 RTP/SAVP  0 8\r\na=crypto:1 A inline:AAAA\r\na=ptime:20\r\na=crypto:2 B inline:BBBB\r\n",
		"m=audio 4000/2 RTP/AVP 0 8\r\na=ptime:20\r\na=crypto:2 B inline:BBBB\r\n", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again := string(s.Protect(nil, nil)); again != body {
		t.Errorf("changed\n%s", again)
	}
}

func FuzzParseCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:" + rfc4568Key + "|2^20|1:4;inline:" + rfc4568Key + "|2^20|2:4 WSH=64")
	f.Add("2 AEAD_AES_128_GCM inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYg==|18446744073709551615:8")
	f.Fuzz(func(t *testing.T, value string) {
		c, ok := ParseCrypto(value)
		if !ok {
			return
		}
		if len(c.Keys) == 0 || len(c.Keys) > maxKeys || c.Suite == "" {
			t.Fatalf("%+v", c)
		}
		for _, k := range c.Keys {
			if len(k.MKI) > maxMKI {
				t.Fatalf("%+v", k)
			}
		}
		again, ok := ParseCrypto(FormatCrypto(c.Tag, c.Suite, c.Keys[0].Material))
		if !ok || again.Keys[0].Material != c.Keys[0].Material || again.Tag != c.Tag || again.Suite != c.Suite {
			t.Fatalf("%+v becomes %+v", c, again)
		}
	})
}
