package dialog

import (
	"strconv"

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
	m := sip.NewRequest(method, d.target())
	switch {
	case len(d.RouteSet) == 0:
	case loose(d.RouteSet[0]):
		for _, r := range d.RouteSet {
			m.Add(sip.IDRoute, r)
		}
	default:
		// A strict router of RFC 2543 wants itself in the Request-URI and the target last.
		for _, r := range d.RouteSet[1:] {
			m.Add(sip.IDRoute, r)
		}
		m.Add(sip.IDRoute, "<"+m.URI+">")
		m.URI = requestURI(inner(d.RouteSet[0]))
	}
	m.Add(sip.IDMaxForwards, "70")
	var room [256]byte
	text := appendTagged(room[:0], d.LocalURI, d.LocalTag)
	from := len(text)
	text = appendTagged(text, d.RemoteURI, d.RemoteTag)
	to := len(text)
	text = strconv.AppendUint(text, uint64(seq), 10)
	text = append(text, ' ')
	all := string(append(text, method...)) // the three are pieces of one text
	m.Add(sip.IDFrom, all[:from])
	m.Add(sip.IDTo, all[from:to])
	m.Add(sip.IDCallID, d.CallID)
	m.Add(sip.IDCSeq, all[to:])
	return m
}

func appendTagged(b []byte, nameAddr, tag string) []byte {
	b = append(b, nameAddr...)
	if tag == "" {
		return b
	}
	b = append(b, ";tag="...)
	return append(b, tag...)
}
