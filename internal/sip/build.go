package sip

import "slices"

// A message of ours is in one piece with room for the headers that nearly all have: few, or those of an INVITE and of what has come by proxies.
const (
	fewHeaders  = 10
	manyHeaders = 16
)

// empty is a message without headers.
func empty(headers int) *Message {
	if headers <= fewHeaders {
		m := new(struct {
			Message
			room [fewHeaders]Header
		})
		m.Headers = m.room[:0]
		return &m.Message
	}
	m := new(struct {
		Message
		room [manyHeaders]Header
	})
	m.Headers = m.room[:0]
	return &m.Message
}

// NewRequest is a request without headers.
func NewRequest(method, uri string) *Message {
	room := fewHeaders
	if method == "INVITE" {
		room = manyHeaders
	}
	m := empty(room)
	m.Method, m.URI = method, uri
	return m
}

// NewResponse answers req (RFC 3261 §8.2.6): all Via in order, From, To, Call-ID, CSeq, and Timestamp in
// a 100. An empty phrase means the usual one. The To tag and, for a new dialog, Record-Route are the
// caller's.
func NewResponse(req *Message, status int, phrase string) *Message {
	if phrase == "" {
		phrase = Phrase(status)
	}
	room := fewHeaders
	if len(req.Headers) > 1 && req.Headers[1].ID == IDVia {
		room = manyHeaders
	}
	m := empty(room)
	m.Status, m.Reason, m.views = status, phrase, req.views
	for i := range req.Headers {
		if req.Headers[i].ID == IDVia {
			m.Headers = append(m.Headers, req.Headers[i])
		}
	}
	for _, id := range [...]ID{IDFrom, IDTo, IDCallID, IDCSeq, IDTimestamp} {
		if i := req.index(id); i >= 0 && (id != IDTimestamp || status == 100) {
			m.Headers = append(m.Headers, req.Headers[i])
		}
	}
	return m
}

// Clone copies the message; headers and their order are then independent, the text is shared.
func (m *Message) Clone() *Message {
	c := *m
	c.Headers = slices.Clone(m.Headers)
	return &c
}

// Add appends a header with its long name. Nothing is looked for in values that headers are given: Append leaves CR and LF out.
func (m *Message) Add(id ID, value string) {
	m.Headers = append(m.Headers, Header{ID: id, Name: id.String(), Value: value})
}

// AddName appends a header by name, which is written as given. A name that is no token is not added. CR and LF are taken out of the value, as it may be one that
// header rules look at.
func (m *Message) AddName(name, value string) {
	if allToken(name) {
		m.Headers = append(m.Headers, Header{ID: lookup(name), Name: name, Value: stripLines(value)})
	}
}

// AddFirst puts a header before all others of its ID, or at the front when there are none: for Via and Route.
func (m *Message) AddFirst(id ID, value string) {
	h := Header{ID: id, Name: id.String(), Value: value}
	m.Headers = slices.Insert(m.Headers, max(0, m.index(id)), h)
}

// Set gives the header this one value, in the place of the first, or at the end when there is none.
func (m *Message) Set(id ID, value string) {
	i := m.index(id)
	if i < 0 {
		m.Add(id, value)
		return
	}
	m.Headers[i] = Header{ID: id, Name: id.String(), Value: value}
	m.delFrom(i+1, id)
}

// Del removes all headers with this ID.
func (m *Message) Del(id ID) { m.delFrom(0, id) }

func (m *Message) delFrom(from int, id ID) {
	keep := m.Headers[:from]
	for _, h := range m.Headers[from:] {
		if h.ID != id {
			keep = append(keep, h)
		}
	}
	clear(m.Headers[len(keep):])
	m.Headers = keep
}

// SetToTag adds the tag to To unless it has one: a tag never changes within a dialog.
func (m *Message) SetToTag(tag string) {
	i := m.index(IDTo)
	if i < 0 || tag == "" || m.ToTag() != "" {
		return
	}
	m.Headers[i].Value += ";tag=" + tag
}

// SetBody sets body and Content-Type; an empty body takes Content-Type away.
func (m *Message) SetBody(contentType, body string) {
	m.Body = body
	if body == "" {
		m.Del(IDContentType)
		return
	}
	m.Set(IDContentType, contentType)
}
