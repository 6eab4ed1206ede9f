package sip

import (
	"iter"
	"strings"
)

// notLists are the known headers whose value may hold a comma that separates nothing
// (RFC 3261 §7.3.1 for the four of authentication, §25.1 for the others).
const notLists = 1<<IDFrom | 1<<IDTo | 1<<IDCallID | 1<<IDCSeq | 1<<IDDate | 1<<IDSubject | 1<<IDServer |
	1<<IDUserAgent | 1<<IDRetryAfter | 1<<IDTimestamp | 1<<IDAuthorization | 1<<IDProxyAuthorization |
	1<<IDWWWAuthenticate | 1<<IDProxyAuthenticate | 1<<IDContentType | 1<<IDReferTo | 1<<IDReferredBy

// Values yields each value of a header in order: those of several lines, and of a comma-separated list,
// with heed of quotes and angle brackets. Empty elements are left out. Headers that are no lists, such as
// Date and the four of authentication, yield one value a line.
func (m *Message) Values(id ID) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range m.Headers {
			h := &m.Headers[i]
			if h.ID != id {
				continue
			}
			if id != IDOther && notLists>>id&1 != 0 {
				if !yield(h.Value) {
					return
				}
				continue
			}
			for rest, more := h.Value, true; more; {
				var v string
				v, rest, more = cutList(rest)
				if v != "" && !yield(v) {
					return
				}
			}
		}
	}
}

// cutList splits the first element off a comma-separated list; more tells whether a comma followed.
// A quote or bracket that is not closed reaches to the end.
func cutList(s string) (first, rest string, more bool) {
	comma := strings.IndexByte(s, ',')
	if comma < 0 {
		return trim(s), "", false
	}
	if strings.IndexByte(s[:comma], '<') < 0 && strings.IndexByte(s[:comma], '"') < 0 {
		return trim(s[:comma]), s[comma+1:], true
	}
	for i := 0; i < len(s); i++ {
		end := i
		switch s[i] {
		case ',':
			return trim(s[:i]), s[i+1:], true
		case '"':
			end = quoteEnd(s, i)
		case '<':
			end = strings.IndexByte(s[i:], '>')
			if end > 0 {
				end += i
			}
		}
		if end < 0 {
			break
		}
		i = end
	}
	return trim(s), "", false
}

// HasToken tells whether a list such as Supported, Require or Allow names the token. Methods compare by
// case, all else without (RFC 3261 §7.1, §7.3.1); parameters of an element are not looked at.
func (m *Message) HasToken(id ID, token string) bool {
	for v := range m.Values(id) {
		if i := strings.IndexByte(v, ';'); i >= 0 {
			v = trimRight(v[:i])
		}
		if v == token || id != IDAllow && equalFold(v, token) {
			return true
		}
	}
	return false
}
