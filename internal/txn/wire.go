package txn

import (
	"errors"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

type via struct{ raw, branch, sentBy string }

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

func set(m *sip.Message, id sip.ID, v string) {
	for i := range m.Headers {
		if m.Headers[i].ID == id {
			m.Headers[i].Value = v
			return
		}
	}
	add(m, id, v)
}

func topVia(m *sip.Message) (v via) {
	v.raw, _, _ = strings.Cut(get(m, sip.IDVia), ",")
	head, params, _ := strings.Cut(v.raw, ";")
	if i := strings.IndexAny(head, " \t"); i >= 0 {
		v.sentBy = strings.TrimSpace(head[i:])
	}
	for p := range strings.SplitSeq(params, ";") {
		if k, val, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "branch") {
			v.branch = strings.TrimSpace(val)
		}
	}
	return v
}

func cseq(m *sip.Message) (uint32, string) {
	n, method, _ := strings.Cut(get(m, sip.IDCSeq), " ")
	v, _ := strconv.ParseUint(n, 10, 32)
	return uint32(v), strings.TrimSpace(method)
}

func tag(m *sip.Message, id sip.ID) string {
	_, t, _ := strings.Cut(get(m, id), ";tag=")
	t, _, _ = strings.Cut(t, ";")
	return t
}

func encode(m *sip.Message) []byte {
	var b strings.Builder
	if m.IsRequest() {
		b.WriteString(m.Method + " " + m.URI + " SIP/2.0\r\n")
	} else {
		b.WriteString("SIP/2.0 " + strconv.Itoa(m.Status) + " " + m.Reason + "\r\n")
	}
	for _, h := range m.Headers {
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	b.WriteString("\r\n" + m.Body)
	return []byte(b.String())
}

func parse(data []byte) (*sip.Message, error) {
	m := &sip.Message{}
	head, body, _ := strings.Cut(string(data), "\r\n\r\n")
	m.Body = body
	for i, l := range strings.Split(head, "\r\n") {
		if i == 0 {
			f := strings.SplitN(l, " ", 3)
			if len(f) < 3 {
				return nil, errors.New("start line")
			}
			m.Method, m.URI = f[0], f[1]
			continue
		}
		n, v, _ := strings.Cut(l, ": ")
		id := sip.IDOther
		for k, name := range names {
			if name == n {
				id = k
			}
		}
		m.Headers = append(m.Headers, sip.Header{ID: id, Name: n, Value: v})
	}
	return m, nil
}
