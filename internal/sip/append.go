package sip

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Append writes the message behind dst. Headers keep order and name; Content-Length is written once, last,
// from the body, whatever the headers say. CR and LF in any part but the body are left out, so that a value
// from elsewhere cannot start a header of its own.
func (m *Message) Append(dst []byte) []byte {
	dst = slices.Grow(dst, m.size())
	start := len(dst)
	dst = m.appendStartLine(dst)
	lines := 1
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.ID == IDContentLength {
			continue
		}
		dst = append(dst, "\r\n"...)
		dst = append(dst, h.name()...)
		dst = append(dst, ": "...)
		dst = append(dst, h.Value...)
		lines++
	}
	dst = append(dst, "\r\nContent-Length: "...)
	dst = appendUint(dst, uint64(len(m.Body)))
	dst = append(dst, "\r\n\r\n"...)
	// Two counts over the whole head cost less than a search in each value.
	head := dst[start:]
	if bytes.Count(head, []byte{'\n'}) != lines+2 || bytes.Count(head, []byte{'\r'}) != lines+2 {
		return m.stripped().Append(dst[:start])
	}
	return append(dst, m.Body...)
}

// name is what Append writes: as carried, else the long name.
func (h *Header) name() string {
	if h.Name == "" {
		return h.ID.String()
	}
	return h.Name
}

// size is a little more than Append writes.
func (m *Message) size() int {
	n := len(m.Method) + len(m.URI) + len(m.Reason) + len(m.Body) + 64
	for i := range m.Headers {
		n += len(m.Headers[i].name()) + len(m.Headers[i].Value) + 4
	}
	return n
}

// stripped is a copy without CR and LF outside the body.
func (m *Message) stripped() *Message {
	c := m.Clone()
	c.Method, c.URI, c.Reason = stripLines(m.Method), stripLines(m.URI), stripLines(m.Reason)
	for i := range c.Headers {
		c.Headers[i].Name = stripLines(c.Headers[i].Name)
		c.Headers[i].Value = stripLines(c.Headers[i].Value)
	}
	return c
}

// String is the message as it goes out.
func (m *Message) String() string {
	var b strings.Builder
	b.Write(m.Append(nil))
	return b.String()
}

func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }
