package sip

import "strings"

func (m *Message) index(id ID) int {
	for i := range m.Headers {
		if m.Headers[i].ID == id {
			return i
		}
	}
	return -1
}

// Get is the value of the first header line with this ID, "" when there is none.
func (m *Message) Get(id ID) string {
	if i := m.index(id); i >= 0 {
		return m.Headers[i].Value
	}
	return ""
}

// Has tells whether there is a header with this ID.
func (m *Message) Has(id ID) bool { return m.index(id) >= 0 }

// GetName is Get by name, long or compact, in any case.
func (m *Message) GetName(name string) string {
	if id := lookup(name); id != IDOther {
		return m.Get(id)
	}
	for i := range m.Headers {
		if h := &m.Headers[i]; h.ID == IDOther && equalFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// CallID is the Call-ID; it compares octet by octet (RFC 3261 §20.8).
func (m *Message) CallID() string { return m.Get(IDCallID) }

// CSeq is sequence number, below 2**31, and method (RFC 3261 §8.1.1.5).
func (m *Message) CSeq() (seq uint32, method string, ok bool) {
	s := m.Get(IDCSeq)
	if v := m.views; v != nil && v.cseqText == s && s != "" {
		return v.seq, v.method, true
	}
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	n, ok := decimal(s[:i], 1<<31-1)
	method = trim(s[i:])
	if !ok || i == len(s) || !isBlank(s[i]) || !allToken(method) {
		return 0, "", false
	}
	return uint32(n), method, true
}

// From is the From header, the zero Address when it cannot be read.
func (m *Message) From() Address {
	a, _ := m.address(IDFrom, m.Get(IDFrom))
	return a
}

// To is the To header, the zero Address when it cannot be read.
func (m *Message) To() Address {
	a, _ := m.address(IDTo, m.Get(IDTo))
	return a
}

// FromTag is the tag of From, "" when there is none.
func (m *Message) FromTag() string { return m.tag(IDFrom) }

// ToTag is the tag of To, "" when there is none.
func (m *Message) ToTag() string { return m.tag(IDTo) }

func (m *Message) tag(id ID) string {
	text := m.Get(id)
	if v := m.view(id); v != nil && v.text == text && text != "" {
		return v.tag
	}
	a, _ := ParseAddress(text)
	return a.Tag()
}

// Contact is the first Contact; false when there is none, it cannot be read or it is "*".
func (m *Message) Contact() (Address, bool) {
	for v := range m.Values(IDContact) {
		a, err := m.address(IDContact, v)
		return a, err == nil && v != "*"
	}
	return Address{}, false
}

// MaxForwards is 0 to 255, a greater number being read as 255; false when there is none or it is no number.
func (m *Message) MaxForwards() (n int, ok bool) {
	s := m.Get(IDMaxForwards)
	if !allDigits(s) {
		return 0, false
	}
	v, ok := decimal(s, 255)
	if !ok {
		return 255, true
	}
	return int(v), true
}

// ContentType is the media type in lower case, "application/sdp", and its parameters; "" when there is none.
func (m *Message) ContentType() (mediaType string, params Params) {
	return splitMediaType(m.Get(IDContentType))
}

func splitMediaType(s string) (mediaType string, params Params) {
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s, params = s[:i], Params(trim(s[i+1:]))
	}
	s = lower(trim(s))
	if strings.IndexByte(s, ' ') >= 0 || strings.IndexByte(s, '\t') >= 0 { // "text / plain"
		s = strings.Join(strings.Fields(s), "")
	}
	return s, params
}
