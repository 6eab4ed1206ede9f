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
	// nexts are where the lines behind the first ones begin, as far as there is room: measure has found them, headers need not look again.
	nexts [32]int32
	found int // how many of them
}

// fail notes the first fault.
func (p *parser) fail(offset int, header, why string) {
	if p.err == nil {
		p.err = &SyntaxError{Offset: p.skip + offset, Header: header, Why: why}
	}
}

// message is nil when the start line is not one of SIP.
func (p *parser) message() *Message {
	lines, head := p.measure()
	m := newMessage(min(lines-1, p.lim.MaxHeaders))
	end, pos := p.line(p.text, 0, 0)
	if end > p.lim.MaxHeaderLine {
		p.fail(p.lim.MaxHeaderLine, "", "start line is longer than the limit")
		return nil
	}
	if why := m.parseStartLine(p.text[:end]); why != "" {
		p.fail(0, "", why)
		return nil
	}
	if pos < len(p.text) && isBlank(p.text[pos]) {
		p.fail(pos, "", "start line is folded")
		return nil
	}
	p.headers(m, 1, pos, head)
	p.body(m, head)
	return m
}

// newMessage is a message with room for so many headers, in one piece where nearly all have their place.
func newMessage(headers int) *Message {
	switch {
	case headers <= 10:
		m := new(struct {
			Message
			views
			room [10]Header
		})
		m.Message.views, m.Headers = &m.views, m.room[:0]
		return &m.Message
	case headers <= 16:
		m := new(struct {
			Message
			views
			room [16]Header
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

// measure counts the lines before the body and finds where the body begins.
func (p *parser) measure() (lines, head int) {
	returns := 0
	for pos := 0; pos < len(p.text); lines++ {
		length := strings.IndexByte(p.text[pos:], '\n')
		if length < 0 { // the sender or the network cut it
			p.fail(len(p.text), "", "last header line has no end")
			break
		}
		next := pos + length + 1
		if lines < len(p.nexts) {
			p.nexts[lines] = int32(next)
			p.found = lines + 1
		}
		if length > 0 && p.text[next-2] == '\r' {
			returns++
			length--
		}
		if length == 0 {
			return lines, p.checkReturns(next, returns)
		}
		pos = next
	}
	return lines, p.checkReturns(len(p.text), returns)
}

// checkReturns refuses CR outside a line end: the next reader might take it for one.
func (p *parser) checkReturns(head, returns int) int {
	if p.err == nil && strings.Count(p.text[:head], "\r") != returns {
		at := 0
		for at+1 < head && (p.text[at] != '\r' || p.text[at+1] == '\n') {
			at++
		}
		p.fail(at, "", "carriage return inside a line")
	}
	return head
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

// line is line for the nth line, from 0, which begins at pos.
func (p *parser) line(s string, n, pos int) (end, next int) {
	if n >= p.found {
		return line(s, pos)
	}
	next = int(p.nexts[n])
	if end = next - 1; end > pos && s[end-1] == '\r' {
		end--
	}
	return end, next
}

// headers reads the lines from the nth, at pos, to head.
func (p *parser) headers(m *Message, n, pos, head int) {
	s := p.text[:head]
	for ; pos < head; n++ {
		end, next := p.line(s, n, pos)
		if end == pos {
			return
		}
		folded := false
		for next < head && isBlank(s[next]) {
			folded = true
			n++
			end, next = p.line(s, n, next)
		}
		switch {
		case end-pos > p.lim.MaxHeaderLine:
			p.fail(pos+p.lim.MaxHeaderLine, "", "header line is longer than the limit")
		case len(m.Headers) == p.lim.MaxHeaders:
			p.fail(pos, "", "more headers than the limit")
			return
		default:
			p.header(m, pos, s[pos:end], folded)
		}
		pos = next
	}
}

// header reads one line with its folds.
func (p *parser) header(m *Message, pos int, s string, folded bool) {
	colon := strings.IndexByte(s, ':')
	if colon > 0 {
		if id := lookup(s[:colon]); id != IDOther { // then all of it is a token
			p.add(m, pos, id, s, colon, colon, folded)
			return
		}
	}
	n := 0
	for n < len(s) && isToken(s[n]) {
		n++
	}
	colon = n
	if folded {
		for colon < len(s) && (isBlank(s[colon]) || s[colon] == '\r' || s[colon] == '\n') {
			colon++
		}
	} else {
		for colon < len(s) && isBlank(s[colon]) {
			colon++
		}
	}
	if n == 0 || colon == len(s) || s[colon] != ':' {
		p.fail(pos+n, "", "header line has no name and colon")
		return
	}
	p.add(m, pos, lookup(s[:n]), s, n, colon, folded)
}

// add appends the header in line s, of which the name ends at n.
func (p *parser) add(m *Message, pos int, id ID, s string, n, colon int, folded bool) {
	h := Header{ID: id, Name: s[:n], Value: trim(s[colon+1:])}
	if folded {
		h.Value = unfold(h.Value)
	}
	m.Headers = append(m.Headers, h)
	if h.ID == IDContentLength {
		p.contentLength(pos, h.Value)
	}
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

func (p *parser) body(m *Message, head int) {
	rest := p.text[head:]
	if p.length > len(rest) {
		p.fail(len(p.text), "Content-Length", "body is shorter than Content-Length")
		return
	}
	if p.length >= 0 {
		rest = rest[:p.length]
	}
	m.Body = rest
}
