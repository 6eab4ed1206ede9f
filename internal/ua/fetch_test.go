package ua_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// anchoredAndBypassed are two calls of one who may transfer: the media of the first passes here, that of the second goes past us.
func anchoredAndBypassed(t *testing.T) (s *shards, one, two talk) {
	t.Helper()
	s = shardsOf(t, strings.Replace(placed, `"trunk:uc": {`, `"trunk:uc": {acceptRefer: true, `, 1))
	one = s.callOf(0, strings.ReplaceAll(bodies[0], "198.51.100.1", "203.0.113.9"), bodies[1]) // at home, for example
	two = s.callOf(1, bodies[0], bodies[1])
	if s.sessions[0] == nil || s.sessions[1] != nil {
		t.Fatalf("sessions %v", s.sessions)
	}
	return s, one, two
}

// TestBYP01AnchoredJoinsBypassed: an attended transfer (RFC 5589 §7) from a call whose media passes here to one whose media goes past us joins the two who stay in the call that has ports.
func TestBYP01AnchoredJoinsBypassed(t *testing.T) {
	s, one, two := anchoredAndBypassed(t)
	all := s.agree(s.in(s.uc, one.joins(&two)))
	if !slices.ContainsFunc(all, func(m []byte) bool {
		return bytes.HasPrefix(m, []byte("NOTIFY ")) && bytes.Contains(m, []byte("SIP/2.0 200"))
	}) {
		t.Fatalf("the referrer is told\n%s", bytes.Join(all, nil))
	}
	asked := map[string]bool{}
	for _, m := range all {
		if bytes.HasPrefix(m, []byte("INVITE ")) {
			if asked[header(m, "Call-ID")] = true; !bytes.Contains(m, []byte("c=IN IP4 192.0.2.10\r\n")) {
				t.Errorf("media is to go past us\n%s", m)
			}
		}
	}
	if !asked[one.b] || !asked[two.b] {
		t.Errorf("asked are %v", asked)
	}
	bye := s.in(s.pstn, s.fromCallee(&two, "BYE"))
	if got := header(s.pick(bye, "BYE"), "Call-ID"); got != one.b {
		t.Errorf("the other end is hung up on %q, want %q", got, one.b)
	}
	s.agree(bye)
	s.later(time.Minute)
	s.later(time.Minute)
	if slices.Sort(s.records); !slices.Equal(s.records, []string{"normal-clearing", "transferred"}) {
		t.Errorf("records %q", s.records)
	}
	for i, c := range s.cores {
		if c.Held() != 0 {
			t.Errorf("shard %d has %d calls", i, c.Held())
		}
	}
}

// TestBYP01AnchoredNotJoined: … and both calls stay as they are where one of the two does not want that, or is no more.
func TestBYP01AnchoredNotJoined(t *testing.T) {
	for _, refuses := range []int{0, 1} {
		s, one, two := anchoredAndBypassed(t)
		at := []string{two.b, one.b}[refuses]
		told := ""
		for list := s.in(s.uc, one.joins(&two)); len(list) > 0; list = list[1:] {
			m := list[0]
			switch {
			case bytes.HasPrefix(m, []byte("NOTIFY ")):
				told = string(m)
				list = append(list, s.in(s.uc, response("200 OK", m, "", ""))...)
			case bytes.HasPrefix(m, []byte("INVITE ")) && header(m, "Call-ID") == at:
				list = append(list, s.in(s.pstn, response("488 Not Acceptable Here", m, "", ""))...)
			case bytes.HasPrefix(m, []byte("INVITE ")):
				list = append(list, s.in(s.pstn, response("200 OK", m, "", bodies[1]))...)
			}
		}
		if !strings.Contains(told, "SIP/2.0 488") {
			t.Errorf("the referrer is told\n%s", told)
		}
		if len(s.records) > 0 {
			t.Errorf("records %q", s.records)
		}
		for _, c := range []*talk{&one, &two} {
			if got := header(s.pick(s.in(s.pstn, s.fromCallee(c, "BYE")), "BYE"), "Call-ID"); got != c.a {
				t.Errorf("hung up is %q, want %q", got, c.a)
			}
		}
	}
}
