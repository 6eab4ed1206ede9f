package b2bua

import (
	"strings"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sdp"
)

// maxOffered bounds what the record says of a description.
const maxOffered = 256

// offered says in a line what a description offers, for the record of a call that fails by it; "" where it cannot be read. It names no address.
func offered(body string) string {
	s, err := sdp.Parse(body)
	if err != nil {
		return ""
	}
	var lines []string
	for i := range s.Media {
		m := &s.Media[i]
		var formats []string
		for _, c := range m.Codecs {
			if !c.Auxiliary() && c.Name != "" {
				formats = append(formats, c.Name)
			}
		}
		if len(m.Codecs) == 0 {
			formats = m.Formats
		}
		lines = append(lines, strings.TrimSpace(m.Kind+" "+m.Proto+" "+strings.Join(formats, " ")))
	}
	return clip(strings.Join(lines, ", "), maxOffered)
}

// unsuited adds to the detail of a call what its caller has offered, where that is why it is refused.
func (c *Call) unsuited(why *diag.Reason, detail string) string {
	switch why {
	case diag.NotAcceptable, diag.SRTPRequired, diag.SRTPNotSupported, diag.SRTPNoKeys:
		if what := offered(c.offer); what != "" && c.rec.Answered.IsZero() {
			return join(detail, "the caller offers "+what)
		}
	}
	return detail
}

// told adds to what a target has answered what it answers to: the password of its trunk, or an offer that it does not take.
func (l *Leg) told(r *rejection) {
	if l.sent == nil {
		return
	}
	switch {
	case r.status == 403 && l.auth != nil && len(l.auth.sent[0].headers) > 0:
		r.detail += ", to an INVITE with the user and password of the trunk"
	case r.status == 488 || r.status == 606 || r.status == 415:
		if what := offered(l.sent.Body); what != "" {
			r.detail += ", to an offer of " + what
		}
	}
}
