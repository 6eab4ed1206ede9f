package b2bua

import (
	"slices"
	"strconv"
	"time"

	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// reoffer is a re-INVITE of our own with the description that stands, which has nothing to do with the other leg: to refresh the
// session, or to tell a peer what has changed since it was told last.
type reoffer struct {
	seq   uint32
	said  string    // its description
	until time.Time // when it is cancelled for want of an answer; zero: it has its final response
	heard bool      // it has a provisional response

	corrects bool      // it tells the peer what it does not know yet, so that after glare it is sent again
	glares   uint8     // refusals so far, be it that the peer is busy or slow
	retry    time.Time // when; zero: not at all
}

// reoffer begins one. False: the leg is busy with something else.
func (c *Call) reoffer(now time.Time, l *Leg, out *Out) bool {
	if !l.up || l.pending || !l.acked || l.ackWaits || l.answer.Waiting() || l.inv != nil || l.sdp.body == "" || !l.drop.IsZero() ||
		c.exch != nil && c.exch.to == l || !l.oa.LocalInvite(true) {
		return false
	}
	m := l.dlg.Request("INVITE")
	m.AddFirst(sip.IDVia, c.env.via(l.hop))
	m.Add(sip.IDContact, c.contact(l.hop))
	m.Add(sip.IDAllow, c.env.Allow(l.trunk.Settings))
	l.askTimer(m)
	c.lessRefused(l)
	c.say(l, m, l.sdp.again())
	l.unoffered = false
	l.auth.begin(c.env, m)
	last := l.again
	l.again = &reoffer{seq: l.dlg.LocalSeq, said: l.sdp.body, until: now.Add(askTime)}
	if last != nil && !last.retry.IsZero() { // what that was to tell this tells, whatever it is asked for
		l.again.corrects, l.again.glares = last.corrects, last.glares
	}
	l.ackSeq = l.again.seq
	l.shelve()
	c.tellSession(l, m)
	l.invc.Start(now, m, l.hop, c.env.Timers, &out.Out)
	c.note(now, l, true, m)
	return true
}

// lessRefused takes from what stands what one of the two sides has refused: who is only refreshed is not asked for video again.
func (c *Call) lessRefused(l *Leg) {
	if l != c.seat(l.side) || c.other(l) == nil {
		return
	}
	if s, less := c.plan.giveUp(l.sdp.body); less {
		c.plan.write(c, s, l, &l.sdp, asOffer)
	}
}

// reofferAnswered takes a response to it; false: the response is to another re-INVITE.
func (c *Call) reofferAnswered(now time.Time, l *Leg, seq uint32, m *sip.Message, out *Out) bool {
	if l.again == nil || l.again.seq != seq {
		return false
	}
	if m.Status < 200 {
		if r := l.again; !r.heard && !r.until.IsZero() { // on a bad way it may have needed that long to get there
			r.heard, r.until = true, now.Add(askTime)
		}
		return true
	}
	l.again.until = time.Time{}
	waits := l.again.said != l.sdp.body // something else is to be told since, and what is said to that counts
	if m.Status < 300 {
		l.dlg.Refresh(m)
		l.learn(c.env, m)
		c.follow(l)
		if body, ok := m.SDP(); ok && l.oa.RemoteAnswer() && !waits {
			c.hear(now, l, body, out)
		}
		if !waits {
			l.stood = ""
		}
		l.oa.Failed("INVITE")
		c.sendAck(now, l, seq, "", out)
		return true
	}
	l.oa.Failed("INVITE")
	if m.Status == 408 || m.Status == 481 {
		c.vanished(now, l, "re-INVITE answered "+m.StartLine(), out)
		return true
	}
	busy := m.Status == 491 || m.Status == 500 || m.Status == 503 || m.Status == 487
	switch r := l.again; {
	case r.corrects && l.longer(m):
		r.retry = now
		return true
	case r.corrects && r.glares < glareTries && (busy || l.stood == "" && !waits): // who has something else than what stands sends what nobody hears, or hears nothing
		r.glares++
		r.retry = now
		if m.Status != 500 || seq == l.dlg.LocalSeq { // else a later request has overtaken it, and the peer could not take it for that (RFC 3261 §12.2.2)
			r.retry = now.Add(dialog.GlareDelay(l.dlg.UAC, c.env.Rand.Uint64()))
		}
	case waits:
	case l.stood != "":
		c.staysHeld(now, l, out)
	case r.corrects:
		c.noteStep(routing.UntoldStep(l.trunk, "the "+c.name(l)+" refuses to be told what is sent and heard now ("+strconv.Itoa(m.Status)+" "+sip.Phrase(m.Status)+"): the two sides may not hear each other"))
	}
	c.refreshRefused(now, l, m)
	return true
}

// informed notes that a leg knows all that stands: nothing of it waits to be told.
func (l *Leg) informed() {
	if l.stood = ""; l.again != nil {
		l.again.retry = time.Time{}
	}
}

// correctTo tells a leg what the other side says now.
func (c *Call) correctTo(now time.Time, l *Leg, s *sdp.Session, out *Out) {
	last := l.sdp
	c.plan.write(c, s, l, &l.sdp, asOffer)
	l.sdp.unsaid(&last) // it may be busy, and told something else before
	c.correct(now, l, 0, out)
}

// correct is a reoffer that has something to tell.
func (c *Call) correct(now time.Time, l *Leg, glares uint8, out *Out) {
	if !l.up || c.end != nil {
		return
	}
	sent := c.reoffer(now, l, out)
	if l.again == nil {
		l.again = &reoffer{}
	}
	l.again.corrects, l.again.glares = true, glares
	if !sent { // busy with something else
		l.again.retry = now.Add(joinPause)
	}
}

// withdrawn corrects a leg whose peer has accepted an offer that is withdrawn. What it was offered beside what stands keeps its m-lines (RFC 3264 §8).
func (c *Call) withdrawn(now time.Time, l *Leg, out *Out) {
	if n := sdp.MediaLines(l.sdp.shown); n > max(sdp.MediaLines(l.sdp.body), sdp.MediaLines(l.sdp.wide)) {
		l.sdp.wide = l.sdp.shown
	}
	c.correct(now, l, 0, out)
}

// advanceReoffer cancels one that gets no final response.
func (c *Call) advanceReoffer(now time.Time, l *Leg, out *Out) {
	r := l.again
	switch {
	case r == nil:
	case !r.until.IsZero() && !now.Before(r.until):
		r.until = time.Time{}
		c.cancelReinvite(now, l, out)
	case !r.retry.IsZero() && !now.Before(r.retry):
		r.retry = time.Time{}
		c.correct(now, l, r.glares, out)
	}
}

// hear takes the answer to a description that stands. Where the peer wants its media now is of no interest to the other leg unless media goes past us, but what it has
// given up is.
func (c *Call) hear(now time.Time, l *Leg, body string, out *Out) {
	p := &c.plan
	if l != c.seat(l.side) { // whose place was taken meanwhile: its media is another's now
		return
	}
	s, err := sdp.Parse(l.answered(l.sdp.body, body))
	if err != nil || p.fits(c, l, s) != nil {
		return
	}
	unheld := l.stood != "" || l.unheld
	if fingerprint(s) == l.sdp.peer && !unheld {
		c.confirmed(l)
		return
	}
	l.sdp.peer = fingerprint(s)
	n := &news{said: s, was: slices.Clone(p.lines), unheld: unheld}
	if before := l.news; before != nil {
		n.was, n.unheld = before.was, n.unheld || before.unheld
	}
	p.take(l, s)
	if c.exch != nil {
		c.exch.before.learns(c.exch, l, p)
	}
	l.news = n
	c.tellNews(now, out)
}

// news is what a leg has answered to a description that stands, of which the other leg may have to be told: when no transfer is under way and no other change.
type news struct {
	said   *sdp.Session
	was    []line // before it
	unheld bool   // it answers what takes it off hold
}

// tellNews tells each leg what the other one has answered.
func (c *Call) tellNews(now time.Time, out *Out) {
	if c.xfer != nil || c.exch != nil {
		return
	}
	for side := range media.SideIndex(2) {
		if l := c.seat(side); l != nil && l.news != nil {
			c.passNews(now, l, out)
		}
	}
}

// passNews tells the other leg what a leg has answered.
func (c *Call) passNews(now time.Time, l *Leg, out *Out) {
	p, n, other := &c.plan, l.news, c.seat(1-l.side)
	l.news = nil
	if other == nil || c.phase != phaseAnswered || c.announces() {
		return
	}
	was, s := n.was, n.said
	p.withMusic(l, other, s, false)
	told, errTold := sdp.Parse(other.sdp.body)
	speaks, errSpeaks := sdp.Parse(l.sdp.body)
	if errTold != nil || errSpeaks != nil {
		return
	}
	for i := range min(len(was), len(p.lines), len(s.Media), len(told.Media), len(speaks.Media)) {
		ln := &p.lines[i]
		changes := (was[i].flows(ln, l.side) || n.unheld) && ln.peer[1-l.side].misled(&told.Media[i], &s.Media[i])
		moved := p.bypass && !samePlace(&told.Media[i], &s.Media[i])
		if changes || moved || ln.peer[l.side].live && ln.peer[1-l.side].live && !ln.converts() && givesUp(&told.Media[i], &s.Media[i], &speaks.Media[i]) {
			c.correctTo(now, other, s, out)
			return
		}
	}
}

// samePlace tells whether two descriptions of an m-line want its media at the same address.
func samePlace(a, b *sdp.Media) bool {
	return a.Rejected() == b.Rejected() && (a.Rejected() || a.Conn == b.Conn && a.ConnName == b.ConnName && a.Port == b.Port)
}

// misled tells whether a side takes something else to flow than does, as it was told other than is.
func (e *end) misled(told, is *sdp.Media) bool {
	hears := func(m *sdp.Media) bool { return !m.Rejected() && m.Direction.Send() && e.dir.Recv() }
	heard := func(m *sdp.Media) bool { return !m.Rejected() && m.Direction.Recv() && e.dir.Send() }
	return e.live && (told.Rejected() != is.Rejected() || hears(told) != hears(is) || heard(told) != heard(is))
}

// flows tells whether what a side has said anew of an m-line changes who may send to whom.
func (ln *line) flows(now *line, side media.SideIndex) bool {
	was, is, other := &ln.peer[side], &now.peer[side], &now.peer[1-side]
	sends := func(from, to *end) bool { return from.live && from.dir.Send() && to.live && to.dir.Recv() }
	return other.live && (was.live != is.live || sends(was, other) != sends(is, other) || sends(other, was) != sends(other, is))
}

// givesUp tells whether a peer takes no longer what the other one may be sending: the codec that either of them has named first, or telephone-event.
func givesUp(was, is, other *sdp.Media) bool {
	has := func(m *sdp.Media, codec sdp.Codec) bool {
		return slices.ContainsFunc(m.Codecs, func(o sdp.Codec) bool {
			return sameCodec(o, codec) || o.PT == codec.PT && (o.Name == "" || codec.Name == "")
		})
	}
	for _, x := range [][2]*sdp.Media{{was, other}, {other, was}} {
		spoken := false
		for _, codec := range x[0].Codecs {
			if codec.Auxiliary() && !isEvent(codec) || !codec.Auxiliary() && spoken || !has(x[1], codec) {
				continue
			}
			spoken = spoken || !codec.Auxiliary()
			if !has(is, codec) {
				return true
			}
		}
	}
	return false
}
