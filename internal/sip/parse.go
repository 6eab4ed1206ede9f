package sip

import "strings"

// Parse reads one datagram, or one message that Frame cut from a stream.
//
// data is copied once; the strings of the Message are views of that copy. Leading empty lines are
// skipped. The body is Content-Length octets and what follows is dropped; without Content-Length it
// goes to the end (RFC 3261 §18.3). Line ends may be bare LF. A nil lim means the defaults.
//
// The error is a *SyntaxError. With it the Message is nil, unless it is a request of which enough was
// read to answer 400 with NewResponse: Via, From, To, Call-ID and CSeq.
func Parse(data []byte, lim *Limits) (*Message, error) {
	l := lim.orDefault()
	if len(data) > l.MaxSize {
		return nil, &SyntaxError{Offset: l.MaxSize, Why: "message is larger than the limit"}
	}
	skip := leadingLines(data)
	p := parser{text: string(data[skip:]), skip: skip, lim: l, length: -1}
	m := p.message()
	if p.err == nil {
		return m, nil
	}
	if m != nil && m.answerable() {
		return m, p.err
	}
	return nil, p.err
}

func (m *Message) answerable() bool {
	return m.IsRequest() && m.Has(IDVia) && m.Has(IDFrom) && m.Has(IDTo) && m.Has(IDCallID) && m.Has(IDCSeq)
}

// parser is the state of one Parse.
type parser struct {
	text   string
	skip   int // octets of the datagram before text
	lim    Limits
	length int          // Content-Length, -1 while there is none
	err    *SyntaxError // the first fault; after one in a header reading goes on, for the sake of a 400
	open   bool         // the last line may be without an end
}

// fail notes the first fault.
func (p *parser) fail(offset int, header, why string) {
	if p.err == nil {
		p.err = &SyntaxError{Offset: p.skip + offset, Header: header, Why: why}
	}
}

// message is nil when the start line is not one of SIP.
func (p *parser) message() *Message {
	end, pos := line(p.text, 0)
	if end > p.lim.MaxHeaderLine {
		p.fail(p.lim.MaxHeaderLine, "", "start line is longer than the limit")
		return nil
	}
	var m Message
	version, why := m.parseStartLine(p.text[:end])
	if why != "" {
		p.fail(0, "", why)
		return nil
	}
	if pos < len(p.text) && isBlank(p.text[pos]) {
		p.fail(pos, "", "start line is folded")
		return nil
	}
	var room [manyHeaders]Header
	list, head := p.headers(room[:0], pos)
	m.Body = p.body(head)
	read := newMessage(len(list))
	m.Headers, m.views = append(read.Headers, list...), read.views
	m.views.version = version
	*read = m
	return read
}

// newMessage is a message with room for so many headers, in one piece where nearly all have their place.
func newMessage(headers int) *Message {
	switch {
	case headers <= fewHeaders:
		m := new(struct {
			Message
			views
			room [fewHeaders]Header
		})
		m.Message.views, m.Headers = &m.views, m.room[:0]
		return &m.Message
	case headers <= manyHeaders:
		m := new(struct {
			Message
			views
			room [manyHeaders]Header
		})
		m.Message.views, m.Headers = &m.views, m.room[:0]
		return &m.Message
	}
	m := new(struct {
		Message
		views
	})
	m.Message.views, m.Headers = &m.views, make([]Header, 0, headers)
	return &m.Message
}

// line gives the end of the line at pos without its CRLF or LF, and the start of the next one.
// The two are equal when the text ends without LF.
func line(s string, pos int) (end, next int) {
	i := strings.IndexByte(s[pos:], '\n')
	if i < 0 {
		return len(s), len(s)
	}
	end = pos + i
	next = end + 1
	if i > 0 && s[end-1] == '\r' {
		end--
	}
	return end, next
}

// headers reads the lines from pos to the empty one, behind which the body begins, at head.
func (p *parser) headers(list []Header, pos int) (headers []Header, head int) {
	s := p.text
	returns := 0 // CR that end a line
	if pos > 1 && s[pos-2] == '\r' {
		returns = 1
	}
	for pos < len(s) {
		end, next := line(s, pos)
		returns += next - end - 1
		if end == pos {
			pos = next
			break
		}
		folded := false
		for next < len(s) && isBlank(s[next]) {
			folded = true
			end, next = line(s, next)
			returns += next - end - 1
		}
		if end-pos > p.lim.MaxHeaderLine {
			p.fail(pos+p.lim.MaxHeaderLine, "", "header line is longer than the limit")
		} else if len(list) == p.lim.MaxHeaders {
			p.fail(pos, "", "more headers than the limit")
			return list, len(s)
		} else if list = append(list, Header{}); !p.header(&list[len(list)-1], pos, s[pos:end], folded) {
			list = list[:len(list)-1]
		}
		pos = next
	}
	p.checkEnds(pos, returns)
	return list, pos
}

// checkEnds refuses a head whose last line the sender or the network has cut, and CR outside a line end: the next reader might take it for one.
func (p *parser) checkEnds(head, returns int) {
	s := p.text[:head]
	if s != "" && s[head-1] != '\n' {
		returns++ // which the last line has been taken to lack
		if !p.open {
			p.err = nil // that is why
			p.fail(head, "", "last header line has no end")
		}
	}
	if p.err == nil && strings.Count(s, "\r") != returns {
		at := 0
		for at+1 < head && (s[at] != '\r' || s[at+1] == '\n') {
			at++
		}
		p.fail(at, "", "carriage return inside a line")
	}
}

// header reads one line with its folds; false when it is no header, which is noted.
func (p *parser) header(h *Header, pos int, s string, folded bool) bool {
	n := strings.IndexByte(s, ':')
	colon, id := n, IDOther
	if n > 0 {
		id = lookup(s[:n]) // if it is a known one, then all of it is a token
	}
	if id == IDOther {
		n = 0
		for n < len(s) && isToken(s[n]) {
			n++
		}
		colon = n
		for colon < len(s) && (isBlank(s[colon]) || folded && (s[colon] == '\r' || s[colon] == '\n')) {
			colon++
		}
		if n == 0 || colon == len(s) || s[colon] != ':' {
			p.fail(pos+n, "", "header line has no name and colon")
			return false
		}
		id = lookup(s[:n])
	}
	h.ID, h.Name, h.Value = id, s[:n], trim(s[colon+1:])
	if folded {
		h.Value = unfold(h.Value)
	}
	if id == IDContentLength {
		p.contentLength(pos, h.Value)
	}
	return true
}

// unfold replaces each line end and the blanks round it by one blank (RFC 3261 §7.3.1).
func unfold(s string) string {
	b := make([]byte, 0, len(s))
	for {
		i := strings.IndexByte(s, '\n')
		if i < 0 {
			break
		}
		part := strings.TrimRight(s[:i], " \t\r")
		b = append(b, part...)
		if len(b) > 0 {
			b = append(b, ' ')
		}
		s = strings.TrimLeft(s[i+1:], " \t\r\n")
	}
	b = append(b, s...)
	return trim(string(b))
}

// contentLength takes the number; a message that states two different ones has no end that both
// sides agree on (RFC 4475 §3.3.9).
func (p *parser) contentLength(pos int, value string) {
	n, ok := decimal(value, maxLength)
	switch {
	case !ok:
		p.fail(pos, "Content-Length", whyLength)
	case p.length >= 0 && p.length != int(n):
		p.fail(pos, "Content-Length", whyLengths)
	default:
		p.length = int(n)
	}
}

const (
	maxLength  = 1<<31 - 1
	whyLength  = "Content-Length is not a number"
	whyLengths = "Content-Length headers disagree"
)

// body is what Content-Length says of what begins at head.
func (p *parser) body(head int) string {
	rest := p.text[head:]
	switch {
	case p.length > len(rest):
		p.fail(len(p.text), "Content-Length", "body is shorter than Content-Length")
		return ""
	case p.length >= 0:
		return rest[:p.length]
	}
	return rest
}
