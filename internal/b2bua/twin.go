package b2bua

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Speaks tells whether a dialog or an early one of the call has that Call-ID and tags, ours and its peer's, or without one of ours, its INVITE (RFC 3261 §12): other calls may have the
// Call-ID, too.
func (c *Call) Speaks(callID, ours, theirs string) bool {
	if c.a.speaks(callID, ours, theirs) || c.a.callID == callID && ours != "" && c.earlyTag(ours) {
		return true
	}
	for _, t := range c.attempts {
		if t.leg.speaks(callID, ours, theirs) {
			return true
		}
	}
	return false
}

// hears is speaks of a message.
func (l *Leg) hears(m *sip.Message) bool {
	if m.IsRequest() {
		return l.speaks(l.callID, m.ToTag(), m.FromTag())
	}
	return l.speaks(l.callID, m.FromTag(), m.ToTag())
}

func (l *Leg) speaks(callID, ours, theirs string) bool {
	switch {
	case l.callID != callID:
		return false
	case ours != "":
		return ours == l.tag
	}
	return theirs != "" && (theirs == l.caller || theirs == l.dlg.RemoteTag || l.inv != nil && theirs == l.inv.FromTag())
}

// Speaks is Call.Speaks.
func (r *Rest) Speaks(callID, ours, theirs string) bool {
	for i := range r.legs {
		if l := &r.legs[i]; l.callID == callID && l.speaks(ours, theirs) {
			return true
		}
	}
	return false
}

func (l *restLeg) speaks(ours, theirs string) bool {
	if ours != "" {
		return ours == l.local
	}
	return theirs != "" && (theirs == l.caller || theirs == l.remote)
}

// Ours tells whether an INVITE is one that the call has sent.
func (c *Call) Ours(m *sip.Message) bool { return c.returned(m) != nil }

func (c *Call) returned(m *sip.Message) *Leg {
	for _, l := range c.legs() {
		if l.owns(m) && l.tag == m.FromTag() {
			return l
		}
	}
	return nil
}

// Spiral tells whether one of them has come back for another number, so that it does not go the same way again (RFC 3261 §16.3): who was called forwards to it. The proxy has to stay on the
// way of the dialog, in which we would send requests to ourselves.
func (c *Call) Spiral(m *sip.Message) bool {
	l := c.returned(m)
	if l == nil || l.sent == nil || !m.Has(sip.IDRecordRoute) {
		return false
	}
	was, now := calledUser(l.sent.URI), calledUser(m.URI) // one number may be written in several ways
	return was != "" && now != "" && !strings.HasSuffix(was, now) && !strings.HasSuffix(now, was)
}

// calledUser is the number or name that a Request-URI is for, without what stands before it in some networks only.
func calledUser(uri string) string {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimLeft(u.Number(), "+0"))
}
