package sip

import (
	"slices"
	"strings"
)

// Part is one body of a multipart (RFC 5621, RFC 2046 §5.1).
type Part struct {
	Headers     []Header
	ContentType string // media type in lower case; text/plain when the part has no Content-Type
	Body        string
}

const (
	maxParts       = 16
	maxPartHeaders = 16
	maxNesting     = 3
)

// Get is the value of the part's first header with this ID, "" when there is none.
func (p *Part) Get(id ID) string {
	for i := range p.Headers {
		if p.Headers[i].ID == id {
			return p.Headers[i].Value
		}
	}
	return ""
}

// Parts splits a multipart body into at most 16 parts; other bodies give none. The error is a ValueError.
func (m *Message) Parts() ([]Part, error) {
	t, params := m.ContentType()
	if !strings.HasPrefix(t, "multipart/") {
		return nil, nil
	}
	return splitParts(m.Body, params)
}

func splitParts(body string, params Params) ([]Part, error) {
	boundary, _ := params.Get("boundary")
	if boundary == "" || len(boundary) > 70 {
		return nil, ValueError("multipart has no boundary of 1 to 70 characters")
	}
	delimiter := "--" + boundary
	_, next, last := cutDelimiter(body, delimiter)
	var parts []Part
	for !last {
		if next < 0 {
			return parts, ValueError("multipart lacks its closing boundary")
		}
		if len(parts) == maxParts {
			return parts, ValueError("multipart has too many parts")
		}
		body = body[next:]
		var end int
		end, next, last = cutDelimiter(body, delimiter)
		if next < 0 && !last {
			end = len(body)
		}
		part, err := parsePart(body[:end])
		if err != nil {
			return parts, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// cutDelimiter finds the delimiter at the start of a line. end is what belongs to the part before it: the
// line end in front is the delimiter's. next is the line behind it, -1 when none was found.
func cutDelimiter(s, delimiter string) (end, next int, last bool) {
	for pos := 0; pos < len(s); {
		i := strings.Index(s[pos:], delimiter)
		if i < 0 {
			break
		}
		i += pos
		pos = i + len(delimiter)
		tail := s[pos:]
		last = strings.HasPrefix(tail, "--")
		if i > 0 && s[i-1] != '\n' {
			continue
		}
		stop, after := line(s, pos)
		if !last && (trim(s[pos:stop]) != "" || after == stop) {
			continue // a longer word, or no line end behind it
		}
		end = i
		if end > 0 {
			end--
		}
		if end > 0 && s[end-1] == '\r' {
			end--
		}
		return end, after, last
	}
	return 0, -1, false
}

func parsePart(s string) (Part, error) {
	part := Part{ContentType: "text/plain"}
	p := parser{text: s, lim: Limits{MaxHeaders: maxPartHeaders, MaxHeaderLine: 1024}, length: -1, open: true} // of headers only the delimiter takes the last line end
	list, head := p.headers(nil, 0)
	if p.err != nil {
		return part, ValueError("part of a multipart: " + p.err.Why)
	}
	part.Headers, part.Body = list, s[head:]
	if t, _ := splitMediaType(part.Get(IDContentType)); t != "" {
		part.ContentType = t
	}
	return part, nil
}

// SDP is the application/sdp body, also when it is the first such part of a multipart, of alternatives the last, which is the best of them for who has understood
// it (RFC 2046 §5.1.4): a UC platform puts one for its oldest servers before the one that it means. False when there is none. A part in base64 or
// quoted-printable is not decoded and does not count.
func (m *Message) SDP() (string, bool) {
	switch m.Get(IDContentType) { // nearly all
	case "application/sdp":
		return m.Body, m.Body != ""
	case "":
		return "", false
	}
	if list := m.SDPs(); len(list) > 0 {
		return list[0], true
	}
	return "", false
}

// SDPs are the description that SDP gives and, if it is one of alternatives, the others, the best of them first: who cannot have the one may have another.
func (m *Message) SDPs() []string {
	t, params := m.ContentType()
	return findSDPs(t, params, m.Body, maxNesting)
}

func findSDPs(mediaType string, params Params, body string, depth int) (list []string) {
	if mediaType == "application/sdp" && body != "" {
		return []string{body}
	}
	if depth == 0 || !strings.HasPrefix(mediaType, "multipart/") {
		return nil
	}
	parts, _ := splitParts(body, params) // what stands before a fault may still serve
	alternative := mediaType == "multipart/alternative"
	if alternative {
		slices.Reverse(parts)
	}
	for i := range parts {
		if e := lower(parts[i].encoding()); e == "base64" || e == "quoted-printable" {
			continue
		}
		_, inner := splitMediaType(parts[i].Get(IDContentType))
		list = append(list, findSDPs(parts[i].ContentType, inner, parts[i].Body, depth-1)...)
		if len(list) > 0 && !alternative {
			break
		}
	}
	return list
}

// maxCopies bounds where ReplaceSDP looks: each place costs a reading of the body, and a part has a description once.
const maxCopies = maxParts * maxNesting

// ReplaceSDP puts a description in the place of the one that SDP gives, which may stand in other parts of the body, too, as in an alternative that is the same. Where it
// stands in more than maxCopies places behind that the body stays as it is.
func (m *Message) ReplaceSDP(old, text string) {
	body := m.Body
	at := len(body)
	for range maxCopies { // of alternatives the last
		if at = strings.LastIndex(body[:at], old); at < 0 {
			break
		}
		m.Body = body[:at] + text + body[at+len(old):]
		if got, _ := m.SDP(); got == text {
			return
		}
	}
	m.Body = body
}

// Handling is what a Content-Disposition says of a body that is not understood: "required" or "optional" (RFC 3261 §20.11); "" when it says nothing.
func Handling(disposition string) string {
	_, params, _ := strings.Cut(disposition, ";")
	v, _ := Params(params).Get("handling")
	return v
}

// Insists is the media type of a body or part that must be understood, as its sender says (handling=required, RFC 5621 §8), and that is not one of those known; ""
// when there is none. Of alternatives one will do.
func (m *Message) Insists(known ...string) string {
	t, params := m.ContentType()
	return insists(t, params, m.Get(IDContentDisposition), m.Body, known, maxNesting)
}

func insists(mediaType string, params Params, disposition, body string, known []string, depth int) string {
	if !strings.HasPrefix(mediaType, "multipart/") {
		if body != "" && equalFold(Handling(disposition), "required") && !slices.Contains(known, mediaType) {
			return mediaType
		}
		return ""
	}
	if depth == 0 {
		return ""
	}
	parts, _ := splitParts(body, params)
	if mediaType == "multipart/alternative" && slices.ContainsFunc(parts, func(p Part) bool { return slices.Contains(known, p.ContentType) }) {
		return ""
	}
	for i := range parts {
		p := &parts[i]
		_, inner := splitMediaType(p.Get(IDContentType))
		if t := insists(p.ContentType, inner, p.Get(IDContentDisposition), p.Body, known, depth-1); t != "" {
			return t
		}
	}
	return ""
}

func (p *Part) encoding() string {
	for i := range p.Headers {
		if equalFold(p.Headers[i].Name, "Content-Transfer-Encoding") {
			return p.Headers[i].Value
		}
	}
	return ""
}
