package sdp

import (
	"net/netip"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
)

// pionAccepts is the second opinion: what we write must be read by a strict reader.
func pionAccepts(t interface {
	Helper()
	Fatalf(string, ...any)
}, body string) {
	t.Helper()
	var d pion.SessionDescription
	if err := d.UnmarshalString(body); err != nil {
		t.Fatalf("a strict reader refuses what was written: %v\n%s", err, body)
	}
}

func TestRewrite(t *testing.T) {
	our, other := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:9::7")
	plain := func() *Rewrite { return ourRewrite() }
	for _, c := range []struct {
		name string
		in   string
		r    *Rewrite
		want string
	}{
		{"G.711 offer", g711Offer, plain(),
			crlf("v=0", "o=- 4711 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 0 8 101",
				"a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv")},
		{"codecs kept by name", g711Offer, &Rewrite{Address: our, SessionID: 1, Version: 2, UserName: "pool1", Codecs: []string{"pcma", "G722"}, Media: []MediaAddr{{Port: 40000}}},
			crlf("v=0", "o=pool1 1 2 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 8 101",
				"a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv")},
		{"no codec would be left", crlf("v=0", "m=audio 9 RTP/AVP 18 13 101", "a=rtpmap:101 telephone-event/8000", "m=video 9 RTP/AVP 31"),
			&Rewrite{Address: our, Codecs: []string{"PCMA"}, Media: []MediaAddr{{Port: 40000}, {Port: 40002}}},
			crlf("v=0", "o=- 0 0 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 18 13 101",
				"a=rtpmap:101 telephone-event/8000", "m=video 40002 RTP/AVP 31")},
		{"mappings of static types", crlf("v=0", "c=IN IP4 192.0.2.10", "m=audio 5000 RTP/AVP 0 8 11 10 18 96", "a=rtpmap:8 PCMA/8000/1"),
			&Rewrite{Address: our, Maps: true, Codecs: []string{"PCMU", "PCMA", "L16"}, Media: []MediaAddr{{Port: 40000}}},
			crlf("v=0", "o=- 0 0 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 0 8 11 10",
				"a=rtpmap:8 PCMA/8000/1", "a=rtpmap:0 PCMU/8000", "a=rtpmap:11 L16/44100", "a=rtpmap:10 L16/44100/2")},
		{"rejected, dropped and forgotten m-lines stay in place",
			crlf("v=0", "c=IN IP4 192.0.2.10", "m=audio 0 RTP/AVP 0", "a=x", "m=video 5000/2 RTP/AVP 31", "a=sendrecv", "m=audio 5002 RTP/AVP 8", "m=audio 0 RTP/AVP"),
			&Rewrite{Address: our, Media: []MediaAddr{{Port: 40000}, {Port: 40002, Drop: true}}},
			crlf("v=0", "o=- 0 0 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0",
				"m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=audio 0 RTP/AVP 8", "m=audio 0 RTP/AVP 0")},
		{"mixed families", crlf("v=0", "c=IN IP6 2001:db8::1", "m=audio 5000 RTP/AVP 0", "m=audio 5002 RTP/AVP 8", "c=IN IP4 192.0.2.10"),
			&Rewrite{Address: our, Media: []MediaAddr{{Port: 40000}, {Port: 40002, Addr: other}}},
			crlf("v=0", "o=- 0 0 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 0",
				"m=audio 40002 RTP/AVP 8", "c=IN IP6 2001:db8:9::7")},
		{"order and bandwidth", crlf("v=0", "a=recvonly", "m=audio 5000 RTP/AVP 0", "a=ptime:20", "b=AS:64.5", "b=TIAS:64000", "b=AS:x", "b=AS:1.2.3.4", "b=AS", "k=clear:x", "c=IN IP4 192.0.2.10", "i=x"),
			plain(), crlf("v=0", "o=- 4711 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 0", "b=AS:64", "b=TIAS:64000", "a=ptime:20", "a=recvonly")},
		{"rtcp is ours", crlf("v=0", "c=IN IP4 192.0.2.10", "m=audio 5000 RTP/AVP 0", "a=rtcp:5009 IN IP4 192.0.2.11", "a=rtcp-mux"),
			plain(), crlf("v=0", "o=- 4711 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 0", "a=rtcp:40001")},
		{"rtcp elsewhere, mux kept", crlf("v=0", "c=IN IP4 192.0.2.10", "m=audio 5000 RTP/AVP 0", "a=rtcp-mux"),
			&Rewrite{Address: our, Mux: true, Media: []MediaAddr{{Port: 40000, RTCPPort: 40000}}},
			crlf("v=0", "o=- 0 0 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 0", "a=rtcp-mux", "a=rtcp:40000")},
		{"rtcp dropped", crlf("v=0", "c=IN IP4 192.0.2.10", "m=audio 5000 RTP/AVP 0", "a=rtcp:5009"),
			&Rewrite{Address: our, Media: []MediaAddr{{Port: 40000}}},
			crlf("v=0", "o=- 0 0 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 40000 RTP/AVP 0")},
		{"no address is hold", crlf("v=0", "m=audio 5000 RTP/AVP 0"), &Rewrite{Media: []MediaAddr{{Port: 1, Direction: Inactive}}},
			crlf("v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=-", "c=IN IP4 0.0.0.0", "t=0 0", "m=audio 1 RTP/AVP 0", "a=inactive")},
		{"UserName that is not a word", crlf("v=0"), &Rewrite{Address: our, UserName: "a b\r\nc"},
			crlf("v=0", "o=- 0 0 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(mustParse(t, c.in).Rewrite([]byte("before:"), c.r))
			got, ok := strings.CutPrefix(got, "before:")
			if !ok || got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			pionAccepts(t, got)
		})
	}
}

func TestRewriteKeys(t *testing.T) {
	in := crlf("v=0", "c=IN IP4 192.0.2.10", "a=fingerprint:sha-256 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD",
		"m=audio 5000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:1", "a=setup:actpass",
		"a=x-vendorkeys:1 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")
	r := ourRewrite()
	r.Media[0].Proto = "RTP/AVP"
	got := string(mustParse(t, in).Rewrite(nil, r))
	if strings.Contains(got, "inline") || strings.Contains(got, "fingerprint") || strings.Contains(got, "setup") ||
		!strings.Contains(got, "m=audio 40000 RTP/AVP 0\r\n") {
		t.Errorf("keys left without KeepKeys, or protocol not replaced:\n%s", got)
	}
	r = ourRewrite()
	r.KeepKeys = true
	got = string(mustParse(t, in).Rewrite(nil, r))
	for line := range strings.SplitSeq(in, "\r\n") {
		if strings.HasPrefix(line, "a=") && !strings.Contains(got, line+"\r\n") {
			t.Errorf("with KeepKeys, %q is lost:\n%s", line, got)
		}
	}
	if !strings.Contains(got, "m=audio 40000 RTP/SAVP 0\r\n") {
		t.Errorf("protocol changed:\n%s", got)
	}
}

// TestRewriteAttributes has the fate of single attributes of an audio m-line.
func TestRewriteAttributes(t *testing.T) {
	const hidden, kept = false, true
	for line, want := range map[string]bool{
		"candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host": hidden,
		"ice-ufrag:8hhY":                         hidden,
		"ice-lite":                               hidden,
		"ICE-pwd:asd88fgpdd777uzjYhagZg":         hidden,
		"ice-options:trickle":                    hidden,
		"remote-candidates:1 10.0.1.1 8998":      hidden,
		"end-of-candidates":                      hidden,
		"x-candidate-ipv6:1 x":                   hidden,
		"rtcp:5001":                              hidden,
		"RTCP:5001 IN IP4 10.0.0.1":              hidden,
		"ssrc:1 cname:user@host":                 hidden,
		"ssrc-group:FID 1 2":                     hidden,
		"msid:a b":                               hidden,
		"cname:x":                                hidden,
		"group:BUNDLE 0 1":                       hidden,
		"tool:PBX 3":                             hidden,
		"path:msrp://x:1/y;tcp":                  hidden,
		"source-filter: incl IN IP4 * 10.0.0.1":  hidden,
		"crypto:1 AES inline:x":                  hidden,
		"Crypto:1 AES inline:x":                  hidden,
		"rtcp-mux":                               hidden,
		"":                                       hidden,
		":x":                                     hidden,
		"X-nat:10.0.0.1":                         hidden,
		"X-nat:(10.0.0.1)":                       hidden,
		"10.0.0.1":                               hidden,
		"X-nat:udp/fe80::1":                      hidden,
		"X-nat:2001:db8:1:2:3:4:5:6":             hidden,
		"X-nat:[2001:db8:1:2:3:4:5:6]:5060":      hidden,
		"bad:2001:db8:1:2:3:4:5:6":               hidden,
		"bad:2001:db8:1:2:3:4:5:6:5060":          hidden,
		"2001:db8:1:2:3:4:5:6":                   hidden,
		"fe80::1":                                hidden,
		"x::1":                                   hidden,
		"X-host:pbx.example.com:5060":            hidden,
		"X-user:joe@pbx":                         hidden,
		"fmtp:8 addr=10.0.0.1":                   hidden,
		"rtpmap:8 PCMA/8000":                     kept,
		"fmtp:8 x=1.5":                           kept,
		"fmtp:8 mode=a.b":                        kept,
		"label:pbx.corp.example":                 hidden,
		"extmap:1 http://www.example.com/x":      hidden,
		"extmap:1 urn:ietf:params:rtp-hdrext:x":  kept,
		"ptime:20":                               kept,
		"maxptime:150":                           kept,
		"silenceSupp:off - - - -":                kept,
		"X-flag":                                 kept,
		"x-bypassid:1AF53EC7-C5C2-4A1B-A5D5-2E0": hidden,
		"X-version:2.5":                          kept,
		"X-mac:00:11:22:33:44:55":                kept,
		"X-long-attribute-name-beyond-the-table": kept,
		"sqn: 0":                                 kept,
		"cdsc: 1 audio RTP/AVP 8":                kept,
		"label:10":                               kept,
		"mid:0":                                  kept,
		"rtcp-xr:rcvr-rtt=all":                   kept,
	} {
		for _, in := range []string{
			crlf("v=0", "c=IN IP4 192.0.2.10", "m=audio 5000 RTP/AVP 8", "a="+line),
			crlf("v=0", "c=IN IP4 192.0.2.10", "a="+line, "m=audio 5000 RTP/AVP 8"),
		} {
			out := string(mustParse(t, in).Rewrite(nil, ourRewrite()))
			if got := strings.Contains(out, "\r\na="+line+"\r\n"); got != want {
				t.Errorf("a=%s kept: %v, want %v", line, got, want)
			}
		}
	}
}

// TestRewriteHidesSession: none of the lines that describe the sender gets through.
func TestRewriteHidesSession(t *testing.T) {
	in := crlf("v=0", "o=secret 1 1 IN IP4 secret.example.com", "s=secret", "i=secret", "u=http://secret.example.com", "e=secret@example.com",
		"p=+49 secret", "c=IN IP4 secret.example.com", "b=secret:1.2.3", "t=0 0", "r=secret", "z=secret", "k=secret", "x=secret",
		"a=tool:secret", "m=audio 5000 RTP/AVP 8", "i=secret", "c=IN IP4 secret", "k=secret", "x=secret", "a=cname:secret")
	if out := string(mustParse(t, in).Rewrite(nil, ourRewrite())); strings.Contains(out, "secret") {
		t.Errorf("something got through:\n%s", out)
	}
}

func TestRefuse(t *testing.T) {
	offer := mustParse(t, crlf("v=0", "o=x 1 1 IN IP4 192.0.2.10", "s=x", "c=IN IP4 192.0.2.10", "t=0 0", "a=x",
		"m=audio 5000 RTP/AVP 8 0", "a=sendrecv", "m=image 5002 udptl t38"))
	got := string(Refuse(offer, nil, ourRewrite()))
	want := crlf("v=0", "o=- 4711 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 0 RTP/AVP 8 0", "m=image 0 udptl t38")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := AnswerFits(offer, mustParse(t, got)); err != nil {
		t.Error(err)
	}
}
