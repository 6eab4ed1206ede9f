package b2bua

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
)

// Who has heard an announcement after a 200 (RTE-29) is connected with whom the call goes on to as the target of a transfer is with who stays: the target is offered
// what the caller has said last, and the caller is told the target's description by a re-INVITE (RFC 3725 §4.4). On the seat that the target takes sat nobody, or we, so
// nobody leaves it and nobody is told; and where no target takes the call there is nobody to go back to, so that it ends.

// willConnect keeps, as the caller is answered, what it is called on with afterwards. Of who sits opposite there is only what it would have been told.
func (c *Call) willConnect(now time.Time) {
	a := c.decision.Announcement
	c.xfer = &transfer{by: &Leg{side: 1}, rest: &c.a, until: now.Add(referTime), asked: c.a.inv, tone: a.Ringback}
	c.xfer.by.sdp.body = strings.Clone(c.offered.Body())
}

// connects tells whether it is no transfer.
func (x *transfer) connects() bool { return x != nil && x.asked != nil }

// asked is the INVITE for which targets are called: the caller's. nil: they are called for a transfer.
func (c *Call) asked() *sip.Message {
	if c.xfer != nil {
		return c.xfer.asked
	}
	return c.a.inv
}

// notConnected ends the call as the caller and who has taken it do not agree.
func (c *Call) notConnected(now time.Time, why *diag.Reason, out *Out) {
	by, detail := "directsip", "the caller could not be connected with who had answered"
	if why == diag.PeerVanished {
		by, detail = c.name(c.xfer.rest), "re-INVITE was not answered"
	}
	c.finish(now, why, by, detail, out)
}
