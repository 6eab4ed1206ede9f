package b2bua

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// acceptable says why an arriving INVITE cannot become a call (RFC 3261 §8.2), or nil.
func (c *Call) acceptable(req *sip.Message) (*diag.Reason, string) {
	if n, ok := req.MaxForwards(); ok && n == 0 {
		return diag.TooManyHops, "Max-Forwards is 0"
	}
	switch req.RequestScheme() {
	case "sip", "sips", "tel":
	default:
		if c.snap.ServiceOf(req.URI) == "" { // RFC 5031
			return diag.UnsupportedScheme, clip(req.URI, 40)
		}
	}
	set := c.a.trunk.Settings
	if v := Unserved(set, req); v != "" {
		return diag.UnsupportedExtension, "Require: " + clip(v, 40)
	}
	if c.reliably = c.a.wantsReliable(req); !c.reliably && set.ReliableProvisional == "required" {
		return diag.ExtensionRequired, "100rel"
	}
	if c.a.tooShort(req) {
		return diag.SessionIntervalTooSmall, "Session-Expires: " + clip(req.Get(sip.IDSessionExpires), 40)
	}
	if v := req.Get(sip.IDContentEncoding); v != "" && !strings.EqualFold(v, "identity") {
		return diag.UnsupportedMedia, "Content-Encoding " + clip(v, 40)
	}
	if !acceptsSDP(req) {
		return diag.NotAcceptable, "Accept leaves out application/sdp"
	}
	if req.Body == "" {
		return nil, ""
	}
	if t := insists(req); t != "" {
		return diag.UnsupportedMedia, "Content-Type " + clip(t, 40) + " with handling=required"
	}
	body, ok := req.SDP()
	if pidf, _ := location(req); !ok && (pidf != "" || dispensable(req)) {
		return nil, "" // a location, or what need not be understood, and no offer
	}
	if !ok {
		return diag.UnsupportedMedia, "Content-Type " + req.Get(sip.IDContentType)
	}
	offer, err := parseOffer(body)
	if err != nil {
		return diag.BadSDP, err.Error()
	}
	if offer.Held() && c.a.trunk.Settings.HeldOffer == "refuse" {
		return diag.HeldOffer, ""
	}
	if set := c.a.trunk.Settings; !set.EnableBypass && offer.Unrelayable(set.SRTPMode == "pass", maxLines, mostLines) {
		return diag.NotAcceptable, "all of it is to go over TCP, or under DTLS without SRTP, or is behind the fourth m-line, T.38 behind the eighth"
	}
	if c.unreachable(offer) {
		return diag.MediaFamily, ""
	}
	c.offer, c.offered = body, offer
	c.plan.offered(&c.a, offer)
	return nil, ""
}

// dispensable tells whether who sends a body does not mind that it is not understood (RFC 3261 §8.2.3, §20.11).
func dispensable(req *sip.Message) bool {
	return strings.EqualFold(sip.Handling(req.Get(sip.IDContentDisposition)), "optional")
}

// unreachable tells whether all that is offered wants its media in IPv4 or IPv6 where we have but the other one: an answer would be a call without
// a word. Whom bypass may connect with somebody else, or what has further addresses by ICE, is not judged.
func (c *Call) unreachable(offer *sdp.Session) bool {
	set := c.a.trunk.Settings
	if set.EnableBypass || set.ICE != "off" {
		return false
	}
	other := false
	for i := range offer.Media {
		m := &offer.Media[i]
		if m.Rejected() {
			continue
		}
		if !m.Conn.IsValid() || m.Conn.IsUnspecified() || c.env.mediaAddr(c.a.trunk, m.Conn).Is4() == m.Conn.Unmap().Is4() {
			return false
		}
		other = true
	}
	return other
}

// acceptsSDP tells whether a peer's Accept lets SDP through (RFC 3261 §20.1). No Accept means that it does.
func acceptsSDP(req *sip.Message) bool {
	if !req.Has(sip.IDAccept) {
		return true
	}
	for v := range req.Values(sip.IDAccept) {
		t, _, _ := strings.Cut(v, ";")
		switch strings.ToLower(strings.TrimSpace(t)) {
		case "application/sdp", "application/*", "*/*":
			return true
		}
	}
	return false
}

// refuse answers the caller's INVITE with a reason of our own and ends the call.
func (c *Call) refuse(now time.Time, why *diag.Reason, detail string, out *Out) {
	c.finish(now, why, "directsip", detail, out)
}

// refusal builds the final response for a reason, with the reason in words (RFC 3326, RFC 3261 §20.43).
func (c *Call) refusal(req *sip.Message, status int, why *diag.Reason, detail string) *sip.Message {
	phrase := ""
	if why.Status == status {
		phrase = why.Phrase
	}
	m := sip.NewResponse(req, status, phrase)
	m.SetToTag(c.a.tag)
	explain(m, why, int(c.endCause), detail)
	if len(c.rec.Attempts) > 0 { // a target takes no call, and others may: with it the caller would make none at all (RFC 3261 §21.5.4)
		m.Del(sip.IDRetryAfter)
	}
	return m
}

// Explain puts a reason on a final response: what a peer's log then shows is what our record says.
func Explain(m *sip.Message, why *diag.Reason, detail string) { explain(m, why, 0, detail) }

// explain is Explain with the Q.850 cause that a peer has given; 0: that of the reason.
func explain(m *sip.Message, why *diag.Reason, cause int, detail string) {
	switch m.Status {
	case 405, 501:
		m.Add(sip.IDAllow, Allowed)
	case 415, 406:
		m.Add(sip.IDAccept, "application/sdp")
	case 503:
		switch why {
		case diag.Overload, diag.ServerLimit, diag.PoolLimit, diag.RateLimited:
			// By then a second is over, the worst of the load, or some call. Who heeds this sends no call at all meanwhile, not even an emergency call, which has no limit
			// here: when two servers of a pool are busy at once, longer pauses switch both off and on (RFC 5390), and carry a fraction of what they could.
			m.Add(sip.IDRetryAfter, "1")
		}
	}
	m.AddName("Reason", reasonValue(why, cause))
	text := why.Text
	if detail != "" {
		text += " (" + detail + ")"
	}
	code := "399" // RFC 3261 §20.43
	switch why {
	case diag.LinkFull, diag.SessionTooWide:
		code = "370" // insufficient bandwidth
	case diag.MediaFamily:
		code = "301" // incompatible network address formats
	}
	m.Add(sip.IDWarning, code+" directsip \""+quotable(text)+"\"")
}

// reasonValue is the Reason header of RFC 3326 for a reason: the Q.850 cause that a peer has given, else its own where there is one.
func reasonValue(why *diag.Reason, cause int) string {
	if cause = cmp.Or(cause, why.Cause); cause > 0 {
		return "Q.850;cause=" + strconv.Itoa(cause) + ";text=\"" + quotable(why.ID) + "\""
	}
	return "SIP;cause=" + strconv.Itoa(max(why.Status, 200)) + ";text=\"" + quotable(why.ID) + "\""
}

// quotable makes text fit for a quoted-string and keeps it short.
func quotable(s string) string {
	if len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r < ' ' || r == 127 {
			return '\''
		}
		return r
	}, s)
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "")
}

// receiveAck takes an ACK: to a refusal it is the transaction's, to a 2xx it is ours.
func (c *Call) receiveAck(now time.Time, l *Leg, m *sip.Message, out *Out) {
	if l.invs.Matches(m) && !l.answer.Waiting() {
		c.note(now, l, false, m)
		l.invs.Receive(now, m, &out.Out)
		return
	}
	for _, s := range l.refused {
		if s.Matches(m) {
			s.Receive(now, m, &out.Out)
			return
		}
	}
	if !l.answer.Waiting() || l.dlg.Accept(m) != dialog.OK {
		return
	}
	if seq, _, ok := m.CSeq(); !ok || seq != l.ackSeq {
		return
	}
	c.note(now, l, false, m)
	l.heardAck()
	_ = c.open(l, m) // an answer is refused where it is read
	c.acknowledged(now, l, m, out)
	c.announceAnswered(now, out)
	if l.pending {
		c.bye(now, l, out)
	}
}

// heardAck ends the repetitions of our 2xx.
func (l *Leg) heardAck() {
	l.answer.Acked()
	l.invs.Acked()
	l.acked = true
}

// completedElsewhere tells whether a CANCEL says that somebody else has answered (RFC 3326 §3.1): who rings has missed no call.
func completedElsewhere(m *sip.Message) bool {
	for n := range causes(m, "SIP") {
		if n == 200 {
			return true
		}
	}
	return false
}

// receiveCancel takes a CANCEL (RFC 3261 §9.2). It is answered whether or not it comes too late.
func (c *Call) receiveCancel(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	for _, s := range l.servers {
		if s.Matches(m) {
			s.Receive(now, m, &out.Out)
			return
		}
	}
	c.note(now, l, false, m)
	s := c.serve(now, l, src, m)
	if !l.invs.MatchesCancel(m) {
		r := sip.NewResponse(m, 481, "")
		r.SetToTag(l.tag)
		c.reply(now, l, s, r, out)
		return
	}
	ok := sip.NewResponse(m, 200, "")
	ok.SetToTag(l.tag)
	c.reply(now, l, s, ok, out)
	if l.inv == nil {
		return // the final response is out: no effect
	}
	if l == &c.a && c.phase < phaseAnswered {
		if completedElsewhere(m) {
			for _, t := range c.attempts {
				t.elsewhere = true
			}
		}
		c.finish(now, diag.CallerCancelled, "caller", saidWith(m), out)
		return
	}
	if x := c.xfer; x != nil && x.new != nil && l == &x.new.leg && !l.up { // who asked to take a seat withdraws
		if e := c.exch; e != nil && e.seat {
			c.withdraw(now, e, out)
		}
		c.transferFailed(now, x, 487, diag.CallerCancelled, out)
		return
	}
	c.cancelExchange(now, l, out)
}

// inDialog checks a request against its leg's dialog and says why it must not be served.
func (c *Call) inDialog(l *Leg, m *sip.Message) *diag.Reason {
	if l == &c.a && m.Method == "INVITE" && m.ToTag() == "" {
		return diag.MergedRequest // same Call-ID, other branch (RFC 3261 §8.2.2.2)
	}
	if m.Method == "INVITE" && m.ToTag() == "" && m.FromTag() == l.tag {
		return diag.LoopDetected // our own, which a proxy that the leg goes by has sent back
	}
	if !l.up {
		if l == &c.a && c.phase < phaseAnswered && m.FromTag() == c.rec.In.FromTag && c.earlyTag(m.ToTag()) {
			return c.inEarlyDialog(m)
		}
		if e := l.earlyDialog(m.FromTag()); e != nil && m.Method == "UPDATE" && c.phase == phaseHunting {
			switch e.dlg.Accept(m) {
			case dialog.OK:
				return nil
			case dialog.Late:
				return diag.OutOfOrder
			}
		}
		if m.Method == "BYE" && l.dlg.RemoteTag != "" && l.dlg.Accept(m) == dialog.OK {
			return nil // it crossed ours
		}
		if m.Method == "BYE" && c.unanswered(l, m) != nil {
			return nil // it overtook its 2xx
		}
		if c.unanswered(l, m) != nil && m.FromTag() != "" {
			return inTargetsEarlyDialog(l, m)
		}
		return diag.CallGone
	}
	switch l.dlg.Accept(m) {
	case dialog.OK:
	case dialog.Late:
		return diag.OutOfOrder
	default:
		return diag.CallGone
	}
	if Unserved(l.trunk.Settings, m) != "" {
		return diag.UnsupportedExtension
	}
	return nil
}

// inEarlyDialog is inDialog for an early dialog of the caller's.
func (c *Call) inEarlyDialog(m *sip.Message) *diag.Reason {
	if f := c.forkOf(m.ToTag()); f != nil && f.rel != nil && f.rel.dlg.Accept(m) == dialog.Late && m.Method != "PRACK" {
		return diag.OutOfOrder // what a PRACK is for its RAck says, and one that was lost may come late
	}
	switch m.Method {
	case "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE":
		return nil
	}
	return diag.RequestPending
}

// inTargetsEarlyDialog is inEarlyDialog for one of a target, whose provisional response may have been lost. With 481 the target would take its INVITE for gone, too
// (RFC 5057 §5.1).
func inTargetsEarlyDialog(l *Leg, m *sip.Message) *diag.Reason {
	switch m.Method {
	case "OPTIONS":
		return nil
	case "UPDATE":
		if _, offers := m.SDP(); offers && l.earlyDialog(m.FromTag()) == nil { // it has answered nothing reliably: that of our INVITE is still out (RFC 3311 §5.2)
			return diag.RequestPending
		}
		return nil
	case "INVITE", "REFER":
		return diag.RequestPending
	case "PRACK", "NOTIFY":
		return diag.CallGone // of no response, of no subscription
	}
	return diag.MethodNotAllowed
}

// turnAway answers a request within the call that is not served.
func (c *Call) turnAway(now time.Time, l *Leg, src sip.Source, m *sip.Message, why *diag.Reason, out *Out) {
	status := why.Status
	if m.ToTag() != "" {
		status = within(status)
	}
	if why == diag.MethodNotAllowed && !sip.KnownMethod(m.Method) {
		status = 501
	}
	r := sip.NewResponse(m, status, "")
	r.SetToTag(l.tag)
	Explain(r, why, "")
	if status == 405 || status == 501 {
		r.Set(sip.IDAllow, c.env.allowBut(l.trunk.Settings, m.Method))
	}
	if status == 420 {
		RefuseRequired(l.trunk.Settings, r, m)
	}
	if status == 422 {
		r.Add(sip.IDMinSE, seconds(l.trunk.Settings.MinSE))
	}
	if status == 500 || status == 491 {
		r.Add(sip.IDRetryAfter, retryAfter(c.env))
	}
	if m.Method == "INVITE" {
		t := &txn.InviteServer{}
		t.Start(now, m, Back(src, m), c.env.Timers)
		l.refused = remember(l.refused, t, maxRequests)
		t.Respond(now, r, &out.Out)
		c.note(now, l, true, r)
		return
	}
	s := c.serve(now, l, src, m)
	c.reply(now, l, s, r, out)
}

// refresh learns from a request within the dialog: target, flow, methods.
func (c *Call) refresh(l *Leg, src sip.Source, m *sip.Message) {
	if !l.up {
		c.refreshEarly(l, m)
		return
	}
	if src.Flow != 0 {
		l.hop.Flow = src.Flow // the peer may have dialled anew
	}
	if m.Method == "INVITE" || m.Method == "UPDATE" {
		l.dlg.Refresh(m)
		l.learn(c.env, m)
		l.hearTimer(m)
		c.follow(l)
	}
	l.remap(src, m)
}

// refreshEarly learns the target from an UPDATE in an early dialog (RFC 3311 §4), which is that of the call when it is answered.
func (c *Call) refreshEarly(l *Leg, m *sip.Message) {
	if l == &c.a {
		if f := c.forkOf(m.ToTag()); f != nil && f.rel != nil {
			f.rel.dlg.Refresh(m)
		}
	} else if e := l.earlyDialog(m.FromTag()); e != nil && e.dlg.Refresh(m) {
		e.hop = c.env.nextHop(c.now, e.hop, &e.dlg, l.trunk)
	}
}

// ok is a plain 200 to a request within the dialog. To OPTIONS it says what one outside of it is told (RFC 3261 §11.2).
func (c *Call) ok(l *Leg, m *sip.Message) *sip.Message {
	r := sip.NewResponse(m, 200, "")
	r.SetToTag(l.tag)
	if m.Method == "OPTIONS" {
		r.Add(sip.IDAllow, c.env.Allow(l.trunk.Settings))
		r.Add(sip.IDSupported, Extensions(l.trunk.Settings))
		r.Add(sip.IDAccept, "application/sdp")
	}
	return r
}
