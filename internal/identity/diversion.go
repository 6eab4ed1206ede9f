package identity

import (
	"slices"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// diversions reads Diversion (RFC 5806), in which the latest redirection comes first.
func diversions(m *sip.Message) (list []Diversion) {
	for v := range m.Values(sip.IDDiversion) {
		if len(list) == maxValues {
			break
		}
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		d := Diversion{Party: party(a), Count: 1}
		if d.URI == "" {
			continue
		}
		reason, _ := a.Params.Get("reason")
		d.Reason = reasonOf(reason)
		if s, ok := a.Params.Get("counter"); ok {
			if n, err := strconv.ParseUint(s, 10, 8); err == nil && n > 0 {
				d.Count = int(n)
			}
		}
		if s, ok := a.Params.Get("privacy"); ok && !strings.EqualFold(s, "off") {
			d.Private = true
		}
		list = append(list, d)
	}
	slices.Reverse(list)
	return list
}

// diversion writes one redirection, with a number of the peer's.
func (o *Outgoing) diversion(d *Diversion) string {
	b := o.appendAddress(nil, o.shown(d), d.Number)
	b = append(b, ";reason="...)
	b = append(b, d.Reason.String()...)
	b = append(b, ";counter="...)
	b = strconv.AppendInt(b, int64(d.Count), 10)
	if d.Private {
		return string(append(b, ";privacy=full"...))
	}
	return string(append(b, ";privacy=off"...))
}

// shown is the display name of who passed the call on.
func (o *Outgoing) shown(d *Diversion) string {
	if d.Private {
		return ""
	}
	return o.named(d.Display)
}
