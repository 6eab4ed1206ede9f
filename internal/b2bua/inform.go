package b2bua

import (
	"strconv"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sip"
)

func retryAfter(e *Env) string { return strconv.Itoa(dialog.RetryAfter(e.Rand.Uint64())) }

// maxRequests bounds the non-INVITE transactions of a leg that a peer can make us keep.
const maxRequests = 32

// receiveRequestResponse takes a response to a non-INVITE request of ours.
func (c *Call) receiveRequestResponse(now time.Time, l *Leg, r *request, m *sip.Message, out *Out) {
	if m.Status < 200 {
		return
	}
	if r.acks != nil {
		r.acks.busy = false
		return
	}
	if r.early != nil {
		body, _ := m.SDP()
		c.answeredEarly(now, r.early, m.Status, body, out)
		return
	}
	if r.refresh {
		c.refreshAnswered(now, l, m, out)
		return
	}
	switch r.Method() {
	case "UPDATE":
		if r.tells {
			c.checkHere(now, l, m.Status, "UPDATE", out)
			return
		}
		c.receiveUpdateResponse(now, l, m, out)
	case "BYE", "CANCEL":
	case "REFER":
		if m.Status == 481 {
			c.handBack(now, l, r, m, out)
			c.vanished(now, l, "REFER answered 481", out)
			return
		}
		c.referAnswered(now, r, m.Status, out)
	case "NOTIFY":
		if r.waiter == nil {
			c.notified(now, l, m.Status, out)
			return
		}
		c.handBack(now, l, r, m, out)
	default:
		c.handBack(now, l, r, m, out)
		if !ofSubscription(r.Method()) {
			c.checkHere(now, l, m.Status, r.Method(), out)
		}
	}
}

func (c *Call) receiveUpdateResponse(now time.Time, l *Leg, m *sip.Message, out *Out) {
	e := c.exch
	if e == nil || e.to != l || e.forward != "UPDATE" {
		return
	}
	if l.longer(m) {
		l.oa.Failed("UPDATE")
		c.sendAgain(now, e, out)
		return
	}
	c.exch = nil
	body, ok := m.SDP()
	switch {
	case m.Status >= 300:
		l.oa.Failed("UPDATE")
		why, status := l.passed(m, refusal(m))
		c.failExchange(now, e, why, status, out)
		c.checkGone(now, l, m.Status, "UPDATE", out)
	case !ok:
		l.oa.Failed("UPDATE")
		c.failExchange(now, e, diag.BadAnswer, 500, out)
		c.withdrawn(now, l, out)
	default:
		l.dlg.Refresh(m)
		c.follow(l)
		l.oa.RemoteAnswer()
		c.finishExchange(now, e, body, out)
	}
}

// checkGone ends the call when a peer says that it does not know it, or says nothing (RFC 3261 §12.2.1.2).
func (c *Call) checkGone(now time.Time, l *Leg, status int, method string, out *Out) {
	if status == 481 || status == 408 {
		c.vanished(now, l, method+" answered "+strconv.Itoa(status), out)
	}
}

// checkHere is checkGone of a request that has no part in the session: INFO, MESSAGE, REFER, or an UPDATE that only tells something. There are peers and proxies that drop what they do not
// care for, or say 408 to it, and who talks through them is not to be hung up for that (RFC 5057 §4.2: it affects at most the usage that it is of).
func (c *Call) checkHere(now time.Time, l *Leg, status int, method string, out *Out) {
	if status == 408 {
		c.doubt(now, l, out)
		return
	}
	c.checkGone(now, l, status, method, out)
}

// doubt asks a peer that has said nothing to such a request whether it is there, by what no peer drops: a re-INVITE with what stands. One that says nothing to that either is gone. Once is
// enough for all that a peer leaves unanswered at that time.
func (c *Call) doubt(now time.Time, l *Leg, out *Out) {
	if c.end != nil || c.xfer != nil || l != c.seat(l.side) || !l.asked.IsZero() && now.Sub(l.asked) <= lingerTime {
		return
	}
	if c.reoffer(now, l, out) { // else something else is under way, which tells as well
		l.asked = now
	}
}

// ofSubscription tells whether a method is one of subscriptions, which may share the dialog of a call: what becomes of them says nothing of that (RFC 5057 §5.1,
// RFC 6665 §4.1.2.2, §4.2.2).
func ofSubscription(method string) bool { return method == "SUBSCRIBE" || method == "NOTIFY" }

// requestNotSent takes a non-INVITE request that could not be sent to hop, and was req.
func (c *Call) requestNotSent(now time.Time, l *Leg, r *request, req *sip.Message, hop sip.Hop, out *Out) {
	switch r.Method() {
	case "CANCEL", "PRACK": // what counts is what comes for the INVITE
	case "BYE":
		l.byes.add(now, req, hop)
	default:
		c.receiveRequestResponse(now, l, r, sip.NewResponse(req, 503, ""), out)
	}
}

// requestFailed takes a non-INVITE request that got no answer.
func (c *Call) requestFailed(now time.Time, l *Leg, r *request, out *Out) {
	switch r.Method() {
	case "CANCEL", "PRACK":
		return // what counts is what comes for the INVITE
	case "BYE":
		return
	}
	if r.early != nil {
		c.answeredEarly(now, r.early, 408, "", out)
		return
	}
	if r.Method() == "NOTIFY" && r.waiter == nil {
		c.notified(now, l, 0, out)
		return
	}
	if r.waiter != nil {
		m := sip.NewResponse(r.req, 408, "")
		m.SetToTag(r.from.tag)
		c.reply(now, r.from, r.waiter, m, out)
		r.waiter, r.from, r.req = nil, nil, nil
		if x := c.xfer; r.Method() == "REFER" && x != nil && x.stage == transferReferred && x.rest == l {
			x.sub = nil // nobody has been told that it is accepted
			c.transferFailed(now, x, 408, diag.TransferFailed, out)
		}
	}
	changes := r.Method() == "UPDATE" && !r.tells
	if e := c.exch; changes && e != nil && e.to == l && e.forward == "UPDATE" {
		c.exch = nil
		l.oa.Failed("UPDATE")
		c.failExchange(now, e, diag.PeerVanished, 408, out)
	}
	switch {
	case !l.up || ofSubscription(r.Method()):
	case changes:
		c.vanished(now, l, "no answer to a request", out)
	default:
		c.doubt(now, l, out)
	}
}

// name says whose leg it is.
func (c *Call) name(l *Leg) string {
	if l.side == 0 {
		return "caller"
	}
	return "callee"
}
