package sip

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// request is an OPTIONS with extra header lines and a body behind the mandatory headers.
func request(extra, body string) string {
	return crlf("OPTIONS sip:a@example.com SIP/2.0\n"+
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\n"+
		"From: <sip:b@example.com>;tag=1\n"+
		"To: <sip:a@example.com>\n"+
		"Call-ID: c1\n"+
		"CSeq: 1 OPTIONS\n"+
		extra+"\n") + body
}

func TestRFC3261_7_1_RequestLine(t *testing.T) {
	for _, c := range []struct {
		line   string
		why    string // of Parse, "" when it takes the line
		status int    // of Validate
	}{
		{"OPTIONS sip:a@example.com SIP/2.0", "", 0},
		{"OPTIONS sip:a@example.com sip/2.0", "", 0},
		{"OPTIONS sip:a@example.com SIP/2.0  ", "", 0},
		{"OPTIONS tel:+49301 SIP/2.0", "", 0},
		{"OPTIONS unknown:x SIP/2.0", "", 0},
		{"OPTIONS sip:a@example.com SIP/3.0", "", 505},
		{"OPTIONS sip:a@example.com SIP/2.01", "", 505},
		{"OPTIONS sip:a@example.com SIP/2", "start line has no SIP version", 0},
		{"OPTIONS sip:a@example.com HTTP/1.1", "start line has no SIP version", 0},
		{"OPTIONS sip:a@example.com", "start line is not method, URI and version", 0},
		{"OPTIONS", "start line is not method, URI and version", 0},
		{"OPT(IONS sip:a@example.com SIP/2.0", "method is not a token", 0},
		{" OPTIONS sip:a@example.com SIP/2.0", "method is not a token", 0},
		{"OPTIONS\tsip:a@example.com SIP/2.0", "start line is not method, URI and version", 0},
		{"OPTIONS  SIP/2.0", "", 400},
		{"OPTIONS  sip:a@example.com SIP/2.0", "", 400},
		{"OPTIONS sip:a@example.com  SIP/2.0", "", 400},
		{"OPTIONS sip:a@example.com;x y SIP/2.0", "", 400},
		{"OPTIONS <sip:a@example.com> SIP/2.0", "", 400},
		{"OPTIONS sip:a@example.com?Route=x SIP/2.0", "", 400},
		{"OPTIONS sip:2001:db8::1 SIP/2.0", "", 400},
		{"OPTIONS sip: SIP/2.0", "", 400},
		{"OPTIONS example.com SIP/2.0", "", 400},
	} {
		text := strings.Replace(request("", ""), "OPTIONS sip:a@example.com SIP/2.0", c.line, 1)
		m, err := Parse([]byte(text), nil)
		if c.why != "" {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Why != c.why || m != nil {
				t.Errorf("%q: message %v, error %v; want %s", c.line, m != nil, err, c.why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
		} else if f := m.Validate(); (f == nil) != (c.status == 0) || f != nil && f.Status != c.status {
			t.Errorf("%q: fault %+v, want %d", c.line, f, c.status)
		}
	}
}

func TestRFC3261_7_2_StatusLine(t *testing.T) {
	for _, c := range []struct {
		line   string
		status int // 0 when it is no status line
		reason string
	}{
		{"SIP/2.0 200 OK", 200, "OK"},
		{"SIP/2.0 100 ", 100, ""},
		{"SIP/2.0 100", 100, ""},
		{"SIP/2.0 486 Besetzt, später = 2**3", 486, "Besetzt, später = 2**3"},
		{"SIP/2.0 699 x", 699, "x"},
		{"SIP/2.0 700 x", 0, ""},
		{"SIP/2.0 099 x", 0, ""},
		{"SIP/2.0 20 x", 0, ""},
		{"SIP/2.0 2000 x", 0, ""},
		{"SIP/2.0  200 OK", 0, ""},
		{"SIP/2.0 2x0 OK", 0, ""},
		{"SIP/x 200 OK", 0, ""},
	} {
		text := strings.Replace(request("", ""), "OPTIONS sip:a@example.com SIP/2.0", c.line, 1)
		m, err := Parse([]byte(text), nil)
		if c.status == 0 {
			if err == nil || m != nil {
				t.Errorf("%q was taken", c.line)
			}
			continue
		}
		if err != nil || m.Status != c.status || m.Reason != c.reason || m.IsRequest() || m.Validate() != nil {
			t.Errorf("%q: %+v, %v", c.line, m, err)
		}
	}
}

func TestRFC3261_7_3_1_HeaderLines(t *testing.T) {
	for _, c := range []struct{ line, name, value string }{
		{"Subject: x", "Subject", "x"},
		{"Subject:x", "Subject", "x"},
		{"Subject \t :   x \t", "Subject", "x"},
		{"s:", "s", ""},
		{"Subject: a\n b", "Subject", "a b"},
		{"Subject: a  \n\t\t b\n \n c", "Subject", "a b c"},
		{"Subject:\n a", "Subject", "a"},
		{"Subject\n : a", "Subject", "a"},
		{"Subject: a\n  ", "Subject", "a"},
		{"X-%*: :;,", "X-%*", ":;,"},
		{"Subject: a\n b", "Subject", "a b"},
	} {
		m, err := Parse([]byte(request(c.line+"\n", "")), nil)
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
			continue
		}
		if h := m.Headers[len(m.Headers)-1]; h.Name != c.name || h.Value != c.value {
			t.Errorf("%q: %q %q", c.line, h.Name, h.Value)
		}
	}
}

func TestRFC3261_18_3_ContentLength(t *testing.T) {
	for _, c := range []struct{ headers, body, want, why string }{
		{"Content-Length: 3\n", "abcdef", "abc", ""},
		{"l:3\n", "abc", "abc", ""},
		{"Content-Length: 0003\n", "abc", "abc", ""},
		{"Content-Length\n :\n 3\n", "abc", "abc", ""},
		{"", "to the end\x00\r\n", "to the end\x00\r\n", ""},
		{"Content-Length: 3\nl: 3\n", "abc", "abc", ""},
		{"Content-Length: 0\n", "abc", "", ""},
		{"Content-Length: 4\n", "abc", "", "body is shorter than Content-Length"},
		{"Content-Length: 3\nl: 2\n", "abc", "", whyLengths},
		{"Content-Length: -1\n", "abc", "", whyLength},
		{"Content-Length: +3\n", "abc", "", whyLength},
		{"Content-Length: 3, 3\n", "abc", "", whyLength},
		{"Content-Length: 0x3\n", "abc", "", whyLength},
		{"Content-Length:\n", "abc", "", whyLength},
		{"Content-Length: 1\n 2\n", "abcdefghijklm", "", whyLength},
		{"Content-Length: 99999999999999999999999\n", "abc", "", whyLength},
	} {
		text := request(c.headers, c.body)
		m, err := Parse([]byte(text), nil)
		_, n, ferr := Frame([]byte(text), nil)
		if c.why == "" {
			if err != nil || m.Body != c.want {
				t.Errorf("%q: body %q, %v", c.headers, m.Body, err)
			}
			if c.headers != "" && (ferr != nil || text[:n] != text[:len(text)-len(c.body)+len(c.want)]) {
				t.Errorf("%q: stream: %d octets, %v", c.headers, n, ferr)
			}
			continue
		}
		var e *SyntaxError
		if !errors.As(err, &e) || e.Why != c.why || e.Header != "Content-Length" {
			t.Errorf("%q: %v, want %s", c.headers, err, c.why)
		}
		if m == nil || NewResponse(m, 400, "").Validate() != nil {
			t.Errorf("%q: no 400 can be built", c.headers)
		}
		if whole := c.why[0] == 'C'; whole && ferr == nil || n != 0 {
			t.Errorf("%q: stream: %d octets, %v", c.headers, n, ferr)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		lim        *Limits
		partial    bool
	}{
		{"nothing", "", nil, false},
		{"keep-alive", "\r\n\r\n", nil, false},
		{"noise", "\x16\x03\x01\x02\x00\x01", nil, false},
		{"line without colon", request("Subject\n", ""), nil, true},
		{"line without name", request(": x\n", ""), nil, true},
		{"name with blank", request("Sub ject: x\n", ""), nil, true},
		{"name in UTF-8", request("Größe: x\n", ""), nil, true},
		{"carriage return in a value", request("Subject: a\rVia: b\n", ""), nil, true},
		{"two carriage returns", request("Subject: a\r\n", ""), nil, true},
		{"start line folded", "OPTIONS sip:a@b SIP/2.0\r\n x\r\nVia: x\r\n\r\n", nil, false},
		{"cut in a line", strings.TrimSuffix(request("Subject: a\n", ""), "\r\n\r\n"), nil, true},
		{"response with bad header", strings.Replace(request("Subject\n", ""), "OPTIONS sip:a@example.com SIP/2.0", "SIP/2.0 200 OK", 1), nil, false},
		{"whole too large", request("", "12345678901"), &Limits{MaxSize: 150}, false},
		{"too many headers", request(strings.Repeat("X: 1\n", 6), ""), &Limits{MaxHeaders: 10}, true},
		{"header too long", request("X: "+strings.Repeat("x", 98)+"\n", ""), &Limits{MaxHeaderLine: 100}, true},
		{"folds too long", request("X: "+strings.Repeat("x\n ", 30)+"\n", ""), &Limits{MaxHeaderLine: 100}, true},
		{"start line too long", request("", ""), &Limits{MaxHeaderLine: 20}, false},
		{"default header count", request(strings.Repeat("X: 1\n", 156), ""), nil, true},
	} {
		m, err := Parse([]byte(c.text), c.lim)
		var e *SyntaxError
		if !errors.As(err, &e) || e.Error() == "" || e.Offset < 0 || e.Offset > len(c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
		if (m != nil) != c.partial {
			t.Errorf("%s: partial message %v, want %v", c.name, m != nil, c.partial)
		}
	}
	fits := request("", "1")
	if _, err := Parse([]byte(fits), &Limits{MaxSize: len(fits)}); err != nil {
		t.Errorf("a message of exactly the limit: %v", err)
	}
	at := request(strings.Repeat("X: 1\n", 155), "")
	if m, err := Parse([]byte(at), nil); err != nil || len(m.Headers) != 160 {
		t.Errorf("160 headers: %v", err)
	}
}

func TestParseLeadingEmptyLines(t *testing.T) {
	m, err := Parse([]byte("\r\n\r\n"+request("Subject: x\nbad line\n", "")), nil)
	var e *SyntaxError
	if m == nil || !errors.As(err, &e) {
		t.Fatalf("%v", err)
	}
	if line, _, _ := strings.Cut(("\r\n\r\n" + request("Subject: x\nbad line\n", ""))[e.Offset-3:], "\r"); line != "bad line" {
		t.Errorf("the offset points to %q", line)
	}
}

func TestHeaderNames(t *testing.T) {
	for id := IDOther + 1; id <= IDSessionID; id++ {
		name := id.String()
		if name == "" {
			t.Fatalf("ID %d has no name", id)
		}
		for _, s := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
			if got := lookup(s); got != id {
				t.Errorf("%s has ID %d, want %d", s, got, id)
			}
		}
		if lookup(name+"x") != IDOther || lookup("x"+name) != IDOther || lookup(name[:len(name)-1]+"?") != IDOther {
			t.Errorf("a name near %s is taken for a known one", name)
		}
	}
	if len(names) != int(IDSessionID)+1 || ID(200).String() != "" || IDOther.String() != "" {
		t.Error("the table of names does not fit the IDs")
	}
	for short, id := range map[string]ID{"v": IDVia, "F": IDFrom, "t": IDTo, "i": IDCallID, "M": IDContact, "l": IDContentLength,
		"c": IDContentType, "e": IDContentEncoding, "k": IDSupported, "s": IDSubject, "o": IDEvent, "u": IDAllowEvents,
		"r": IDReferTo, "b": IDReferredBy, "x": IDSessionExpires, "a": IDOther, "!": IDOther, "": IDOther, "\x16": IDOther} {
		if got := lookup(short); got != id {
			t.Errorf("%q has ID %d, want %d", short, got, id)
		}
	}
}

func TestParseDoesNotShareTheBuffer(t *testing.T) {
	data := []byte(inviteText)
	m, err := Parse(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := m.Append(nil)
	clear(data)
	if !slices.Equal(before, m.Append(nil)) {
		t.Error("the message changed with the buffer")
	}
}

func TestAllocations(t *testing.T) {
	data := []byte(inviteText)
	m := mustParse(t, inviteText)
	buf := make([]byte, 0, 4096)
	for _, c := range []struct {
		name string
		max  float64
		f    func()
	}{
		{"Parse", 3, func() { _, _ = Parse(data, nil) }},
		{"Frame", 0, func() { _, _, _ = Frame(data, nil) }},
		{"Validate", 0, func() { m.Validate() }},
		{"Append", 0, func() { buf = m.Append(buf[:0]) }},
		{"getters", 0, func() {
			m.TopVia()
			m.CSeq()
			m.To()
			m.Contact()
			m.SDP()
			m.HasToken(IDAllow, "INFO")
		}},
	} {
		if got := testing.AllocsPerRun(100, c.f); got > c.max {
			t.Errorf("%s allocates %v times, want at most %v", c.name, got, c.max)
		}
	}
}
