package b2bua

import (
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
)

// glareTries bounds how often a re-INVITE is sent again to a leg that answers 491.
const glareTries = 3

// crossed takes a 491 to the re-INVITE of an exchange: it crossed one of the peer, and is sent again after the delay of RFC 3261 §14.1
// instead of failing the side that asked. Where nobody asked, see join, a 500 with Retry-After (§14.2) is waited out as well. False: often
// enough.
func (c *Call) crossed(now time.Time, e *exchange) bool {
	if e.glares >= glareTries || e.gone {
		return false
	}
	e.glares++
	e.again = now.Add(dialog.GlareDelay(e.to.dlg.UAC, c.env.Rand.Uint64()))
	return true
}

// sendAgain sends the request of an exchange once more: its delay is over, or its session timer was too short. What it said stands in the leg's
// description.
func (c *Call) sendAgain(now time.Time, e *exchange, out *Out) {
	e.again = time.Time{}
	l := e.to
	if e.gone || !l.up || l.pending || l.answer.Waiting() || !e.opens() {
		c.exch = nil
		c.failExchange(now, e, diag.RequestPending, 491, out)
		return
	}
	if e.asks() {
		e.until = now.Add(askTime)
	}
	body := ""
	if e.offer {
		body = l.sdp.again()
	}
	c.sendOffer(now, e, body, out)
}

// yield gives way to a change that the leg l asks for while ours for it waits out its delay: whoever speaks first is served, and the
// other side, answered 491, tries again by its own timer (RFC 3261 §14.1).
func (c *Call) yield(now time.Time, l *Leg, out *Out) {
	e := c.exch
	if e == nil || e.again.IsZero() || e.to != l {
		return
	}
	c.exch = nil
	if e.seat { // nobody waits for an answer
		c.plan.restore(e)
		c.xfer.again = now.Add(joinPause)
		return
	}
	c.failExchange(now, e, diag.RequestPending, 491, out)
}
