package dialog

import (
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Request builds the next request of the dialog (RFC 3261 §12.2.1.1): Request-URI, Route,
// Max-Forwards, From, To, Call-ID and CSeq. Via and Contact are added by the leg. LocalSeq
// goes up.
func (d *Dialog) Request(method string) *sip.Message {
	d.LocalSeq++
	return d.build(method, d.LocalSeq)
}

// Ack builds the ACK for a 2xx to the INVITE with that CSeq (RFC 3261 §13.2.2.4). It is a
// transaction of its own and needs a new branch; credentials of the INVITE are the leg's.
func (d *Dialog) Ack(inviteCSeq uint32) *sip.Message {
	return d.build("ACK", inviteCSeq)
}

func (d *Dialog) build(method string, seq uint32) *sip.Message {
	m := &sip.Message{Method: method, URI: d.target()}
	m.Headers = make([]sip.Header, 0, 10+len(d.RouteSet))
	switch {
	case len(d.RouteSet) == 0:
	case loose(d.RouteSet[0]):
		for _, r := range d.RouteSet {
			add(m, sip.IDRoute, r)
		}
	default:
		// A strict router of RFC 2543 wants itself in the Request-URI and the target last.
		for _, r := range d.RouteSet[1:] {
			add(m, sip.IDRoute, r)
		}
		add(m, sip.IDRoute, "<"+m.URI+">")
		m.URI = requestURI(inner(d.RouteSet[0]))
	}
	add(m, sip.IDMaxForwards, "70")
	add(m, sip.IDFrom, tagged(d.LocalURI, d.LocalTag))
	add(m, sip.IDTo, tagged(d.RemoteURI, d.RemoteTag))
	add(m, sip.IDCallID, d.CallID)
	add(m, sip.IDCSeq, strconv.FormatUint(uint64(seq), 10)+" "+method)
	return m
}

func tagged(nameAddr, tag string) string {
	if tag == "" {
		return nameAddr
	}
	return nameAddr + ";tag=" + tag
}

// loose tells whether a route value is of a loose router: its URI has the lr parameter
// (RFC 3261 §19.1.1).
func loose(route string) bool {
	uri, _, _ := strings.Cut(inner(route), "?")
	_, params, _ := strings.Cut(uri, ";")
	for p := range strings.SplitSeq(params, ";") {
		name, _, _ := strings.Cut(p, "=")
		if strings.EqualFold(name, "lr") {
			return true
		}
	}
	return false
}
