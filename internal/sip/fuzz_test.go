package sip

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// addTorture seeds a fuzz target with the torture messages.
func addTorture(f *testing.F) {
	dir, cases := tortureCases(f)
	for _, c := range cases {
		for _, name := range []string{c.File, c.WireFile} {
			if name == "" {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte(inviteText))
	f.Add([]byte(responseText))
}

// FuzzParse: an accepted message writes and reads back as the same, a partial one can be answered, and no
// getter fails on what came in.
func FuzzParse(f *testing.F) {
	addTorture(f)
	src := netip.MustParseAddrPort("192.0.2.200:5062")
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data, nil)
		if m == nil {
			if err == nil {
				t.Fatal("neither message nor error")
			}
			return
		}
		if e, ok := err.(*SyntaxError); err != nil && (!ok || e.Offset < 0 || e.Offset > len(data)) {
			t.Fatalf("%v of %d octets", err, len(data))
		}
		fault := m.Validate()
		checkViews(t, m)
		m.SDP()
		m.Insists("application/sdp")
		for id := IDVia; id <= IDSessionID; id++ {
			for range m.Values(id) {
			}
		}
		if err == nil {
			checkRoundTrip(t, m)
		}
		if m.IsRequest() && fault == nil && err == nil {
			m.FixTopVia(src)
			checkViews(t, m)
			v, ok := m.TopVia()
			if r := v.Received(); !ok || r != "" && r != "192.0.2.200" || m.Validate() != nil {
				t.Fatalf("Via became %q", m.Get(IDVia))
			}
			res := NewResponse(m, 200, "")
			if len(res.Headers) < 5 {
				t.Fatal("the response lacks a header")
			}
			checkRoundTrip(t, res)
			res.SetToTag("t")
			checkViews(t, res)
		}
	})
}

// FuzzFrame: a stream gives the same messages in one piece and in small ones, and Parse finds no fault with
// the framing of what Frame cut.
func FuzzFrame(f *testing.F) {
	addTorture(f)
	f.Add([]byte("\r\n\r\n" + request("l: 0\n", "") + request("l: 2\n", "ab") + "\n"))
	lim := &Limits{MaxSize: 3000, MaxHeaderLine: 800}
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole, pieces []string
		var failed error
		for rest := data; ; {
			start, n, err := Frame(rest, lim)
			if failed = err; err != nil || n == 0 {
				break
			}
			msg := rest[start : start+n]
			whole = append(whole, string(msg))
			rest = rest[start+n:]
			checkFramed(t, msg)
		}
		var fr Framer
		from := 0
		for to := min(1, len(data)); ; to = min(to+1+to%7, len(data)) {
			for {
				start, n, err := fr.Next(data[from:to], lim)
				if err != nil || n == 0 {
					break
				}
				pieces = append(pieces, string(data[from+start:from+start+n]))
				from += start + n
			}
			if to == len(data) {
				break
			}
		}
		// A line above the limit is noticed only while its end has not come.
		long := slices.ContainsFunc(strings.Split(string(data), "\n"), func(s string) bool { return len(s) >= lim.MaxHeaderLine })
		if len(pieces) > len(whole) || !long && len(pieces) != len(whole) {
			t.Fatalf("%d messages in pieces, %d at once (%v)", len(pieces), len(whole), failed)
		}
		for i := range pieces {
			if pieces[i] != whole[i] {
				t.Fatalf("message %d: %q in pieces, %q at once", i, pieces[i], whole[i])
			}
		}
	})
}

func checkFramed(t *testing.T, msg []byte) {
	m, err := Parse(msg, nil)
	if err != nil {
		if e := err.(*SyntaxError); e.Header == "Content-Length" {
			t.Fatalf("framed, but %v: %q", err, msg)
		}
		return
	}
	if !m.Has(IDContentLength) || !strings.HasSuffix(string(msg), "\n"+m.Body) {
		t.Fatalf("the body is not the end of %q", msg)
	}
}

// FuzzURI: what is accepted holds nothing that breaks a line or a bracket, and writing it is a fixed point.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:alice@atlanta.com", "sips:a:b@h:5061;x=y;z?a=b", "sip:[2001:db8:::192.0.2.1]:5060", "tel:+1-201;ext=5", "sip:a;b?c@h", "x:y", "sip:h;;a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		out := u.String()
		again, err := ParseURI(out)
		if err != nil || again.String() != out || again.Host != u.Host || again.User != u.User || again.Port != u.Port {
			t.Fatalf("%q is written %q and read %+v, %v", s, out, again, err)
		}
		if strings.ContainsAny(out, "<>\"\r\n ") {
			t.Fatalf("%q is written %q", s, out)
		}
		u.Number()
		if e := EscapeUser(s); Unescape(e) != s {
			t.Fatalf("%q is escaped %q", s, e)
		}
	})
}

// FuzzAddress: what is accepted is written in a form that reads the same.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{`"A \"B\" C" <sip:a@h>;tag=1`, "sip:a@h;tag=1", "a b <tel:1>", `<sip:a@h;x=y?z>;q="1;2" ;r`, "<a", `"`, `\<a>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := ParseAddress(s); err == nil && !strings.ContainsAny(s, "\r\n") {
			again, err := ParseAddress(a.String())
			if err != nil || again != a {
				t.Fatalf("%q is read %q, written %q and read %q, %v", s, a, a.String(), again, err)
			}
			a.Tag()
		}
		var joined []string
		for rest, more := s, true; more; {
			var v string
			v, rest, more = cutList(rest)
			joined = append(joined, v)
		}
		if len(strings.Join(joined, ",")) > len(s) {
			t.Fatalf("%q is split into %q", s, joined)
		}
		if v, err := ParseVia(s); err == nil {
			if again, err := ParseVia(v.String()); err != nil || again != v {
				t.Fatalf("%q is written %q", s, v.String())
			}
		}
	})
}
