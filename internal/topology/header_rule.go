package topology

import (
	"regexp"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// HeaderRules change headers of the first messages of a call on a trunk: of its INVITE and the responses to that. In is for what arrives,
// before anything is read of it, Out for what leaves, when all is written.
type HeaderRules struct{ In, Out []HeaderRule }

// HeaderOp is what a header rule does.
type HeaderOp string

// The operations.
const (
	HeaderAdd     HeaderOp = "add"     // one line more
	HeaderRemove  HeaderOp = "remove"  // the lines whose value matches
	HeaderReplace HeaderOp = "replace" // what matches in each line, or the whole value
	HeaderCopy    HeaderOp = "copy"    // the lines whose value matches, under another name or from the other leg
)

// HeaderRule is one operation.
type HeaderRule struct {
	Op      HeaderOp
	Name    string         // of the header, as written
	To      string         // of the copy
	Value   string         // HeaderAdd, HeaderReplace: as written
	Match   *regexp.Regexp // nil: any value
	Expand  string         // Value in Go's form, when Match is there
	Methods []string       // empty: INVITE and OPTIONS
	Codes   Codes          // nil: the rule is for requests; else for responses with these codes

	id sip.ID // of Name
}

// Bounds of header rules: they make no message larger than this.
const (
	maxHeaderRules = 50   // of one direction
	maxHeaderCopy  = 10   // lines of one rule
	maxHeaderValue = 1024 // octets
)

// ApplyHeaderRules applies the rules in their order to a message that is built or was received. other is what HeaderCopy reads, nil for
// nothing. Rules cannot name the headers of transaction and dialog, so the message stays what it is.
func ApplyHeaderRules(rules []HeaderRule, m, other *sip.Message) {
	if len(rules) == 0 {
		return
	}
	method := m.Method
	if !m.IsRequest() {
		_, method, _ = m.CSeq()
	}
	for i := range rules {
		if r := &rules[i]; r.means(m, method) {
			r.apply(m, other)
		}
	}
}

// Removes tells whether no INVITE leaves with a header, since a rule takes it out whatever it says.
func (r *HeaderRules) Removes(id sip.ID) bool {
	for i := range r.Out {
		if o := &r.Out[i]; o.Op == HeaderRemove && o.id == id && o.Match == nil && o.Codes == nil && (len(o.Methods) == 0 || slices.Contains(o.Methods, "INVITE")) {
			return true
		}
	}
	return false
}

// means tells whether the rule is for a message.
func (r *HeaderRule) means(m *sip.Message, method string) bool {
	if len(r.Methods) > 0 && !slices.Contains(r.Methods, method) {
		return false
	}
	if m.IsRequest() {
		return r.Codes == nil
	}
	return r.Codes[m.Status]
}

func (r *HeaderRule) apply(m, other *sip.Message) {
	switch r.Op {
	case HeaderAdd:
		m.AddName(r.Name, r.Value)
	case HeaderRemove:
		m.Headers = slices.DeleteFunc(m.Headers, r.matches)
	case HeaderReplace:
		for i := range m.Headers {
			if h := &m.Headers[i]; r.matches(*h) {
				h.Value = r.replaced(h.Value)
			}
		}
		m.Headers = slices.DeleteFunc(m.Headers, func(h sip.Header) bool { return h.Value == "" && r.named(h) })
	case HeaderCopy:
		r.copy(m, other)
	}
}

// named tells whether a line has the rule's header, in its long or compact name and any case.
func (r *HeaderRule) named(h sip.Header) bool {
	return h.ID == r.id && (h.ID != sip.IDOther || strings.EqualFold(h.Name, r.Name))
}

func (r *HeaderRule) matches(h sip.Header) bool {
	return r.named(h) && (r.Match == nil || r.Match.MatchString(h.Value))
}

// replaced is the value after HeaderReplace; one that would grow too long stays.
func (r *HeaderRule) replaced(value string) string {
	if r.Match == nil {
		return r.Value
	}
	limit := max(maxHeaderValue, len(value))
	var b []byte
	from := 0
	for _, at := range r.Match.FindAllStringSubmatchIndex(value, -1) {
		b = append(b, value[from:at[0]]...)
		b = r.Match.ExpandString(b, r.Expand, value, at)
		if from = at[1]; len(b) > limit { // looked at while it grows: a peer chooses how often the pattern matches
			return value
		}
	}
	b = append(b, value[from:]...)
	if v := strings.TrimSpace(string(b)); len(v) <= limit {
		return v
	}
	return value
}

func (r *HeaderRule) copy(m, other *sip.Message) {
	if other == nil {
		return
	}
	var values []string // m and other may be one
	for _, h := range other.Headers {
		if len(values) < maxHeaderCopy && len(h.Value) <= maxHeaderValue && r.matches(h) {
			values = append(values, h.Value)
		}
	}
	for _, v := range values {
		m.AddName(r.To, v)
	}
}
