package b2bua

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// unusable tells why what a request within the dialog says of the session cannot be, whatever the other side would say to it.
func (c *Call) unusable(l *Leg, m *sip.Message) *diag.Reason {
	if m.Method != "INVITE" && m.Method != "UPDATE" {
		return nil
	}
	if insists(m) != "" {
		return diag.UnsupportedMedia
	}
	if offer, ok := m.SDP(); ok && l.up && l.oa.Stable() && l.sdp.outgrows(offer) && !c.mayLeaveOut(l, &l.sdp, offer) {
		return diag.MediaLineMissing
	}
	return nil
}

// insists is the type of a body or part that a peer wants to be understood (RFC 3204 §6, RFC 5621 §8), and that goes no further than here; "" when there is none.
// What its sender says nothing of is left out in silence: much equipment adds parts of its own.
func insists(m *sip.Message) string { return m.Insists("application/sdp", pidfType) }

// outgrows tells whether what stands has m-lines that an offer of the peer leaves out: they keep their places as long as the dialog lives (RFC 3264 §8). What follows
// could not be told from what was there before.
func (d *description) outgrows(offer string) bool {
	return sdp.MediaLines(offer) < sdp.MediaLines(d.body)
}

// mayLeaveOut tells whether it is plain what is left where an offer of the peer leaves out m-lines of what we have said to it: no more than its last description has left out,
// or none but those that stand refused, T.38, which some telephones and gateways take for gone, and what is no other stream of a kind that is still there. So it is with who takes
// video away from speech.
func (c *Call) mayLeaveOut(l *Leg, d *description, offer string) bool {
	whole, absent := sdp.Complete(d.body, offer)
	had, err := sdp.Parse(d.body)
	said, errSaid := sdp.Parse(whole)
	if err != nil || errSaid != nil || absent == 0 || len(said.Media) != len(had.Media) {
		return false
	}
	plain := true
	for i := range had.Media {
		m, refused := &had.Media[i], i < len(c.plan.lines) && c.plan.lines[i].peer[l.side].refused
		if absent>>i&1 == 0 || !m.IsRTP() || m.Rejected() || refused {
			continue
		}
		plain = plain && !slices.ContainsFunc(said.Media, func(o sdp.Media) bool { return !o.Rejected() && strings.EqualFold(o.Kind, m.Kind) }) && !strings.EqualFold(m.Kind, "audio")
	}
	return plain || absent.Count() <= l.absent.Count()
}

// complete is what the peer answers to a description of ours, or offers behind it, with the m-lines that it leaves out (RFC 3264 §6 has them with port 0). Who has
// answered so may offer so, and is answered as it asks.
func (l *Leg) complete(ours, said string) string {
	said, l.absent = sdp.Complete(ours, said)
	return said
}

// answered is complete of an answer, without refused m-lines that were not offered.
func (l *Leg) answered(ours, said string) string {
	n := sdp.MediaLines(ours)
	if n == sdp.MediaLines(said) { // as nearly all
		l.absent = 0
		return said
	}
	return l.complete(ours, sdp.Trim(said, n))
}

// uttered is whose last text a description of ours is: that of an early dialog, which keeps its own, or else the leg's.
func (c *Call) uttered(l *Leg, text string) *description {
	if l.up {
		return &l.sdp
	}
	if e := l.earlyDialog(l.toward); e != nil && e.sdp.shown == text {
		return &e.sdp
	}
	if l == &c.a && l.sdp.shown != text {
		for _, f := range c.forks {
			if f.sdp.shown == text {
				return &f.sdp
			}
		}
	}
	return &l.sdp
}

// utter is a description of ours as it goes out: sealed, and an answer without the m-lines that the peer's offer has left out. Whole and without them it has not
// the same version, though it says the same (RFC 3264 §8).
func (c *Call) utter(l *Leg, text string, answer bool) string {
	d, absent := c.uttered(l, text), sdp.Absent(0)
	if answer {
		absent = l.absent
	}
	whole := text
	if !answer {
		whole = sdp.Extend(text, l.sdp.wide)
	}
	if text == d.shown {
		n, version := sdp.MediaLines(whole), originVersion(text)
		if (d.cut != absent || d.lines != n) && d.cutOf == version {
			text = d.anew(text)
			version = originVersion(text)
			if whole = text; !answer {
				whole = sdp.Extend(text, l.sdp.wide)
			}
		}
		d.cut, d.cutOf, d.lines = absent, version, n
	}
	text = whole
	l.cuts = d.cut
	if text = c.seal(l, text, !answer); absent != 0 {
		text = sdp.Shorten(text, absent)
	}
	return text
}
