package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustParse(t testing.TB, body string) *Session {
	t.Helper()
	s, err := Parse(body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return s
}

// crlf writes a body with the line ends of RFC 8866.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// TestParseOddBodies has what gateways send and a strict reader refuses. Every body is one audio stream of
// PCMA to 192.0.2.10:16384, or T.38, when it is read rightly.
func TestParseOddBodies(t *testing.T) {
	const v, o, s, c, tt = "v=0", "o=gw 1 1 IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0"
	const m, a = "m=audio 16384 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"
	for name, body := range map[string]string{
		"plain":                        crlf(v, o, s, c, tt, m, a),
		"unknown line type in session": crlf(v, o, s, "x=vendor", c, tt, m, a),
		"unknown line type in media":   crlf(v, o, s, c, tt, m, "y=1", a),
		"s= before o=":                 crlf(v, s, o, c, tt, m, a),
		"no s=":                        crlf(v, o, c, tt, m, a),
		"empty s=":                     crlf(v, o, "s=", c, tt, m, a),
		"no t=":                        crlf(v, o, s, c, m, a),
		"no s= and no t=":              crlf(v, o, c, m, a),
		"no o=":                        crlf(v, s, c, tt, m, a),
		"session a= before t=":         crlf(v, o, s, c, "a=X-nat:0", tt, m, a),
		"t= before c=":                 crlf(v, o, s, tt, c, m, a),
		"negative session id":          crlf(v, "o=gw -1804289383 -1 IN IP4 192.0.2.10", s, c, tt, m, a),
		"session id beyond 64 bits":    crlf(v, "o=gw 99999999999999999999999 1 IN IP4 192.0.2.10", s, c, tt, m, a),
		"session id with letters":      crlf(v, "o=gw 0x7f 1.5 IN IP4 192.0.2.10", s, c, tt, m, a),
		"user name with a blank":       crlf(v, "o=Front Desk 1 1 IN IP4 192.0.2.10", s, c, tt, m, a),
		"no user name":                 crlf(v, "o= 1 1 IN IP4 192.0.2.10", s, c, tt, m, a),
		"o= with too few fields":       crlf(v, "o=gw 1", s, c, tt, m, a),
		"fractional b=AS":              crlf(v, o, s, c, "b=AS:84.5", tt, m, "b=AS:64.0", a),
		"b= without number":            crlf(v, o, s, c, "b=AS", tt, m, a),
		"last line without CRLF":       strings.TrimSuffix(crlf(v, o, s, c, tt, m, a), "\r\n"),
		"bare LF":                      strings.ReplaceAll(crlf(v, o, s, c, tt, m, a), "\r", ""),
		"bare CR":                      strings.ReplaceAll(crlf(v, o, s, c, tt, m, a), "\n", ""),
		"mixed line ends":              v + "\n" + o + "\r\n" + s + "\r" + c + "\r\r\n" + tt + "\n\n" + m + "\n" + a,
		"blank lines":                  "\r\n" + crlf(v, o, "", s, c, "  ", tt, m, a, "", ""),
		"trailing blanks":              crlf(v+" ", o+" ", s, c+"  ", tt, m+" ", a+"\t"),
		"double blanks":                crlf(v, "o=gw  1  1 IN  IP4  192.0.2.10", s, "c=IN  IP4  192.0.2.10", tt, "m=audio  16384  RTP/AVP  8  101", a),
		"trailing zero bytes":          crlf(v, o, s, c, tt, m, a) + "\x00\x00",
		"c= at media level":            crlf(v, o, s, tt, m, c, a),
		"late c=":                      crlf(v, o, s, tt, m, a, "a=ptime:20", c),
		"c= with TTL":                  crlf(v, o, s, "c=IN IP4 192.0.2.10/127", tt, m, a),
		"c= with the wrong family":     crlf(v, o, s, "c=IN IP6 192.0.2.10", tt, m, a),
		"c= mapped":                    crlf(v, o, s, "c=IN IP6 ::ffff:192.0.2.10", tt, m, a),
		"c= without a family":          crlf(v, o, s, "c=192.0.2.10", tt, m, a),
		"two c= lines":                 crlf(v, o, s, c, "c=IN IP4 192.0.2.99", tt, m, a),
		"lower case protocol":          crlf(v, o, s, c, tt, "m=audio 16384 rtp/avp 8 101", a),
		"number of ports":              crlf(v, o, s, c, tt, "m=audio 16384/1 RTP/AVP 8 101", a),
		"unreadable rtpmap":            crlf(v, o, s, c, tt, m, "a=rtpmap:", "a=rtpmap:x", "a=rtpmap:300 A/1", "a=rtpmap:8", "a=rtpmap:8 /", a),
		"rtpmap of an unlisted type":   crlf(v, o, s, c, tt, m, "a=rtpmap:18 G729/8000", a),
		"blank behind rtpmap":          crlf(v, o, s, c, tt, m, "a=rtpmap: 8 PCMA/8000 ", a),
	} {
		t.Run(name, func(t *testing.T) {
			s := mustParse(t, body)
			if len(s.Media) != 1 {
				t.Fatalf("%d m-lines, want 1", len(s.Media))
			}
			m := &s.Media[0]
			got := fmt.Sprintf("%s %d %v %v", m.Kind, m.Port, m.Conn, m.Direction)
			if want := "audio 16384 192.0.2.10 sendrecv"; got != want {
				t.Errorf("read %q, want %q", got, want)
			}
			if c, ok := s.FirstAudioCodec(); !ok || c.Name != "PCMA" || c.Rate != 8000 || c.Channels != 1 {
				t.Errorf("first codec %+v", c)
			}
			out := string(s.Rewrite(nil, ourRewrite()))
			pionAccepts(t, out)
			if want := "m=audio 40000 "; !strings.Contains(out, want) {
				t.Errorf("rewritten without %q:\n%s", want, out)
			}
		})
	}
}

// TestRelayable: what needs a connection or a handshake between the peers cannot pass a relay of UDP that has parted them.
func TestRelayable(t *testing.T) {
	for proto, want := range map[string][2]bool{"RTP/AVP": {true, true}, "UDP/TLS/RTP/SAVPF": {true, true}, "udptl": {true, true}, "UDP/TLS/UDPTL": {false, true},
		"UDP/DTLS/SCTP": {false, true}, "TCP": {false, false}, "tcp/TLS/MSRP": {false, false}} {
		s := mustParse(t, crlf("v=0", "m=image 1 "+proto+" x", "m=audio 0 RTP/AVP 0"))
		for k, keysPass := range []bool{false, true} {
			if got := s.Media[0].Relayable(keysPass); got != want[k] || s.Unrelayable(keysPass, 1, 1) == got {
				t.Errorf("%s, keys pass %v: %v", proto, keysPass, got)
			}
		}
	}
	if mustParse(t, crlf("v=0", "m=image 0 TCP x")).Unrelayable(false, 1, 1) {
		t.Error("what is off cannot be relayed")
	}
}

func TestParseT38(t *testing.T) {
	for _, proto := range []string{"udptl", "UDPTL", "TCP"} {
		s := mustParse(t, crlf("v=0", "o=- 1 1 IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0",
			"m=image 4000 "+proto+" t38", "a=T38FaxVersion:0", "a=T38MaxBitRate:14400", "a=T38FaxUdpEC:t38UDPRedundancy"))
		m := &s.Media[0]
		if m.Kind != "image" || m.Port != 4000 || !slices.Equal(m.Formats, []string{"t38"}) || m.Codecs != nil || m.IsRTP() {
			t.Errorf("%s: read %+v", proto, m)
		}
		out := string(s.Rewrite(nil, ourRewrite()))
		for _, want := range []string{"m=image 40000 " + proto + " t38\r\n", "a=T38FaxUdpEC:t38UDPRedundancy\r\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: rewritten without %q:\n%s", proto, want, out)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	head := crlf("v=0", "o=- 1 1 IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0")
	for name, c := range map[string]struct {
		body string
		line int
		why  string
	}{
		"empty":                {"", 0, "empty"},
		"blank":                {"\r\n \r\n", 0, "empty"},
		"zero bytes only":      {"\x00\x00", 0, "empty"},
		"not SDP":              {"<xml/>", 1, "not a line"},
		"no v=":                {"o=- 1 1 IN IP4 192.0.2.10\r\n", 1, "v=0"},
		"v=1":                  {"v=1\r\n", 1, "v=0"},
		"blank before =":       {head + "a =x\r\n", 6, "not a line"},
		"one letter":           {head + "m", 6, "not a line"},
		"zero byte":            {head + "a=x\x00y\r\n", 6, "zero byte"},
		"empty m=":             {head + "m=\r\n", 6, "kind"},
		"odd kind":             {head + "m=192.0.2.1 1 RTP/AVP 0\r\n", 6, "kind"},
		"m= without port":      {head + "m=audio\r\n", 6, "port"},
		"m= port name":         {head + "m=audio x RTP/AVP 0\r\n", 6, "port"},
		"m= negative port":     {head + "m=audio -1 RTP/AVP 0\r\n", 6, "port"},
		"m= large port":        {head + "m=audio 65536 RTP/AVP 0\r\n", 6, "port"},
		"m= huge port":         {head + "m=audio 99999999999999999999 RTP/AVP 0\r\n", 6, "port"},
		"m= odd ports":         {head + "m=audio 1/x RTP/AVP 0\r\n", 6, "port"},
		"m= no ports":          {head + "m=audio 1/0 RTP/AVP 0\r\n", 6, "port"},
		"m= port with tail":    {head + "m=audio 1.5 RTP/AVP 0\r\n", 6, "port"},
		"m= without protocol":  {head + "m=audio 1\r\n", 6, "protocol"},
		"m= without format":    {head + "m=audio 1 RTP/AVP\r\n", 6, "without a format"},
		"address as a format":  {head + "m=audio 1 RTP/AVP 192.0.2.1\r\n", 6, "address"},
		"too many formats":     {head + "m=audio 1 RTP/AVP" + strings.Repeat(" 0", MaxFormats+1), 6, "formats"},
		"too many m-lines":     {head + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", MaxMedia+1), 6 + MaxMedia, "m-lines"},
		"too many lines":       {head + strings.Repeat("a=x\n", MaxLines-4), MaxLines + 1, "lines"},
		"too many bytes":       {head + strings.Repeat("a", MaxBody), 0, "bytes"},
		"second m= unreadable": {head + "m=audio 1 RTP/AVP 0\r\nm=video\r\n", 7, "port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.body)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("error %v, want a *SyntaxError", err)
			}
			if syntax.Line != c.line || !strings.Contains(syntax.Why, c.why) || len(syntax.Text) > 80 {
				t.Errorf("refused by %v, want line %d, reason with %q", syntax, c.line, c.why)
			}
		})
	}
	for err, want := range map[SyntaxError]string{
		{Line: 6, Text: "m=", Why: "x"}: `sdp: line 6: x: "m="`,
		{Why: "empty"}:                  "sdp: empty",
	} {
		if got := err.Error(); got != want {
			t.Errorf("error reads %q, want %q", got, want)
		}
	}
	largest := head + strings.Repeat("a=x\n", MaxLines-5)
	if s := mustParse(t, largest); len(s.lines) != MaxLines {
		t.Errorf("%d lines read, want %d", len(s.lines), MaxLines)
	}
}

// TestLinesAreSearchedOnce: however a body ends its lines, to cut them takes about as long as where each ends by LF. Where every line were searched to the end of the body, it would be a
// hundred times as long.
func TestLinesAreSearchedOnce(t *testing.T) {
	cut := func(body string) time.Duration {
		least := time.Hour
		for range 5 {
			c, lines, began := cutter{body: body, feed: -1}, 0, time.Now()
			for ; c.at < len(body); lines++ {
				c.next()
			}
			if least = min(least, time.Since(began)); lines < MaxBody/2 {
				t.Fatalf("%d lines of %d octets", lines, len(body))
			}
		}
		return least
	}
	plain := cut(strings.Repeat("\n", MaxBody))
	for name, body := range map[string]string{"CR": strings.Repeat("\r", MaxBody), "blank CR": strings.Repeat(" \r", MaxBody/2), "CR LF": strings.Repeat("\r\n", MaxBody/2),
		"CR, LF at the end": strings.Repeat("\r", MaxBody-1) + "\n"} {
		if took := cut(body); took > 50*plain {
			t.Errorf("%s: %v, and %v with LF", name, took, plain)
		}
	}
}

// TestRFC8866_5_TwoStreams reads a description in the form of the example of RFC 8866 §5.
func TestRFC8866_5_TwoStreams(t *testing.T) {
	s := mustParse(t, crlf("v=0", "o=alice 3724394400 3724394405 IN IP4 198.51.100.1", "s=Call to John", "i=An offer",
		"u=http://www.example.com/sdp", "e=alice@example.com", "p=+1 617 555-6011", "c=IN IP4 198.51.100.1", "t=0 0",
		"a=recvonly", "m=audio 49170 RTP/AVP 0", "m=audio 49180/2 RTP/AVP 0 97", "a=sendrecv",
		"m=video 51372 RTP/AVP 99", "c=IN IP6 2001:db8::2", "a=rtpmap:99 h263-1998/90000", "a=rtcp:53020 IN IP6 2001:db8::3"))
	if want := (Origin{"alice", "3724394400", "3724394405", "IN", "IP4", "198.51.100.1"}); s.Origin != want {
		t.Errorf("origin %+v", s.Origin)
	}
	if s.Conn != netip.MustParseAddr("198.51.100.1") || s.Direction != RecvOnly || len(s.Media) != 3 {
		t.Fatalf("session %v %v, %d m-lines", s.Conn, s.Direction, len(s.Media))
	}
	for i, want := range []string{
		"audio 49170/1 RTP/AVP 198.51.100.1 recvonly [{0 PCMU 8000 1 }] invalid AddrPort",
		"audio 49180/2 RTP/AVP 198.51.100.1 sendrecv [{0 PCMU 8000 1 } {97  0 1 }] invalid AddrPort",
		"video 51372/1 RTP/AVP 2001:db8::2 recvonly [{99 h263-1998 90000 1 }] [2001:db8::3]:53020",
	} {
		m := s.Media[i]
		got := fmt.Sprintf("%s %d/%d %s %v %v %v %v", m.Kind, m.Port, m.Ports, m.Proto, m.Conn, m.Direction, m.Codecs, m.RTCP)
		if got != want {
			t.Errorf("m-line %d\n got %s\nwant %s", i, got, want)
		}
	}
}

func TestParseAttributes(t *testing.T) {
	s := mustParse(t, crlf("v=0", "o=- 1 1 IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0",
		"a=fingerprint:sha-256 AB:CD", "m=audio 9 RTP/SAVP 111 18 97", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 useinbandfec=1; minptime=10",
		"a=fmtp:18 annexb=no", "a=fmtp:18 second", "a=rtpmap:97 x-unknown", "a=ptime:20.0", "a=rtcp-mux", "a=rtcp:10",
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc", "a=SendOnly", "a=recvonly"))
	m := &s.Media[0]
	if got, want := fmt.Sprint(m.Codecs), "[{111 opus 48000 2 useinbandfec=1; minptime=10} {18 G729 8000 1 annexb=no} {97 x-unknown 0 1 }]"; got != want {
		t.Errorf("codecs %s, want %s", got, want)
	}
	if !m.Crypto || !m.Fingerprint || !m.RTCPMux || !m.Secure() || m.Ptime != 20 || m.Direction != SendOnly ||
		m.RTCP != netip.MustParseAddrPort("192.0.2.10:10") {
		t.Errorf("m-line %+v", m)
	}
	var names []string
	for name, value := range s.Attributes(0) {
		if name == "crypto" {
			names = append(names, value)
		}
	}
	for name := range s.Attributes(-1) {
		names = append(names, name)
	}
	if want := []string{"1 AES_CM_128_HMAC_SHA1_80 inline:abc", "fingerprint"}; !slices.Equal(names, want) {
		t.Errorf("attributes %q, want %q", names, want)
	}
	lines := 0
	for typ, value := range s.Lines() {
		if lines++; lines == 3 && (typ != 's' || value != "-") {
			t.Errorf("third line %c=%s", typ, value)
		}
	}
	if lines != 18 {
		t.Errorf("%d lines, want 18", lines)
	}
}

// TestRFC3551_6_StaticTypes: payload types that need no rtpmap.
func TestRFC3551_6_StaticTypes(t *testing.T) {
	s := mustParse(t, crlf("v=0", "m=audio 9 RTP/AVP 0 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 25 26 28 31 32 33 34 96 8 200 x"))
	var got []string
	for _, c := range s.Media[0].Codecs {
		got = append(got, fmt.Sprintf("%d %s/%d/%d", c.PT, c.Name, c.Rate, c.Channels))
	}
	want := []string{"0 PCMU/8000/1", "2 G726-32/8000/1", "3 GSM/8000/1", "4 G723/8000/1", "5 DVI4/8000/1", "6 DVI4/16000/1",
		"7 LPC/8000/1", "8 PCMA/8000/1", "9 G722/8000/1", "10 L16/44100/2", "11 L16/44100/1", "12 QCELP/8000/1", "13 CN/8000/1",
		"14 MPA/90000/1", "15 G728/8000/1", "16 DVI4/11025/1", "17 DVI4/22050/1", "18 G729/8000/1", "25 CelB/90000/1",
		"26 JPEG/90000/1", "28 nv/90000/1", "31 H261/90000/1", "32 MPV/90000/1", "33 MP2T/90000/1", "34 H263/90000/1", "96 /0/1"}
	if !slices.Equal(got, want) {
		t.Errorf("codecs\n got %q\nwant %q", got, want)
	}
}

// TestRFC3264_8_4_Hold: what counts as held, and what is left of the direction.
func TestRFC3264_8_4_Hold(t *testing.T) {
	for _, c := range []struct {
		conn, session, media string
		want                 Direction
		held                 bool
	}{
		{"IP4 192.0.2.10", "", "", SendRecv, false},
		{"IP4 192.0.2.10", "", "a=recvonly", RecvOnly, false},
		{"IP4 192.0.2.10", "", "a=sendonly", SendOnly, true},
		{"IP4 192.0.2.10", "", "a=inactive", Inactive, true},
		{"IP4 192.0.2.10", "a=inactive", "", Inactive, true},
		{"IP4 192.0.2.10", "a=inactive", "a=sendrecv", SendRecv, false},
		{"IP4 0.0.0.0", "", "", SendOnly, true},
		{"IP4 0.0.0.0", "", "a=sendrecv", SendOnly, true},
		{"IP4 0.0.0.0", "", "a=sendonly", SendOnly, true},
		{"IP4 0.0.0.0", "", "a=recvonly", Inactive, true},
		{"IP4 0.0.0.0", "a=recvonly", "", Inactive, true},
		{"IP4 0.0.0.0", "", "a=inactive", Inactive, true},
		{"IP6 ::", "", "", SendOnly, true},
	} {
		lines := []string{"v=0", "c=IN " + c.conn}
		if c.session != "" {
			lines = append(lines, c.session)
		}
		lines = append(lines, "m=audio 9 RTP/AVP 8")
		if c.media != "" {
			lines = append(lines, c.media)
		}
		s := mustParse(t, crlf(lines...))
		if m := &s.Media[0]; m.Direction != c.want || m.Held() != c.held || s.Held() != c.held {
			t.Errorf("%+v: read %v, held %v %v", c, m.Direction, m.Held(), s.Held())
		}
		out := mustParse(t, string(s.Rewrite(nil, ourRewrite())))
		if m := &out.Media[0]; m.Direction != c.want || m.Conn != ourRewrite().Address {
			t.Errorf("%+v: rewritten as %v to %v", c, m.Direction, m.Conn)
		}
	}
	mixed := mustParse(t, crlf("v=0", "c=IN IP4 192.0.2.10", "m=audio 9 RTP/AVP 8", "a=inactive", "m=video 0 RTP/AVP 31", "m=audio 9 RTP/AVP 8"))
	if mixed.Held() {
		t.Error("a session with one live stream that is not held counts as held")
	}
	if mustParse(t, "v=0").Held() {
		t.Error("a session without streams counts as held")
	}
}

func TestConnName(t *testing.T) {
	s := mustParse(t, crlf("v=0", "c=IN IP4 media.example.com", "m=audio 9 RTP/AVP 8", "m=audio 9 RTP/AVP 8", "c=IN IP4 999.1.1.1",
		"m=audio 9 RTP/AVP 8", "c=IN IP6 fe80::1%eth0", "m=audio 9 RTP/AVP 8", "c="))
	for i, want := range []string{"media.example.com invalid IP", "999.1.1.1 invalid IP", " fe80::1", "media.example.com invalid IP"} {
		if got := s.Media[i].ConnName + " " + s.Media[i].Conn.String(); got != want {
			t.Errorf("m-line %d: %q, want %q", i, got, want)
		}
	}
}

func TestFirstAudioCodec(t *testing.T) {
	for body, want := range map[string]string{
		crlf("v=0", "m=audio 0 RTP/AVP 0", "m=audio 9 RTP/AVP 13 101 8", "a=rtpmap:101 telephone-event/8000"): "PCMA",
		crlf("v=0", "m=video 9 RTP/AVP 31"): "",
		crlf("v=0", "m=audio 9 RTP/AVP 13"): "",
		crlf("v=0"):                         "",
	} {
		c, ok := mustParse(t, body).FirstAudioCodec()
		if c.Name != want || ok != (want != "") {
			t.Errorf("%q: %+v %v, want %q", body, c, ok, want)
		}
	}
}

func TestDirections(t *testing.T) {
	for _, c := range []struct {
		offer, answer Direction
		ok            bool
	}{
		{SendRecv, SendRecv, true}, {SendRecv, SendOnly, true}, {SendRecv, RecvOnly, true}, {SendRecv, Inactive, true},
		{SendOnly, RecvOnly, true}, {SendOnly, Inactive, true}, {SendOnly, SendRecv, false}, {SendOnly, SendOnly, false},
		{RecvOnly, SendOnly, true}, {RecvOnly, SendRecv, false}, {RecvOnly, RecvOnly, false},
		{Inactive, Inactive, true}, {Inactive, SendRecv, false}, {Inactive, RecvOnly, false},
	} {
		if got := c.answer.Answers(c.offer); got != c.ok {
			t.Errorf("%v answers %v: %v, want %v", c.answer, c.offer, got, c.ok)
		}
	}
	for d := SendRecv; d <= Inactive; d++ {
		if r := d.Reverse(); r.Reverse() != d || r.Send() != d.Recv() || r.Recv() != d.Send() {
			t.Errorf("%v reversed is %v", d, r)
		}
	}
	if DirectionUnset.String() != "" || !DirectionUnset.Send() || !DirectionUnset.Recv() {
		t.Error("an unset direction is not sendrecv without a name")
	}
}
