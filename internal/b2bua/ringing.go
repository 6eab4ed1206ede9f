package b2bua

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// ring takes a provisional response of a target that rings and shows it to the caller: one early dialog of the caller's for each of
// the target's, as earlyMedia and progressCode of the caller's trunk have it.
func (c *Call) ring(now time.Time, l *Leg, m *sip.Message, out *Out) {
	e, rack, fresh := c.hearReliable(l, m)
	if !fresh {
		return
	}
	body, hasBody := m.SDP()
	f, own := c.fork(l, m)
	sdp, answer := "", hasBody
	switch {
	case rack != "":
		offer := false
		if hasBody {
			offer, answer = e.hearEarly(body)
		}
		switch {
		case !offer:
			c.prack(now, l, e, rack, "", out)
		case own && c.asks(f):
			sdp = c.plan.offerEarly(c, l, f, body)
		}
		switch {
		case sdp != "":
			e.rack, f.reliable(c).answer = rack, e // the answer comes with the caller's PRACK
		case offer:
			e.oa.LocalAnswer()
			c.prack(now, l, e, rack, c.plan.accept(c, l, e), out)
		}
	case e != nil && e.said != "":
		answer = false // it was given
	}
	if answer && c.offer != "" && own {
		sdp = c.early18x(l, f, body)
	}
	if sdp == "" && c.ringOurselves(now, m.Status, out) {
		return
	}
	status, phrase := shownAs(c.a.trunk.Settings, m.Status, sdp != ""), m.Reason
	if status != m.Status {
		phrase = ""
	}
	r := c.inviteReply(&c.a, f.ours, status, phrase)
	c.tellConnected(r, &c.a, m, l)
	c.say(&c.a, r, sdp)
	c.dress(r, m)
	c.show(now, f, r, out)
}

// ringUnseen takes a provisional response that is shown to nobody, because the target is that of a transfer.
func (c *Call) ringUnseen(now time.Time, l *Leg, m *sip.Message, out *Out) {
	e, rack, fresh := c.hearReliable(l, m)
	if !fresh || rack == "" {
		return
	}
	text := ""
	if body, ok := m.SDP(); ok {
		if offer, _ := e.hearEarly(body); offer {
			e.oa.LocalAnswer()
			text = c.plan.accept(c, l, e)
		}
	}
	c.prack(now, l, e, rack, text, out)
}

// asks tells whether the caller of an INVITE without offer can be given one in an early dialog: its answer comes with a PRACK.
func (c *Call) asks(f *fork) bool {
	return c.reliably && c.offer == "" && c.audible(f) && (f.rel == nil || f.rel.told == "")
}

// early18x is what an early dialog tells the caller of the target's answer; "" nothing. What is not told is kept for the 200.
func (c *Call) early18x(l *Leg, f *fork, body string) string {
	switch {
	case !c.audible(f):
		f.unheard = strings.Clone(body)
		return ""
	case f.rel != nil && f.rel.told != "":
		return ""
	}
	return c.plan.earlyAnswer(c, l, f, body)
}

// audible tells whether early media of an early dialog is for the caller, by the earlyMedia of its trunk. With "last" the newest
// description is the one that is heard.
func (c *Call) audible(f *fork) bool {
	switch c.a.trunk.Settings.EarlyMedia {
	case "none", "local":
		return false
	case "first":
		first := c.firstHeard()
		return first == nil || first == f
	}
	return true
}

// muted tells whether no media may pass yet, because the caller is to hear none before the answer.
func (c *Call) muted() bool {
	m := c.a.trunk.Settings.EarlyMedia
	return c.phase != phaseAnswered && (m == "none" || m == "local")
}

// shownAs is the status under which 180 and 183 are shown to a caller (SIG-20): there are peers that play no ring-back on 183, and
// others that take no description in 180.
func shownAs(set *topologySettings, status int, sdp bool) int {
	if status != 180 && status != 183 {
		return status
	}
	switch {
	case set.ProgressCode == "180" || set.ProgressCode == "by-sdp" && !sdp || set.EarlyMedia == "local":
		return 180
	case set.ProgressCode == "183" || set.ProgressCode == "by-sdp":
		return 183
	}
	return status
}
