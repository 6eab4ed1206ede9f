package sip

import (
	"slices"
	"strings"
	"testing"
)

func TestRFC3261_8_2_6_Response(t *testing.T) {
	req := mustParse(t, crlf(`INVITE sip:a@example.com SIP/2.0
To: <sip:a@example.com>
v: SIP/2.0/UDP one.example;branch=z9hG4bK1, SIP/2.0/UDP two.example;branch=z9hG4bK2
Timestamp: 54.1
From: <sip:b@example.com>;tag=1
Via: SIP/2.0/UDP three.example;branch=z9hG4bK3
Call-ID: c1
CSeq: 1 INVITE
Subject: not copied
Record-Route: <sip:p1.example;lr>

`))
	trying := NewResponse(req, 100, "")
	want := crlf(`SIP/2.0 100 Trying
v: SIP/2.0/UDP one.example;branch=z9hG4bK1, SIP/2.0/UDP two.example;branch=z9hG4bK2
Via: SIP/2.0/UDP three.example;branch=z9hG4bK3
From: <sip:b@example.com>;tag=1
To: <sip:a@example.com>
Call-ID: c1
CSeq: 1 INVITE
Timestamp: 54.1
Content-Length: 0

`)
	if got := string(trying.Append(nil)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	busy := NewResponse(req, 486, "Besetzt")
	if busy.Has(IDTimestamp) || busy.StartLine() != "SIP/2.0 486 Besetzt" {
		t.Error(busy)
	}
	busy.SetToTag("t1")
	busy.SetToTag("t2")
	if busy.Get(IDTo) != "<sip:a@example.com>;tag=t1" || busy.ToTag() != "t1" {
		t.Error(busy.Get(IDTo))
	}
	if req.ToTag() != "" || trying.ToTag() != "" {
		t.Error("the tag came into another message")
	}
}

func TestBuildRequest(t *testing.T) {
	m := NewRequest("INVITE", "sip:a@example.com")
	m.Add(IDRoute, "<sip:p2.example;lr>")
	m.AddFirst(IDRoute, "<sip:p1.example;lr>")
	m.AddFirst(IDVia, "SIP/2.0/TCP h;branch=z9hG4bK1")
	m.Add(IDMaxForwards, "70")
	m.AddName("x-own", "1")
	m.AddName("content-length", "99")
	m.Add(IDContentLength, "7")
	m.Set(IDMaxForwards, "69")
	m.Set(IDSubject, "s")
	m.SetBody("application/sdp", "v=0\r\n")
	want := crlf(`INVITE sip:a@example.com SIP/2.0
Via: SIP/2.0/TCP h;branch=z9hG4bK1
Route: <sip:p1.example;lr>
Route: <sip:p2.example;lr>
Max-Forwards: 69
x-own: 1
Subject: s
Content-Type: application/sdp
Content-Length: 5

v=0
`)
	if got := string(m.Append([]byte("before"))); got != "before"+want || m.String() != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	m.Set(IDRoute, "<sip:p3.example;lr>")
	if got := slices.Collect(m.Values(IDRoute)); !slices.Equal(got, []string{"<sip:p3.example;lr>"}) || m.Headers[1].ID != IDRoute {
		t.Errorf("%q", got)
	}
	m.Del(IDRoute)
	m.SetBody("", "")
	if m.Has(IDRoute) || m.Has(IDContentType) || m.Body != "" {
		t.Error("Del or SetBody left something")
	}
	c := m.Clone()
	c.Set(IDSubject, "other")
	if m.Get(IDSubject) != "s" {
		t.Error("a clone shares its headers")
	}
}

// TestNoInjection gives CR and LF to every way in; the only empty line is the one before the body.
func TestNoInjection(t *testing.T) {
	const evil = "x\r\nInjected: 1\r\n\r\nbody\r"
	m := NewRequest("INVITE", "sip:a@h"+evil)
	m.Add(IDSubject, evil)
	m.Set(IDServer, evil)
	m.AddName("X-Own", evil)
	m.AddName("X-Bad\r\nInjected", "1")
	m.AddName("", "1")
	m.AddFirst(IDVia, evil)
	m.Set(IDTo, "<sip:a@h>")
	m.SetToTag("t" + evil)
	m.SetBody("text/plain"+evil, "b\r\n\r\nc")
	m.Headers = append(m.Headers, Header{Name: "X-Direct", Value: evil}, Header{Name: "X\r\nInjected", Value: "\n"}, Header{ID: IDSubject, Value: "\r"})
	res := NewResponse(m, 400, "why"+evil)
	for _, out := range []string{m.String(), res.String()} {
		head, body, ok := strings.Cut(out, "\r\n\r\n")
		if !ok || strings.Contains(head, "\nInjected") || strings.Count(head, "\n") != strings.Count(head, "\r\n") || strings.Count(head, "\r") != strings.Count(head, "\r\n") {
			t.Errorf("%q", out)
		}
		if body != "" && body != "b\r\n\r\nc" {
			t.Errorf("body %q", body)
		}
	}
	if strings.Count(m.String(), "\r\n") != len(m.Headers)+1+2+2 {
		t.Errorf("%q", m.String())
	}
}

func TestRFC3261_21_Phrase(t *testing.T) {
	for status, want := range map[int]string{100: "Trying", 180: "Ringing", 200: "OK", 481: "Call/Transaction Does Not Exist", 488: "Not Acceptable Here",
		603: "Decline", 199: "Early Dialog Terminated", 110: "Session Progress", 299: "OK", 399: "Redirected", 499: "Request Failure", 599: "Server Failure", 699: "Global Failure"} {
		if got := Phrase(status); got != want {
			t.Errorf("%d is %q, want %q", status, got, want)
		}
	}
}
