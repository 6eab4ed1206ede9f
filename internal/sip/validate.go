package sip

import "strings"

// Fault says how a message breaks the rules of RFC 3261 whatever the receiver's role. A request is
// answered with Status and Phrase; a response with a Fault is dropped without a word.
type Fault struct {
	Status int    // 400, 501 or 505
	Phrase string // of the status line
	Header string // at fault, "" for the start line
	Why    string // one clause, without the peer's text
}

// Validate checks what Parse leaves open: version, Request-URI, the mandatory headers, those that may
// stand once only, and the form of the values that every element must understand. It returns nil when all
// is well. Scheme (416), extensions (420), media types (415), hops (483) and methods are for the core.
func (m *Message) Validate() *Fault {
	if m.views != nil && m.views.version != "" {
		return &Fault{Status: 505, Phrase: Phrase(505), Why: "version is not SIP/2.0"}
	}
	if m.IsRequest() {
		if f := m.checkRequestURI(); f != nil {
			return f
		}
	}
	if f := m.checkPresence(); f != nil {
		return f
	}
	if f := m.checkCSeq(); f != nil {
		return f
	}
	vias := 0
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.ID > IDRecordRoute && h.ID != IDContentType || !m.IsRequest() && spare(h.ID) {
			continue
		}
		if f := m.checkValue(h, &vias); f != nil {
			return f
		}
	}
	if m.Method == "INVITE" && !m.Has(IDContact) { // then the URI in From is where our requests go
		if _, err := ParseURI(m.From().URI); err != nil {
			return badValue(IDFrom, err)
		}
	}
	// Only a proxy may get a response with a second Via, and none of these is for us (RFC 3261 §8.1.3.3).
	if !m.IsRequest() && vias != 1 {
		return bad(IDVia, "response has more than one Via")
	}
	return nil
}

// spare are headers of a response without which it still tells what became of the request: to drop a 200 for its Contact would let a call ring that was answered.
func spare(id ID) bool { return id == IDContact || id == IDMaxForwards }

func bad(id ID, why string) *Fault {
	return &Fault{Status: 400, Phrase: Phrase(400), Header: id.String(), Why: why}
}

func badValue(id ID, err error) *Fault {
	if e, ok := err.(ValueError); ok {
		return bad(id, string(e))
	}
	return bad(id, "malformed value")
}

// checkRequestURI takes any scheme, but no blanks, brackets or, in a SIP URI, headers
// (RFC 3261 §19.1.5; RFC 4475 §3.1.2.7 to §3.1.2.11).
func (m *Message) checkRequestURI() *Fault {
	u, err := ParseURI(m.URI)
	switch {
	case m.URI == "":
		return bad(IDOther, "Request-URI is empty")
	case err == ErrScheme:
		return nil
	case err != nil:
		f := badValue(IDOther, err)
		f.Why = "Request-URI: " + f.Why
		return f
	case u.Headers != "":
		return bad(IDOther, "Request-URI has headers")
	}
	return nil
}

const (
	mandatory = 1<<IDVia | 1<<IDFrom | 1<<IDTo | 1<<IDCallID | 1<<IDCSeq
	// once are the headers of which a second one would leave open what is meant. Harmless doubles, such as
	// Subject or User-Agent, do happen and are let pass. Parse compares the Content-Length.
	once = 1<<IDFrom | 1<<IDTo | 1<<IDCallID | 1<<IDCSeq | 1<<IDMaxForwards | 1<<IDContentType | 1<<IDContentDisposition |
		1<<IDRSeq | 1<<IDRAck | 1<<IDSessionExpires | 1<<IDMinSE | 1<<IDExpires | 1<<IDEvent | 1<<IDReferTo | 1<<IDReplaces
)

func (m *Message) checkPresence() *Fault {
	var seen uint64
	for i := range m.Headers {
		id := m.Headers[i].ID
		bit := uint64(1) << id
		if seen&bit&once != 0 && (bit&mandatory != 0 || m.Headers[i].Value != m.Get(id)) { // else a second one leaves nothing open
			return bad(id, "header stands more than once")
		}
		seen |= bit
	}
	for id := IDVia; seen&mandatory != mandatory && id <= IDCSeq; id++ {
		if seen>>id&1 == 0 {
			return bad(id, "header is missing")
		}
	}
	return nil
}

// checkCSeq answers an unknown method that differs from CSeq with 501 (RFC 4475 §3.1.2.18).
func (m *Message) checkCSeq() *Fault {
	seq, method, ok := m.CSeq()
	if ok && m.views != nil {
		m.views.seq, m.views.method, m.views.cseqText = seq, method, m.Get(IDCSeq)
	}
	switch {
	case !ok:
		return bad(IDCSeq, "not a number below 2**31 and a method")
	case !m.IsRequest() || method == m.Method:
		return nil
	case !KnownMethod(m.Method):
		return &Fault{Status: 501, Phrase: Phrase(501), Header: "CSeq", Why: "unknown method differs from the request line"}
	}
	return bad(IDCSeq, "method differs from the request line")
}

// KnownMethod tells whether an RFC of ours names the method.
func KnownMethod(method string) bool {
	switch method {
	case "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER",
		"SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH":
		return true
	}
	return false
}

// checkValue checks one header line; vias counts the Via values.
func (m *Message) checkValue(h *Header, vias *int) *Fault {
	switch h.ID {
	case IDVia:
		return m.checkVia(h.Value, vias)
	case IDFrom, IDTo:
		return m.checkAddress(h.ID, h.Value)
	case IDContact, IDRoute, IDRecordRoute:
		return m.checkAddresses(h.ID, h.Value)
	case IDCallID:
		if h.Value == "" || !visible(h.Value) {
			return bad(IDCallID, "value is empty or has blanks")
		}
	case IDMaxForwards:
		if !allDigits(h.Value) {
			return bad(IDMaxForwards, "not a number")
		}
	case IDContentType:
		if !isMediaType(h.Value) {
			return bad(IDContentType, "not a media type")
		}
	}
	return nil
}

func visible(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// checkVia refuses a branch that is the cookie and nothing else: it would name every transaction
// (RFC 4475 §3.2.1).
func (m *Message) checkVia(list string, vias *int) *Fault {
	for rest, more := list, true; more; *vias++ {
		var s string
		s, rest, more = cutList(rest)
		v, err := ParseVia(s)
		if err != nil {
			return badValue(IDVia, err)
		}
		if *vias > 0 {
			continue
		}
		branch := v.Branch()
		if branch == MagicCookie {
			return bad(IDVia, "branch is empty behind the magic cookie")
		}
		if m.views != nil {
			m.views.via, m.views.branch, m.views.viaText = v, branch, list
		}
	}
	return nil
}

// checkAddresses lets empty elements pass, as Values leaves them out.
func (m *Message) checkAddresses(id ID, list string) *Fault {
	if list == "*" && id == IDContact {
		return nil
	}
	for rest, more := list, true; more; {
		var s string
		s, rest, more = cutList(rest)
		if s == "" {
			continue
		}
		if f := m.checkAddress(id, s); f != nil {
			return f
		}
	}
	return nil
}

func (m *Message) checkAddress(id ID, s string) *Fault {
	a, tag, plain := plainAddress(s)
	if !plain {
		var err error
		if a, err = ParseAddress(s); err != nil {
			return badValue(id, err)
		}
		tagged := false
		if id == IDFrom || id == IDTo { // whose tags count, and whose URI need not lead anywhere
			tag, tagged = a.Params.Get("tag")
		}
		if tagged && tag == "" {
			return bad(id, "tag is empty")
		}
	}
	if v := m.view(id); v != nil && v.text == "" {
		*v = view{a, s, tag}
	}
	if id == IDFrom || id == IDTo {
		return nil
	}
	if _, err := ParseURI(a.URI); err != nil && err != ErrScheme {
		return badValue(id, err)
	}
	return nil
}

// plainAddress reads an address that is a URI in brackets, with a name in quotes or none before it and a tag or nothing behind it, as those in most messages
// are; false: it is something else.
func plainAddress(s string) (a Address, tag string, ok bool) {
	if s != "" && s[0] == '"' {
		quote := strings.IndexByte(s[1:], '"') + 1
		if quote < 2 || strings.IndexByte(s[:quote], '\\') >= 0 {
			return Address{}, "", false
		}
		a.Display, s = s[1:quote], s[quote+1:]
		if s != "" && s[0] == ' ' {
			s = s[1:]
		}
	}
	if s == "" || s[0] != '<' {
		return Address{}, "", false
	}
	end := strings.IndexByte(s, '>')
	if end < 2 || isBlank(s[1]) || isBlank(s[end-1]) || strings.IndexByte(s[1:end], ' ') >= 0 {
		return Address{}, "", false
	}
	a.URI = s[1:end]
	if end+1 == len(s) {
		return a, "", true
	}
	tag, ok = strings.CutPrefix(s[end+1:], ";tag=")
	if !ok || !allToken(tag) {
		return Address{}, "", false
	}
	a.Params = Params(s[end+2:])
	return a, tag, true
}

func isMediaType(s string) bool {
	t, _ := splitMediaType(s)
	for i := 0; i < len(t); i++ {
		if t[i] == '/' {
			return allToken(t[:i]) && allToken(t[i+1:])
		}
	}
	return false
}
