package dialog

import (
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

func get(m *sip.Message, id sip.ID) string {
	for i := range m.Headers {
		if m.Headers[i].ID == id {
			return m.Headers[i].Value
		}
	}
	return ""
}

var names = map[sip.ID]string{sip.IDVia: "Via", sip.IDRoute: "Route", sip.IDMaxForwards: "Max-Forwards", sip.IDFrom: "From", sip.IDTo: "To", sip.IDCallID: "Call-ID", sip.IDCSeq: "CSeq"}

func add(m *sip.Message, id sip.ID, v string) {
	m.Headers = append(m.Headers, sip.Header{ID: id, Name: names[id], Value: v})
}

func cseq(m *sip.Message) (uint32, string) {
	n, method, _ := strings.Cut(get(m, sip.IDCSeq), " ")
	v, _ := strconv.ParseUint(n, 10, 32)
	return uint32(v), strings.TrimSpace(method)
}

func nameAddr(v string) (addr, tag string) {
	end := strings.IndexByte(v, '>') + 1
	if end == 0 {
		end = strings.IndexByte(v+";", ';')
	}
	for p := range strings.SplitSeq(v[end:], ";") {
		if k, val, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "tag") {
			tag = strings.TrimSpace(val)
		}
	}
	return v[:end], tag
}

// inner is the URI of a name-addr.
func inner(v string) string {
	if i := strings.IndexByte(v, '<'); i >= 0 {
		v = v[i+1:]
		if j := strings.IndexByte(v, '>'); j >= 0 {
			v = v[:j]
		}
	}
	return v
}

// target is the URI of the Contact, fit for a Request-URI.
func target(m *sip.Message) string {
	c := get(m, sip.IDContact)
	if c == "" || c == "*" {
		return ""
	}
	a, _ := nameAddr(c)
	return requestURI(inner(a))
}

// requestURI leaves out what may not stand in a Request-URI (RFC 3261 §19.1.1).
func requestURI(u string) string {
	u, _, _ = strings.Cut(u, "?")
	return u
}

func routes(m *sip.Message, reversed bool) []string {
	var rs []string
	for _, h := range m.Headers {
		if h.ID == sip.IDRecordRoute {
			for v := range strings.SplitSeq(h.Value, ",") {
				rs = append(rs, strings.Clone(strings.TrimSpace(v)))
			}
		}
	}
	if reversed {
		for i, j := 0, len(rs)-1; i < j; i, j = i+1, j-1 {
			rs[i], rs[j] = rs[j], rs[i]
		}
	}
	return rs
}
