package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// TestRFC8842_3_1: a call is joined with another one, into which a party goes over that has its keys by DTLS. A browser knows no names of associations and begins no new one: ICE begins anew, and our
// certificate is the same. So its keys go with it. Who answers with a name of its own, or with another certificate, begins another.
func TestRFC8842_3_1(t *testing.T) {
	browser := func(lines, ufrag string) string {
		return withProto(bodies[1], "UDP/TLS/RTP/SAVP", lines+"a=ice-ufrag:"+ufrag+"\r\na=ice-pwd:0123456789abcdefghijkl\r\na=rtcp-mux\r\na=mid:m0\r\n")
	}
	active := theirPrint + "a=setup:active\r\n"
	for name, c := range map[string]struct {
		first, then string
		goesOn      bool
	}{
		"a browser":           {active, active, true},
		"another certificate": {active, strings.Replace(active, "74:", "75:", 1), false},
		"by name":             {active + "a=tls-id:" + strings.Repeat("x", 20) + "\r\n", active + "a=tls-id:" + strings.Repeat("y", 20) + "\r\n", false},
		"we begin":            {theirPrint + "a=setup:passive\r\n", theirPrint + "a=setup:passive\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShardsOf(t, ", srtpMode: required, srtpKeying: dtls, ice: lite")
			one, two := s.callOf(0, bodies[0], browser(c.first, "aaaa")), s.callOf(1, bodies[0], browser(c.first, "bbbb"))
			of, stood := s.sessions[0].ID, s.sessions[0].Streams[0].Side[1].DTLS
			for list := s.in(s.uc, one.joins(&two)); len(list) > 0; list = list[1:] {
				if m := list[0]; bytes.HasPrefix(m, []byte("INVITE ")) {
					answer := browser(c.first, "bbbb")
					if header(m, "Call-ID") == one.b {
						answer = browser(c.then, "cccc")
					}
					list = append(list, s.in(s.pstn, response("200 OK", m, "", answer))...)
				}
			}
			now := s.sessions[1].Streams[0].Side[0].DTLS
			if now == nil || now.Association == stood.Association {
				t.Fatalf("the relay has %+v, had %+v", now, stood)
			}
			want := media.Shaken{Session: of, Side: 1, Association: stood.Association}
			if (now.Before != nil) != c.goesOn || c.goesOn && *now.Before != want {
				t.Errorf("what was before is %+v, want %+v", now.Before, want)
			}
		})
	}
}
