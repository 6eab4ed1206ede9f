package sdp

import (
	"net/netip"
	"strings"
	"testing"
)

// TestRFC8839_5: what counts of the lines of ICE.
func TestRFC8839_5(t *testing.T) {
	const pwd = "a=ice-pwd:0123456789+/abcdefghij\r\n"
	want := Candidate{1, 2130706431, netip.MustParseAddrPort("203.0.113.7:5000")}
	for _, c := range []struct {
		name, session, media string
		ok, lite             bool
		candidates           []Candidate
	}{
		{"host", "", "a=ice-ufrag:abcd\r\n" + pwd + "a=candidate:1 1 UDP 2130706431 203.0.113.7 5000 typ host\r\n", true, false, []Candidate{want}},
		{"of the session", "a=ice-lite\r\na=ice-ufrag:abcd\r\n" + pwd, "a=candidate:x/+ 1 udp 2130706431 203.0.113.7 5000 typ srflx raddr 10.0.0.1 rport 9\r\n", true, true, []Candidate{want}},
		{"IPv6", "", "a=ice-ufrag:abcd\r\n" + pwd + "a=candidate:1 2 UDP 1 2001:db8::1 5000 typ host generation 0\r\n", true, false, []Candidate{{2, 1, netip.MustParseAddrPort("[2001:db8::1]:5000")}}},
		{"no password", "", "a=ice-ufrag:abcd\r\n", false, false, nil},
		{"a short name", "", "a=ice-ufrag:abc\r\n" + pwd, false, false, nil},
		{"a long name", "", "a=ice-ufrag:" + strings.Repeat("a", 257) + "\r\n" + pwd, false, false, nil},
		{"a name with a colon", "", "a=ice-ufrag:ab:cd\r\n" + pwd, false, false, nil},
		{"candidates that are none", "", "a=ice-ufrag:abcd\r\n" + pwd + "a=candidate:1 1 TCP 1 203.0.113.7 9 typ host tcptype active\r\na=candidate:1 3 UDP 1 203.0.113.7 5000 typ host\r\n" +
			"a=candidate:1 1 UDP 1 x.local 5000 typ host\r\na=candidate:1 1 UDP 1 203.0.113.7 0 typ host\r\na=candidate:1 1 UDP 4294967296 203.0.113.7 5000 typ host\r\n" +
			"a=candidate:1 1 UDP 1 0.0.0.0 5000 typ host\r\na=candidate:1 1 UDP 1 239.0.0.1 5000 typ host\r\na=candidate:1 1 UDP 1 203.0.113.7 5000\r\na=candidate:\r\n", true, false, nil},
	} {
		s := mustParse(t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"+c.session+"m=audio 4000 RTP/AVP 0\r\n"+c.media)
		got, ok := s.ICE(0)
		if ok != c.ok || got.Lite != c.lite || len(got.Candidates) != len(c.candidates) {
			t.Errorf("%s: %+v %v", c.name, got, ok)
			continue
		}
		for i := range got.Candidates {
			if got.Candidates[i] != c.candidates[i] {
				t.Errorf("%s: %+v", c.name, got.Candidates[i])
			}
		}
	}
}

// TestRFC8839_4_2_5: the address of an m-line must be one of its candidates, where they are all known.
func TestRFC8839_4_2_5(t *testing.T) {
	const host, relayed, tcp, rtcp = "a=candidate:1 1 UDP 9 192.0.2.1 4000 typ host\r\n", "a=candidate:2 1 UDP 8 203.0.113.7 5000 typ relay\r\n",
		"a=candidate:3 1 TCP 7 192.0.2.1 9 typ host tcptype active\r\n", "a=candidate:1 2 UDP 9 198.51.100.9 6000 typ host\r\n"
	for _, c := range []struct {
		name, address, port, candidates string
		mismatch                        bool
	}{
		{"the first", "192.0.2.1", "4000", host + relayed, false},
		{"the last of many", "192.0.2.1", "4000", strings.Repeat(relayed, 2*maxCandidates) + host, false},
		{"another address", "198.51.100.9", "4000", host + relayed + tcp, true},
		{"another port", "192.0.2.1", "4002", host, true},
		{"of RTCP", "198.51.100.9", "6000", host + rtcp, true},
		{"none for RTP", "198.51.100.9", "6000", rtcp, false},
		{"none at all", "198.51.100.9", "6000", "", false},
		{"none yet, RFC 8840", "0.0.0.0", "9", host, false},
		{"by name", "198.51.100.9", "4000", host + "a=candidate:4 1 UDP 9 x.local 4000 typ host\r\n", false},
	} {
		s := mustParse(t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 "+c.address+"\r\nt=0 0\r\nm=audio "+c.port+" RTP/AVP 0\r\n"+
			"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789+/abcdefghij\r\n"+c.candidates)
		if got, ok := s.ICE(0); !ok || got.Mismatch != c.mismatch {
			t.Errorf("%s: %+v %v", c.name, got, ok)
		}
	}
}

// TestHostPriority is the example of RFC 8445 §5.1.2.1.
func TestHostPriority(t *testing.T) {
	if HostPriority(1) != 2130706431 || HostPriority(2) != 2130706430 {
		t.Error(HostPriority(1), HostPriority(2))
	}
}

// TestProtectICE: ICE of the peer goes from both levels, ours comes.
func TestProtectICE(t *testing.T) {
	s := mustParse(t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=ice-options:trickle\r\n"+
		"m=audio 4000 RTP/AVP 0\r\na=ice-ufrag:abcd\r\na=candidate:1 1 UDP 1 203.0.113.7 5000 typ host\r\na=ptime:20\r\n")
	got := string(s.Protect(nil, []Protection{{Lines: []string{"ice-ufrag:efgh"}}}, "ice-lite"))
	if want := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\nm=audio 4000 RTP/AVP 0\r\na=ptime:20\r\na=ice-ufrag:efgh\r\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

func FuzzICE(f *testing.F) {
	f.Add("abcd", "0123456789+/abcdefghij", "1 1 UDP 2130706431 203.0.113.7 5000 typ host")
	f.Add("", "", "1 2 udp 1 ::1 5000 typ srflx raddr 10.0.0.1 rport 9")
	f.Fuzz(func(t *testing.T, ufrag, pwd, candidate string) {
		s, err := Parse("v=0\r\na=ice-pwd:" + pwd + "\r\nm=audio 1 RTP/AVP 0\r\na=ice-ufrag:" + ufrag + "\r\na=candidate:" + candidate + "\r\n")
		if err != nil || len(s.Media) == 0 {
			return
		}
		ice, _ := s.ICE(0)
		if len(ice.Candidates) > maxCandidates || len(ice.Ufrag) > 256 {
			t.Fatalf("%+v", ice)
		}
		for _, c := range ice.Candidates {
			if again, ok := parseCandidate(FormatCandidate(c)); !ok || again != c || c.Component == 0 || c.Address.Port() == 0 {
				t.Fatalf("%+v becomes %+v", c, again)
			}
		}
	})
}
