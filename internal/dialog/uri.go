package dialog

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// nameAddr is From or To, which reads as a, without its parameters, as written.
func nameAddr(v string, a sip.Address) string {
	if a.URI == "" {
		return v
	}
	if strings.IndexByte(a.Display, ',') >= 0 || strings.IndexByte(a.Display, '"') >= 0 { // which the peer may have written without quotes (RFC 4475 §3.1.2.15)
		return sip.Address{Display: a.Display, URI: a.URI}.String()
	}
	if bare, ok := strings.CutSuffix(v, string(a.Params)); ok && bare != "" { // as nearly all
		v = bare
	} else if at := strings.LastIndex(v, string(a.Params)); a.Params != "" && at > 0 {
		v = v[:at]
	}
	return strings.TrimRight(v, "; \t")
}

// inner is the URI of a name-addr or route value.
func inner(v string) string {
	a, err := sip.ParseAddress(v)
	if err != nil {
		return v
	}
	return a.URI
}

// target is the URI of the Contact, fit for a Request-URI; "" when there is none, or none that can be read.
func target(m *sip.Message) string {
	a, ok := m.Contact()
	if !ok {
		return ""
	}
	if _, err := sip.ParseURI(a.URI); err != nil && err != sip.ErrScheme {
		return ""
	}
	return requestURI(a.URI)
}

// requestURI leaves out what may not stand in a Request-URI: headers and the method
// parameter (RFC 3261 §19.1.1).
func requestURI(s string) string {
	if strings.IndexByte(s, '?') < 0 && (strings.IndexByte(s, ';') < 0 || !strings.Contains(strings.ToLower(s), ";method=")) {
		return s
	}
	u, err := sip.ParseURI(s)
	if err != nil {
		s, _, _ = strings.Cut(s, "?")
		return s
	}
	u.Headers = ""
	var keep []string
	for p := range strings.SplitSeq(string(u.Params), ";") {
		if name, _, _ := strings.Cut(p, "="); p != "" && !strings.EqualFold(name, "method") {
			keep = append(keep, p)
		}
	}
	u.Params = sip.Params(strings.Join(keep, ";"))
	return u.String()
}

// loose tells whether a route value is of a loose router: its URI has the lr parameter
// (RFC 3261 §19.1.1).
func loose(route string) bool {
	u, err := sip.ParseURI(inner(route))
	return err == nil && u.Params.Has("lr")
}

// routes are the values of Record-Route as a route set: in order for the UAS, reversed for
// the UAC (RFC 3261 §12.1).
func routes(m *sip.Message, reversed bool) []string {
	var set []string
	for v := range m.Values(sip.IDRecordRoute) {
		set = append(set, strings.Clone(v))
	}
	if reversed {
		slices.Reverse(set)
	}
	return set
}
