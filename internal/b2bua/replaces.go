package b2bua

import (
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Replaces names a dialog as the one who is asked to replace it knows it (RFC 3891 §6.1).
type Replaces struct {
	CallID    string
	Local     string // to-tag: ours
	Remote    string // from-tag
	EarlyOnly bool
}

// ParseReplaces reads the value of a Replaces header; false when it does not name a dialog.
func ParseReplaces(v string) (Replaces, bool) {
	id, params, _ := strings.Cut(v, ";")
	r := Replaces{CallID: strings.TrimSpace(id)}
	p := sip.Params(params)
	r.Local, _ = p.Get("to-tag")
	r.Remote, _ = p.Get("from-tag")
	r.EarlyOnly = p.Has("early-only")
	sip.Own(&r.CallID, &r.Local, &r.Remote)
	return r, r.CallID != "" && r.Local != "" && r.Remote != ""
}

// seated finds the leg that is the dialog, if it has a seat. Who hears an announcement talks to nobody that could stay.
func (c *Call) seated(d *Replaces) *Leg {
	if c.phase != phaseAnswered || c.announces() {
		return nil
	}
	for _, l := range [...]*Leg{c.seat(0), c.seat(1)} {
		if l != nil && l.up && l.callID == d.CallID && l.tag == d.Local && l.dlg.RemoteTag == d.Remote {
			return l
		}
	}
	return nil
}

// mayReplace says why a peer on a trunk may not take the seat of the dialog, or whose seat it is (RFC 3891 §3). A dialog that is only
// early is not found: see pickUp.
func (c *Call) mayReplace(d *Replaces, t *topology.Trunk) (*Leg, *diag.Reason) {
	l := c.seated(d)
	switch {
	case l == nil:
		return nil, diag.CallGone
	case !mayTake(t, l):
		return nil, diag.ReplacesRefused
	case d.EarlyOnly:
		return nil, diag.Busy
	case c.xfer != nil || l.pending || l.answer.Waiting() || !l.acked || !c.other(l).up:
		return nil, diag.RequestPending
	case int(c.transfers) >= maxTransfers:
		return nil, diag.TransferLimit
	}
	return l, nil
}

// mayTake tells whether acceptReplaces of a peer's trunk lets it take the place of a leg.
func mayTake(t *topology.Trunk, l *Leg) bool {
	return t.Settings.AcceptReplaces != "off" && (t.Settings.AcceptReplaces != "own" || t.Gateway == l.trunk.Gateway)
}

// Replace takes an INVITE with Replaces: its sender takes the seat of the dialog that it names, once who stays has accepted its offer.
// What cannot be is refused within a transaction: a repetition of the INVITE gets the same answer, whatever has changed meanwhile.
func (c *Call) Replace(now time.Time, in Caller, d *Replaces, out *Out) {
	c.now = now
	req := in.Req
	l := Leg{trunk: in.Trunk, callID: strings.Clone(req.CallID()), tag: c.env.tag(), hop: Back(in.Source, req), inv: req}
	l.hop.As, l.hop.Secure = c.env.As(in.Trunk, l.hop.Local), secureDialog(in.Source, req)
	l.invs.Start(now, req, l.hop, c.env.Timers)
	out.CallIDs = append(out.CallIDs, l.callID)
	c.hearSession(&l, req)
	c.again(&l)
	if t := c.ringing(d); t != nil {
		p, why := c.judgePickUp(in, &l, d, t)
		if why == nil {
			why = c.acquire(now, in.Trunk)
		}
		if why != nil {
			c.refuseGuest(now, l, why, out)
		} else {
			l.who = c.whoComes(in, &t.leg)
			c.pickUp(now, &p, l, out)
		}
		c.settle(now, out)
		return
	}
	by, said, why := c.judgeReplaces(in, &l, d)
	if why == nil {
		why = c.acquire(now, in.Trunk)
	}
	if why != nil {
		c.refuseGuest(now, l, why, out)
		return
	}
	l.who = c.whoComes(in, by)
	from := req.From()
	x := c.beginTransfer(now, by, c.other(by), &referral{uri: strings.Clone(from.URI)}, "replaces")
	x.new = c.guest(now, by, l)
	c.seatByInvite(now, x, said, out)
	c.settle(now, out)
}

// turnedAway is the place of who was refused a seat of this call, and asks for one again with another INVITE; -1: nobody does.
func (c *Call) turnedAway(m *sip.Message) int {
	return slices.IndexFunc(c.attempts, func(t *attempt) bool {
		if t.leg.turned == 0 || !supersedes(m, t.leg.callID, t.leg.turned) {
			return false
		}
		d, ok := ParseReplaces(m.Get(sip.IDReplaces))
		return ok && (c.a.callID == d.CallID || slices.ContainsFunc(c.attempts, func(t *attempt) bool { return t.leg.callID == d.CallID }))
	})
}

// again makes an INVITE with Replaces the next one of who was refused before: what is left of that goes on in its leg.
func (c *Call) again(l *Leg) {
	if i := c.turnedAway(l.inv); i >= 0 {
		before := &c.attempts[i].leg
		t := before.invs
		l.refused, l.servers = remember(before.refused, &t, maxRequests), before.servers
		c.attempts = slices.Delete(c.attempts, i, i+1)
	}
}

// refuseGuest refuses an INVITE with Replaces.
func (c *Call) refuseGuest(now time.Time, l Leg, why *diag.Reason, out *Out) {
	r := sip.NewResponse(l.inv, why.Status, "")
	r.SetToTag(l.tag)
	Explain(r, why, "")
	switch why.Status {
	case 420:
		RefuseRequired(l.trunk.Settings, r, l.inv)
	case 422:
		r.Add(sip.IDMinSE, seconds(l.trunk.Settings.MinSE))
	}
	l.invs.Respond(now, r, &out.Out)
	l.turned, _, _ = l.inv.CSeq()
	l.inv = nil
	c.attempts = append(c.attempts, &attempt{leg: l, state: attemptOver, index: -1})
}

// admit says why who sends an INVITE with Replaces cannot talk to who stays, or opens its keys on the leg that is to be, where its m-lines stand there: those that stays has by before
// keep their places (RFC 3264 §8).
func (c *Call) admit(in Caller, l, stays *Leg, before string) *diag.Reason {
	switch {
	case Unserved(in.Trunk.Settings, in.Req) != "":
		return diag.UnsupportedExtension
	case l.tooShort(in.Req):
		return diag.SessionIntervalTooSmall
	case !c.mayJoin(stays, c.at(in.Trunk, in.Req.From().URI)):
		return diag.TollBypass
	}
	body, _ := in.Req.SDP()
	whole, absent := sdp.Complete(before, body)
	if absent != 0 {
		in.Req.ReplaceSDP(body, whole)
	}
	why := c.open(l, in.Req)
	l.absent = absent
	return why
}

// judgeReplaces reads an INVITE with Replaces, or says why it is refused.
func (c *Call) judgeReplaces(in Caller, l *Leg, d *Replaces) (by *Leg, said *sdp.Session, why *diag.Reason) {
	if by, why = c.mayReplace(d, in.Trunk); why != nil {
		return nil, nil, why
	}
	if why = c.admit(in, l, c.other(by), c.other(by).sdp.body); why != nil {
		return nil, nil, why
	}
	body, ok := in.Req.SDP()
	if !ok {
		return nil, nil, diag.NotAcceptable
	}
	said, err := parseOffer(body)
	if err != nil {
		return nil, nil, diag.BadSDP
	}
	if c.plan.bypass && !c.joins(by, c.other(by), in.Trunk, said) {
		return nil, nil, diag.NotAcceptable
	}
	return by, said, c.roomForGuest(l, by.side, c.other(by), said)
}

// seatByInvite begins the dialog of who came by INVITE with Replaces and has who stays asked.
func (c *Call) seatByInvite(now time.Time, x *transfer, said *sdp.Session, out *Out) {
	l := &x.new.leg
	req := l.inv
	c.beginGuest(now, l)
	x.said, x.answer, x.stage = said, req, transferJoining
	c.plan.dirty = true
	c.join(now, x, out)
}

// guest makes room for a leg that is about to take a seat and was not called by us.
func (c *Call) guest(now time.Time, by *Leg, l Leg) *attempt {
	c.rec.Attempts = append(c.rec.Attempts, cdr.Attempt{Trunk: l.trunk.Name, Remote: l.hop.Remote.String(), At: c.moment(now), Class: "joined"})
	t := &attempt{leg: l, state: attemptAnswered, index: len(c.rec.Attempts) - 1, hops: []Addr{{Remote: l.hop.Remote}}} // where it has been met, see host
	t.leg.side, t.leg.number = by.side, uint8(min(len(c.rec.Attempts), 255))
	c.attempts = append(c.attempts, t)
	return t
}

// beginGuest begins the dialog of a guest that came by INVITE with Replaces.
func (c *Call) beginGuest(now time.Time, l *Leg) {
	req := l.inv
	l.ackSeq, _, _ = req.CSeq()
	l.learn(c.env, req)
	l.hearTimer(req)
	l.sdp.start(c.env)
	l.oa.RemoteInvite(true)
	l.dlg = dialog.NewUAS(req, l.tag)
	c.note(now, l, false, req)
}

// answerGuest sends the 200 to an INVITE with Replaces, with what who stays has answered.
func (c *Call) answerGuest(now time.Time, l *Leg, body string, out *Out) {
	r := c.inviteReply(l, l.tag, 200, "")
	c.say(l, r, body)
	l.dlg.Confirmed, l.up = true, true
	c.follow(l)
	l.oa.LocalAnswer()
	l.oa.InviteDone()
	c.respond(now, l, r, out)
	l.answer.Start(now, 0, 0)
}

// turnGuestAway refuses the INVITE with Replaces of who did not get the seat.
func (c *Call) turnGuestAway(now time.Time, l *Leg, status int, why *diag.Reason, out *Out) {
	if l.inv == nil || l.up {
		return
	}
	r := sip.NewResponse(l.inv, status, "")
	r.SetToTag(l.tag)
	Explain(r, why, "")
	l.oa.Failed("INVITE")
	l.turned, _, _ = l.inv.CSeq()
	c.respond(now, l, r, out)
}
