package b2bua

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
)

// An announcement (RTE-28, RTE-29) has nobody else yet: we answer the caller's offer ourselves, in early media or, where the document says so,
// after a 200, play, and then refuse or end the call with the reason of the decision. One with a target is heard in an early dialog of its own, like ring-back of ours,
// and then the targets of the decision are called; after a 200 see connect.go.

// announces tells whether the call is of an announcement, which has not been heard yet.
func (c *Call) announces() bool { return c.decision.Announcement != nil }

// goesOn tells whether there is somebody to call after the announcement.
func (c *Call) goesOn() bool { return c.decision.Kind != routing.Announced }

// audience tells whether the caller can hear an announcement. If not the record says why, and the call is refused at once.
func (c *Call) audience(now time.Time) bool {
	_, why := c.callerVoice()
	if c.goesOn() && !c.decision.Announcement.Answer && c.a.trunk.Settings.MaxEarlyDialogs < 2 {
		why = "the early dialog that the caller can have is for who is called (maxEarlyDialogs)"
	}
	if why != "" {
		c.unplayed(now, 0, c.decision.Announcement.Clip.Name, why)
	}
	return why == ""
}

// callerVoice is how the caller can hear us before anybody has answered, or why it cannot.
func (c *Call) callerVoice() (v voice, why string) {
	if c.offered == nil {
		return v, "the INVITE has no offer"
	}
	v, ok := c.voiceIn(c.offered, &c.a)
	switch {
	case !ok:
		return v, "the caller offers no codec that can be played"
	case c.plan.passKeys && (c.offered.Media[v.stream].Crypto || c.offered.Media[v.stream].Fingerprint):
		return v, "its keys are for the other side alone"
	case !c.offered.Media[v.stream].Direction.Recv():
		return v, "the caller does not want to hear anything"
	}
	return v, ""
}

// announce answers the caller's offer, now that the ports are open. After a 200 the announcement waits for the ACK.
func (c *Call) announce(now time.Time, out *Out) {
	v, _ := c.callerVoice()
	f, answer := &fork{ours: c.a.tag}, c.decision.Announcement.Answer
	if c.goesOn() && !answer {
		f.ours = c.env.tag()
	}
	f.sdp.start(c.env)
	c.forks = append(c.forks, f)
	text := c.plan.speak(c, c.offered, &f.sdp, v)
	c.a.sdp.peer = fingerprint(c.offered)
	c.summarize(nil)
	if answer {
		if c.goesOn() {
			c.willConnect(now)
		}
		c.a.adopt(&f.sdp)
		c.a.oa.LocalAnswer()
		c.answerCaller(now, nil, f, text, out)
		return
	}
	c.showOwn(now, f, text, out)
	c.playAnnouncement(now, v)
}

// playAnnouncement lets the caller hear the announcement from its beginning.
func (c *Call) playAnnouncement(now time.Time, v voice) {
	a := c.decision.Announcement
	c.play(now, 0, a.Clip, v, a.Times, media.YieldNever)
}

// showOwn sends the caller a description of our own in an early dialog.
func (c *Call) showOwn(now time.Time, f *fork, text string, out *Out) {
	status := 183
	if c.a.trunk.Settings.ProgressCode == "180" {
		status = 180
	}
	r := c.inviteReply(&c.a, f.ours, status, "")
	c.say(&c.a, r, text)
	c.dress(r, nil)
	c.show(now, f, r, out)
}

// announceAnswered begins when the caller has acknowledged our 200.
func (c *Call) announceAnswered(now time.Time, out *Out) {
	if !c.announces() || c.end != nil || c.sounds != nil {
		return
	}
	if v, ok := c.ownVoice(); ok {
		c.playAnnouncement(now, v)
		return
	}
	c.unplayed(now, 0, c.decision.Announcement.Clip.Name, "nothing was agreed that can be played")
	c.announced(now, out)
}

// ownVoice is what the caller hears us by, as we have said it: whatever links have room for, it is agreed.
func (c *Call) ownVoice() (voice, bool) {
	s, err := parseOffer(c.a.sdp.body)
	if err != nil {
		return voice{}, false
	}
	return voiceAmong(s, c.converts)
}

// alone tells whether the caller, connected, has us to talk to and nobody else: about a change of its session nobody is asked.
func (c *Call) alone() bool {
	return c.announces() || c.xfer.connects() && c.won == nil && c.exch == nil
}

// announced ends the call when the announcement has been heard, or calls whom it leads to.
func (c *Call) announced(now time.Time, out *Out) {
	switch {
	case !c.announces():
	case c.goesOn():
		c.decision.Announcement = nil
		c.plan.dirty = true
		c.hunt(now, out)
	default:
		c.finish(now, c.decision.Reason, "directsip", "after the announcement "+c.decision.Announcement.Name, out)
	}
}

// answerAlone answers a re-INVITE or UPDATE of the caller's while there is nobody but us. An announcement begins anew when it has to change its
// codec or its packets.
func (c *Call) answerAlone(now time.Time, e *exchange, body string, out *Out) {
	l := e.from
	s, err := parseOffer(body)
	if !e.offer || err != nil {
		c.failExchange(now, e, diag.NotAcceptable, diag.NotAcceptable.Status, out)
		return
	}
	v, ok := c.voiceIn(s, l)
	if !ok || v.stream >= len(c.plan.lines) {
		c.failExchange(now, e, diag.NotAcceptable, diag.NotAcceptable.Status, out)
		return
	}
	l.sdp.peer = fingerprint(s)
	c.plan.take(l, s)
	if c.xfer.connects() {
		c.xfer.by.sdp.body = strings.Clone(body)
	}
	text := c.plan.speak(c, s, &l.sdp, v)
	if p := c.playing(); p != nil && c.announces() && (p.PayloadType != v.pt || p.Stream != v.stream || p.PacketTime != c.plan.packetTime(0, v.stream)) {
		c.playAnnouncement(now, v)
	}
	l.oa.LocalAnswer()
	if e.invite {
		c.acceptReinvite(now, l, text, out)
		return
	}
	r := c.ok(l, e.req)
	r.Add(sip.IDContact, c.contact(l.hop))
	c.say(l, r, text)
	c.reply(now, l, e.server, r, out)
}
