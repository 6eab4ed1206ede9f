package identity

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// entry is one hi-entry of History-Info (RFC 7044 §5): a Request-URI that the call had.
type entry struct {
	Party
	cause   string // why the call came here: the cause parameter of its URI (RFC 4458)
	failed  string // why it went on: the cause of the Reason header that is escaped in its URI (RFC 7044 §5)
	passed  bool   // the peer says so in a way of its own
	private bool
}

// historyInfo reads the redirections out of History-Info, which is in the order of its indexes. The party of an entry has passed the
// call on when the next entry says why the call came there, or the entry itself says why it went on (RFC 7544 §6.1). An entry without
// either is a Request-URI on its way to one and the same party.
func historyInfo(m *sip.Message) (list []Diversion) {
	var before *entry
	n := 0
	for v := range m.Values(sip.IDHistoryInfo) {
		if n++; n > 2*maxValues {
			break
		}
		e, ok := historyEntry(v)
		if !ok {
			continue
		}
		if b := before; b != nil && (e.cause != "" || b.failed != "" || b.passed) {
			d := Diversion{Party: b.Party, Count: 1, Private: b.private, Reason: Unconditional}
			switch {
			case e.cause != "":
				d.Reason = reasonOfCause(e.cause)
			case b.failed != "":
				d.Reason = reasonOfCause(b.failed)
			}
			list = append(list, d)
		}
		before = &e
	}
	return list
}

// historyEntry reads one value.
func historyEntry(v string) (e entry, ok bool) {
	a, err := sip.ParseAddress(v)
	if err != nil {
		return e, false
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return e, false
	}
	e.Party = Party{Display: a.Display, URI: a.URI, Number: Number(u), host: u.Host}
	e.cause, _ = u.Params.Get("cause")
	for _, p := range [...]sip.Params{a.Params, u.Params} { // Lync's way to say it
		if s, found := p.Get("ms-retarget-reason"); found && !strings.EqualFold(s, "none") {
			e.passed = true
		}
	}
	for rest, more := u.Headers, u.Headers != ""; more; {
		var h string
		h, rest, more = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(h, "=")
		value = sip.Unescape(value)
		switch {
		case strings.EqualFold(name, "Privacy"):
			p := parsePrivacy(value)
			e.private = p.Has(PrivacyHistory | PrivacySession | PrivacyHeader)
		case strings.EqualFold(name, "Reason"):
			protocol, params, _ := strings.Cut(value, ";")
			if strings.EqualFold(strings.TrimSpace(protocol), "SIP") {
				e.failed, _ = sip.Params(params).Get("cause")
			}
		}
	}
	return e, true
}

// history writes redirections, with numbers of the peer's, as History-Info, with the call's present target as the last entry (RFC 7544 §5.1): each entry is one
// level below the one that it was mapped from, and its cause tells why. Redirections that have only been counted become
// entries of unknown parties.
func (o *Outgoing) history(list []Diversion, target string) string {
	var b []byte
	index := "1"
	cause := ""
	for i := range list {
		d := &list[i]
		for k := range d.Count {
			uri := "sip:unknown@unknown.invalid"
			if k == 0 {
				uri = string(o.appendURI(nil, d.Number))
			}
			private := ""
			if d.Private && k == 0 {
				private = "?Privacy=history"
			}
			b = appendEntry(b, uri, cause, private, index)
			index, cause = index+".1", reasons[d.Reason].cause
		}
	}
	return string(appendEntry(b, target, cause, "", index))
}

func appendEntry(b []byte, uri, cause, headers, index string) []byte {
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(b, '<')
	b = append(b, uri...)
	if cause != "" {
		b = append(b, ";cause="...)
		b = append(b, cause...)
	}
	b = append(b, headers...)
	b = append(b, ">;index="...)
	b = append(b, index...)
	if parent, found := strings.CutSuffix(index, ".1"); found {
		b = append(b, ";mp="...)
		b = append(b, parent...)
	}
	return b
}
