package sip

import (
	"fmt"
	"strings"
	"testing"
)

func multipart(contentType, body string) *Message {
	m := NewRequest("INVITE", "sip:a@h")
	m.SetBody(contentType, body)
	return m
}

func TestRFC2046_5_1_Parts(t *testing.T) {
	body := crlf(`preamble
--b1x
not a delimiter, but a longer word
--b1
Content-Type: Application/SDP;x=y
Content-Disposition: session

v=0
--b1 no delimiter
--b1  
c: application/isup;
 version=ansi

`) + "\x01\x00\r\n\x02" + crlf(`
--b1

no headers
--b1
Content-ID: <only@headers>
--b1--
epilogue
--b1
`)
	m := multipart(`multipart/mixed ; Boundary="b1"`, body)
	parts, err := m.Parts()
	if err != nil || len(parts) != 4 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	for i, want := range []struct {
		contentType, body string
		headers           int
	}{
		{"application/sdp", "v=0\r\n--b1 no delimiter", 2},
		{"application/isup", "\x01\x00\r\n\x02", 1},
		{"text/plain", "no headers", 0},
		{"text/plain", "", 1},
	} {
		if p := parts[i]; p.ContentType != want.contentType || p.Body != want.body || len(p.Headers) != want.headers {
			t.Errorf("part %d: %q", i, p)
		}
	}
	if parts[1].Get(IDContentType) != "application/isup; version=ansi" || parts[0].Get(IDContentDisposition) != "session" || parts[2].Get(IDContentType) != "" {
		t.Error("part headers")
	}
}

func TestPartsRefused(t *testing.T) {
	many := strings.Repeat("--b\r\n\r\nx\r\n", 17) + "--b--"
	for name, m := range map[string]*Message{
		"no boundary":        multipart("multipart/mixed", "--b\r\n\r\nx\r\n--b--"),
		"long boundary":      multipart("multipart/mixed;boundary="+strings.Repeat("x", 71), "x"),
		"no delimiter":       multipart("multipart/mixed;boundary=b", "x"),
		"not closed":         multipart("multipart/mixed;boundary=b", "--b\r\n\r\nx\r\n"),
		"too many":           multipart("multipart/mixed;boundary=b", many),
		"bad part header":    multipart("multipart/mixed;boundary=b", "--b\r\nno colon\r\n\r\nx\r\n--b--"),
		"too many headers":   multipart("multipart/mixed;boundary=b", "--b\r\n"+strings.Repeat("X: y\r\n", 17)+"\r\n--b--"),
		"delimiter at end":   multipart("multipart/mixed;boundary=b", "--b"),
		"carriage in header": multipart("multipart/mixed;boundary=b", "--b\r\nX: a\rb\r\n\r\nx\r\n--b--"),
	} {
		if parts, err := m.Parts(); err == nil || len(parts) > maxParts {
			t.Errorf("%s: %d parts, %v", name, len(parts), err)
		}
	}
	if parts, err := multipart("application/sdp", "v=0").Parts(); parts != nil || err != nil {
		t.Error("a plain body has parts")
	}
	if parts, err := multipart("multipart/mixed;boundary=b", "--b--").Parts(); len(parts) != 0 || err != nil {
		t.Error("a multipart without parts:", err)
	}
}

func nest(depth int) (contentType, body string) {
	contentType, body = "application/sdp", "v=0"
	for i := range depth {
		body = fmt.Sprintf("--b%d\r\nContent-Type: %s\r\n\r\n%s\r\n--b%d--\r\n", i, contentType, body, i)
		contentType = fmt.Sprintf("multipart/mixed;boundary=b%d", i)
	}
	return contentType, body
}

func TestRFC5621_SDP(t *testing.T) {
	for depth, want := range []bool{true, true, true, true, false} {
		s, ok := multipart(nest(depth)).SDP()
		if ok != want || ok && s != "v=0" {
			t.Errorf("nested %d deep: %q %v", depth, s, ok)
		}
	}
	for name, c := range map[string]struct {
		contentType, body, want string
	}{
		"none":         {"text/plain", "v=0", ""},
		"empty":        {"application/sdp", "", ""},
		"case":         {"Application/SDP ;a=b", "v=0", "v=0"},
		"second part":  {"multipart/mixed;boundary=b", "--b\r\nContent-Type: application/isup\r\n\r\n\x00\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b--", "v=0\r\n"},
		"first of two": {"multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n--b--", "v=0"},
		"of alternatives the last": {"multipart/alternative;boundary=b", "--b\r\nContent-Type: application/sdp\r\nContent-Disposition: session;handling=optional\r\n\r\nv=0\r\n" +
			"--b\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n--b\r\nContent-Type: text/plain\r\n\r\nv=2\r\n--b--", "v=1"},
		"not closed": {"multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n", "v=0\r\n"},
		"encoded":    {"multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: Base64\r\n\r\ndj0w\r\n--b--", ""},
	} {
		s, ok := multipart(c.contentType, c.body).SDP()
		if s != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q %v", name, s, ok)
		}
	}
}

// RFC 5621 §8: a part whose handling is required has to be understood, wherever it stands; of alternatives one.
func TestRFC5621_8_Insists(t *testing.T) {
	part := func(mediaType, disposition string) string {
		return "Content-Type: " + mediaType + "\r\nContent-Disposition: " + disposition + "\r\n\r\nx"
	}
	body := func(parts ...string) string { return "--b\r\n" + strings.Join(parts, "\r\n--b\r\n") + "\r\n--b--\r\n" }
	sdp, isup, optional := part("application/sdp", "session;handling=required"), part("application/ISUP;version=ansi", "signal; Handling=Required"),
		part("application/isup", "signal;handling=optional")
	for name, row := range map[string]struct{ mediaType, body, want string }{
		"description":       {"multipart/mixed;boundary=b", body(sdp), ""},
		"required":          {"multipart/mixed;boundary=b", body(sdp, isup), "application/isup"},
		"optional":          {"multipart/mixed;boundary=b", body(sdp, optional), ""},
		"says nothing":      {"multipart/mixed;boundary=b", body(sdp, part("application/isup", "signal")), ""},
		"nested":            {"multipart/mixed;boundary=b", body(sdp, strings.ReplaceAll("Content-Type: multipart/mixed;boundary=c\r\n\r\n"+body(isup), "--b", "--c")), "application/isup"},
		"alternative":       {"multipart/alternative;boundary=b", body(isup, sdp), ""},
		"alternative to it": {"multipart/alternative;boundary=b", body(isup, optional), "application/isup"},
		"no multipart":      {"application/isup", "x", ""},
	} {
		if got := multipart(row.mediaType, row.body).Insists("application/sdp"); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
	m := multipart("application/isup", "x")
	m.Add(IDContentDisposition, "signal;handling=required")
	if got := m.Insists("application/sdp"); got != "application/isup" {
		t.Errorf("a body of its own: %q", got)
	}
}

// TestReplaceSDPHasABound: a body that has a description in thousands of places is not read as often.
func TestReplaceSDPHasABound(t *testing.T) {
	body := "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + strings.Repeat("v=0\r\n", 5000) + "--b--"
	m := multipart("multipart/mixed;boundary=b", body)
	old, _ := m.SDP()
	if m.ReplaceSDP(old, "v=1"); m.Body != body {
		t.Errorf("it is replaced behind %d others", strings.Count(m.Body, old))
	}
}

// TestReplaceSDP: what is put in the place of a description is what is read from then on, wherever else the same stands.
func TestReplaceSDP(t *testing.T) {
	const twice = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--"
	for contentType, body := range map[string]string{
		"application/sdp": "v=0", "multipart/mixed;boundary=b": twice, "multipart/alternative;boundary=b": twice,
		"multipart/related;boundary=b": "--b\r\n\r\nv=0\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: text/plain\r\n\r\nv=0\r\n--b--",
	} {
		m := multipart(contentType, body)
		old, _ := m.SDP()
		m.ReplaceSDP(old, "v=1 and more")
		if got, _ := m.SDP(); got != "v=1 and more" || len(m.Body) != len(body)+len("v=1 and more")-len("v=0") {
			t.Errorf("%s: %q", contentType, m.Body)
		}
	}
}
