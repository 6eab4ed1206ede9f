package sdp

import (
	"fmt"
	"testing"
)

// TestRFC8843_7_1_3: which m-lines have no transport of their own.
func TestRFC8843_7_1_3(t *testing.T) {
	const one, two = "a=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host\r\n", "a=candidate:1 1 udp 2122260223 192.0.2.1 5006 typ host\r\n"
	for _, c := range []struct {
		name, group, mids, ufrags string
		first, second             string
		bundled, only             bool
	}{
		{"a browser with max-bundle", "BUNDLE 0 1", "0 1", "aaaa aaaa", one, "", true, true},
		{"who says candidates everywhere", "BUNDLE 0 1", "0 1", "aaaa aaaa", one, one, true, true},
		{"a browser that leaves it to us", "BUNDLE 0 1", "0 1", "aaaa aaaa", one, two, true, false},
		{"candidates come later", "BUNDLE 0 1", "0 1", "aaaa aaaa", "", "", true, false},
		{"credentials of its own", "BUNDLE 0 1", "0 1", "aaaa bbbb", one, "", true, false},
		{"outside", "BUNDLE 0", "0 1", "aaaa aaaa", one, "", false, false},
		{"another group", "LS 0 1", "0 1", "aaaa aaaa", one, "", false, false},
		{"a part of the name", "BUNDLE 0 11", "0 1", "aaaa aaaa", one, "", false, false},
		{"in small letters", "bundle 0 1", "0 1", "aaaa aaaa", one, "", true, true},
		{"none", "", "0 1", "aaaa aaaa", one, "", false, false},
	} {
		var mids, ufrags [2]string
		_, _ = fmt.Sscan(c.mids, &mids[0], &mids[1])
		_, _ = fmt.Sscan(c.ufrags, &ufrags[0], &ufrags[1])
		body := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		if c.group != "" {
			body += "a=group:" + c.group + "\r\n"
		}
		for i, lines := range []string{c.first, c.second} {
			body += fmt.Sprintf("m=audio %d RTP/AVP 0\r\na=ice-ufrag:%s\r\na=ice-pwd:0123456789abcdefghijkl\r\na=mid:%s\r\n%s", 5000+i, ufrags[i], mids[i], lines)
		}
		s := mustParse(t, body)
		if s.Bundled(0, 1) != c.bundled || s.OnlyBundled(1) != c.only || s.OnlyBundled(0) {
			t.Errorf("%s: %v, %v, %v", c.name, s.Bundled(0, 1), s.OnlyBundled(1), s.OnlyBundled(0))
		}
	}
	if s := mustParse(t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE\r\nm=audio 5000 RTP/AVP 0\r\nm=audio 5000 RTP/AVP 0\r\n"); s.Bundled(0, 0) || s.Bundled(0, 1) {
		t.Error("m-lines without a name are in a group")
	}
}
