package dialog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/directsip/directsip/internal/sip"
)

// read parses lines that are written with "|" between them.
func read(t testing.TB, lines string) *sip.Message {
	t.Helper()
	text := strings.ReplaceAll(lines, "|", "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
	m, err := sip.Parse([]byte(text), nil)
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return m
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

const (
	inviteLines = "INVITE sip:+15551234@b.example SIP/2.0|Via: SIP/2.0/TCP a.example;branch=z9hG4bK1|" +
		"From: \"A; B\" <sip:a@a.example;x=1>;tag=from1;y=2|To: sip:+15551234@b.example|Call-ID: c1|CSeq: 7 INVITE"
	okLines = "SIP/2.0 200 OK|Via: SIP/2.0/TCP a.example;branch=z9hG4bK1|" +
		"From: \"A; B\" <sip:a@a.example;x=1>;tag=from1|To: sip:+15551234@b.example;tag=to1|Call-ID: c1|CSeq: 7 INVITE"
	routeLines = "|Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>|Record-Route: <sip:p3.example;lr>"
)

func TestRFC3261_12_1_1_UAS(t *testing.T) {
	req := read(t, inviteLines+routeLines+"|Contact: \"A\" <sip:a@192.0.2.1:5070;transport=tcp?h=1>;q=1")
	d := NewUAS(req, "us")
	same(t, "Call-ID", d.CallID, "c1")
	same(t, "local tag", d.LocalTag, "us")
	same(t, "remote tag", d.RemoteTag, "from1")
	same(t, "local URI", d.LocalURI, "sip:+15551234@b.example")
	same(t, "remote URI", d.RemoteURI, "\"A; B\" <sip:a@a.example;x=1>")
	same(t, "remote target without headers", d.RemoteTarget, "sip:a@192.0.2.1:5070;transport=tcp")
	same(t, "remote sequence", d.RemoteSeq, 7)
	same(t, "local sequence is empty", d.LocalSeq, 0)
	same(t, "early", d.Confirmed || d.UAC, false)
	same(t, "routes in order", strings.Join(d.RouteSet, " "), "<sip:p1.example;lr> <sip:p2.example;lr> <sip:p3.example;lr>")

	d = NewUAS(read(t, strings.Replace(inviteLines, ";tag=from1", "", 1)), "us")
	same(t, "RFC 2543: no tag is the empty tag", d.RemoteTag, "")
	same(t, "no Contact: requests go to the URI", d.Request("BYE").URI, "sip:a@a.example;x=1")
	same(t, "To without tag", strings.Contains(d.Request("BYE").Get(sip.IDTo), "tag"), false)
}

func TestRFC3261_12_1_2_UAC(t *testing.T) {
	req := read(t, inviteLines)
	d := NewUAC(req, read(t, okLines+routeLines+"|Contact: <sip:b@192.0.2.2>"))
	same(t, "Call-ID", d.CallID, "c1")
	same(t, "local tag", d.LocalTag, "from1")
	same(t, "remote tag", d.RemoteTag, "to1")
	same(t, "local URI", d.LocalURI, "\"A; B\" <sip:a@a.example;x=1>")
	same(t, "remote URI", d.RemoteURI, "sip:+15551234@b.example")
	same(t, "remote target", d.RemoteTarget, "sip:b@192.0.2.2")
	same(t, "local sequence", d.LocalSeq, 7)
	same(t, "remote sequence is empty", d.RemoteSeq, 0)
	same(t, "confirmed", d.Confirmed && d.UAC, true)
	same(t, "routes reversed", strings.Join(d.RouteSet, " "), "<sip:p3.example;lr> <sip:p2.example;lr> <sip:p1.example;lr>")
	ringing := strings.Replace(okLines, "200 OK", "180 Ringing", 1)
	same(t, "18x makes an early one", NewUAC(req, read(t, ringing)).Confirmed, false)
}

func TestDialogOwnsItsStrings(t *testing.T) {
	req := read(t, inviteLines+routeLines+"|Contact: <sip:a@192.0.2.1>")
	d := NewUAS(req, "us")
	// The text of a parsed message is one string that begins with the method.
	text := uintptr(unsafe.Pointer(unsafe.StringData(req.Method)))
	for _, s := range append([]string{d.CallID, d.RemoteTag, d.LocalURI, d.RemoteURI, d.RemoteTarget}, d.RouteSet...) {
		at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		if at >= text && at < text+uintptr(len(req.String())) {
			t.Errorf("%q is a view of the datagram", s)
		}
	}
}

func TestRFC3261_12_2_1_1_Request(t *testing.T) {
	contact := "|Contact: <sip:b@192.0.2.2;x>"
	for _, row := range []struct {
		name, add string
		uri       string
		routes    string
		next      string
	}{
		{"no route", contact, "sip:b@192.0.2.2;x", "", "sip:b@192.0.2.2;x"},
		{"loose routing", contact + "|Record-Route: <sip:p2.example;lr>|Record-Route: <sip:p1.example;transport=tcp;LR=on>",
			"sip:b@192.0.2.2;x", "<sip:p1.example;transport=tcp;LR=on> <sip:p2.example;lr>", "sip:p1.example;transport=tcp;LR=on"},
		{"strict routing", contact + "|Record-Route: <sip:p2.example;lr>|Record-Route: <sip:p1.example;method=INVITE;x=1?h=2>",
			"sip:p1.example;x=1", "<sip:p2.example;lr> <sip:b@192.0.2.2;x>", "sip:p1.example;method=INVITE;x=1?h=2"},
		{"lr in the user or as header parameter is none", contact + "|Record-Route: <sip:lr@p1.example>;lr",
			"sip:lr@p1.example", "<sip:b@192.0.2.2;x>", "sip:lr@p1.example"},
		{"no Contact", "", "sip:+15551234@b.example", "", "sip:+15551234@b.example"},
		{"Contact *", "|Contact: *", "sip:+15551234@b.example", "", "sip:+15551234@b.example"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := NewUAC(read(t, inviteLines), read(t, okLines+row.add))
			m := d.Request("BYE")
			same(t, "Request-URI", m.URI, row.uri)
			same(t, "Route", strings.Join(slices.Collect(m.Values(sip.IDRoute)), " "), row.routes)
			same(t, "next hop", d.NextHopURI(), row.next)
			same(t, "From", m.Get(sip.IDFrom), "\"A; B\" <sip:a@a.example;x=1>;tag=from1")
			same(t, "To", m.Get(sip.IDTo), "sip:+15551234@b.example;tag=to1")
			same(t, "Call-ID", m.CallID(), "c1")
			same(t, "CSeq", m.Get(sip.IDCSeq), "8 BYE")
			same(t, "Max-Forwards", m.Get(sip.IDMaxForwards), "70")
			same(t, "Via and Contact are the leg's", m.Has(sip.IDVia) || m.Has(sip.IDContact), false)
			same(t, "the next number", d.Request("INFO").Get(sip.IDCSeq), "9 INFO")
			back, err := sip.Parse(m.Append(nil), nil)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "To tag on the wire", back.ToTag(), "to1")
		})
	}
	d := NewUAS(read(t, inviteLines), "us")
	same(t, "the UAS begins at 1", d.Request("BYE").Get(sip.IDCSeq), "1 BYE")
}

func TestRFC3261_13_2_2_4_ACK(t *testing.T) {
	d := NewUAC(read(t, inviteLines), read(t, okLines+"|Record-Route: <sip:p1.example;lr>|Contact: <sip:b@192.0.2.2>"))
	d.Request("INFO")
	m := d.Ack(7)
	same(t, "CSeq of the INVITE", m.Get(sip.IDCSeq), "7 ACK")
	same(t, "Method", m.Method, "ACK")
	same(t, "Request-URI", m.URI, "sip:b@192.0.2.2")
	same(t, "Route", m.Get(sip.IDRoute), "<sip:p1.example;lr>")
	same(t, "LocalSeq stays", d.LocalSeq, 8)
}

func TestRFC3261_12_2_Refresh(t *testing.T) {
	early := strings.Replace(okLines, "200 OK", "183 Session Progress", 1)
	first := "|Contact: <sip:b@192.0.2.2>|Record-Route: <sip:p1.example;lr>"
	for _, row := range []struct {
		name, lines    string
		early, moved   bool
		target, routes string
		confirmed      bool
	}{
		{"§13.2.2.4: the 2xx settles the route set", okLines + "|Contact: <sip:b@192.0.2.3>|Record-Route: <sip:p9.example;lr>", true, true,
			"sip:b@192.0.2.3", "<sip:p9.example;lr>", true},
		{"the 2xx without Record-Route", okLines + "|Contact: <sip:b@192.0.2.3>", true, true, "sip:b@192.0.2.3", "", true},
		{"a later 2xx leaves the route set", okLines + "|Contact: <sip:b@192.0.2.3>|Record-Route: <sip:p9.example;lr>", false, false,
			"sip:b@192.0.2.3", "<sip:p1.example;lr>", true},
		{"a 2xx without Contact leaves the target", okLines, false, false, "sip:b@192.0.2.2", "<sip:p1.example;lr>", true},
		{"a provisional response moves the target", early + "|Contact: <sip:b@192.0.2.4>", true, false, "sip:b@192.0.2.4", "<sip:p1.example;lr>", false},
		{"an error response does not", strings.Replace(okLines, "200 OK", "302 Moved", 1) + "|Contact: <sip:b@192.0.2.4>", false, false,
			"sip:b@192.0.2.2", "<sip:p1.example;lr>", true},
		{"UPDATE moves the target", "UPDATE sip:us SIP/2.0|CSeq: 9 UPDATE|Contact: <sip:b@192.0.2.5>", false, false, "sip:b@192.0.2.5", "<sip:p1.example;lr>", true},
		{"INFO does not", "INFO sip:us SIP/2.0|CSeq: 9 INFO|Contact: <sip:b@192.0.2.5>", false, false, "sip:b@192.0.2.2", "<sip:p1.example;lr>", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			lines := okLines
			if row.early {
				lines = early
			}
			d := NewUAC(read(t, inviteLines), read(t, lines+first))
			same(t, "moved", d.Refresh(read(t, row.lines)), row.moved)
			same(t, "target", d.RemoteTarget, row.target)
			same(t, "routes", strings.Join(d.RouteSet, " "), row.routes)
			same(t, "confirmed", d.Confirmed, row.confirmed)
		})
	}
	d := NewUAS(read(t, inviteLines+"|Contact: <sip:a@192.0.2.1>"), "us")
	same(t, "without routes the next hop moves", d.Refresh(read(t, "INVITE sip:us SIP/2.0|CSeq: 9 INVITE|Contact: <sip:a@192.0.2.9>")), true)
	same(t, "the UAS is not confirmed by it", d.Confirmed, false)
}

func TestRFC3261_12_2_2_Accept(t *testing.T) {
	in := func(method, seq, callID, from, to string) string {
		return fmt.Sprintf("%s sip:us SIP/2.0|From: <sip:b@b.example>;tag=%s|To: <sip:us>;tag=%s|Call-ID: %s|CSeq: %s %s",
			method, from, to, callID, seq, method)
	}
	for _, row := range []struct {
		name, lines string
		want        Verdict
		seq         uint32
	}{
		{"next number", in("INFO", "11", "c1", "to1", "from1"), OK, 11},
		{"a gap is no error", in("INFO", "999", "c1", "to1", "from1"), OK, 999},
		{"lower", in("INFO", "9", "c1", "to1", "from1"), Late, 10},
		{"the same number again", in("BYE", "10", "c1", "to1", "from1"), OK, 10},
		{"ACK moves nothing", in("ACK", "12", "c1", "to1", "from1"), OK, 10},
		{"ACK of an earlier INVITE", in("ACK", "3", "c1", "to1", "from1"), OK, 10},
		{"CANCEL moves nothing", in("CANCEL", "12", "c1", "to1", "from1"), OK, 10},
		{"other Call-ID", in("INFO", "11", "c2", "to1", "from1"), Stray, 10},
		{"other local tag", in("INFO", "11", "c1", "to1", "x"), Stray, 10},
		{"other remote tag", in("INFO", "11", "c1", "x", "from1"), Stray, 10},
		{"tags exchanged", in("INFO", "11", "c1", "from1", "to1"), Stray, 10},
		{"tags differ by case", in("INFO", "11", "c1", "TO1", "from1"), Stray, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := NewUAC(read(t, inviteLines), read(t, okLines))
			d.RemoteSeq = 10
			m := read(t, row.lines)
			same(t, "matches", d.Matches(m), row.want != Stray)
			same(t, "verdict", d.Accept(m), row.want)
			same(t, "remote sequence", d.RemoteSeq, row.seq)
		})
	}
	d := NewUAC(read(t, inviteLines), read(t, okLines))
	same(t, "the first number may be any", d.Accept(read(t, in("BYE", "0", "c1", "to1", "from1"))), OK)
	same(t, "a response of the dialog", d.Matches(read(t, okLines)), true)
	same(t, "a response of another fork", d.Matches(read(t, strings.Replace(okLines, "to1", "to2", 1))), false)
}

func BenchmarkNewUAC(b *testing.B) {
	req, resp := read(b, inviteLines), read(b, okLines+routeLines+"|Contact: <sip:b@192.0.2.2>")
	b.ReportAllocs()
	for b.Loop() {
		if d := NewUAC(req, resp); d.RemoteTag == "" {
			b.Fatal("no tag")
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	d := NewUAC(read(b, inviteLines), read(b, okLines+routeLines+"|Contact: <sip:b@192.0.2.2>"))
	b.ReportAllocs()
	for b.Loop() {
		if m := d.Request("BYE"); m.URI == "" {
			b.Fatal("no URI")
		}
	}
}

func BenchmarkAccept(b *testing.B) {
	d := NewUAC(read(b, inviteLines), read(b, okLines))
	m := read(b, "BYE sip:us SIP/2.0|From: <sip:b@b.example>;tag=to1|To: <sip:us>;tag=from1|Call-ID: c1|CSeq: 1 BYE")
	b.ReportAllocs()
	for b.Loop() {
		if d.Accept(m) != OK {
			b.Fatal("not accepted")
		}
	}
}
