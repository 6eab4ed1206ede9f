package b2bua

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// reliable are the provisional responses of one early dialog of the caller's that must be acknowledged (RFC 3262 §3). The caller sees
// each early dialog as a server of its own behind a fork, so that each counts for itself.
type reliable struct {
	dlg    dialog.Dialog
	oa     dialog.OfferAnswer
	rseq   uint32         // of the last one sent
	waits  bool           // its PRACK has not come
	held   bool           // … and it had a description: no 2xx may overtake it
	offers bool           // … which is an offer, for the PRACK to answer
	told   string         // our description that the caller has by a reliable response, or will have; "" none
	heard  string         // the caller's description that stands, when it is not the offer of its INVITE
	asked  string         // our offer that it answers; "" it is an offer
	misled bool           // the caller has accepted an offer that was withdrawn meanwhile
	again  dialog.Answer  // repeats it until then
	data   []byte         // it
	queue  []*sip.Message // later ones: one at a time
	answer *early         // the target's dialog that waits for the answer in the PRACK; nil: none
}

// maxQueued bounds the responses that wait for a PRACK.
const maxQueued = 8

// wantsReliable decides whether the caller gets provisional responses reliably: both sides must have the extension.
func (l *Leg) wantsReliable(req *sip.Message) bool {
	return l.trunk.Settings.ReliableProvisional != "off" && (req.HasToken(sip.IDSupported, "100rel") || req.HasToken(sip.IDRequire, "100rel"))
}

// show sends a provisional response to the caller, reliably if that was agreed.
func (c *Call) show(now time.Time, f *fork, r *sip.Message, out *Out) {
	if !c.reliably {
		c.respond(now, &c.a, r, out)
		return
	}
	rel := f.reliable(c)
	if r.Body != "" {
		rel.told = r.Body
	}
	if !rel.waits {
		c.sendReliable(now, rel, r, out)
	} else if len(rel.queue) < maxQueued {
		rel.queue = append(rel.queue, r)
	}
}

// reliable is the state of an early dialog of the caller's, made when first needed.
func (f *fork) reliable(c *Call) *reliable {
	if f.rel == nil {
		f.rel = &reliable{dlg: dialog.NewUAS(c.a.inv, f.ours), rseq: uint32(c.env.Rand.Uint64() >> 34)}
		f.rel.oa.RemoteInvite(c.offer != "")
	}
	return f.rel
}

func (c *Call) sendReliable(now time.Time, rel *reliable, r *sip.Message, out *Out) {
	rel.rseq++
	r.Add(sip.IDRequire, "100rel")
	r.Add(sip.IDRSeq, strconv.FormatUint(uint64(rel.rseq), 10))
	if r.Body != "" {
		rel.held = true
		rel.offers = !rel.oa.LocalAnswer() && rel.oa.LocalOffer("INVITE")
	}
	n := len(out.Sends)
	c.respond(now, &c.a, r, out)
	if len(out.Sends) == n {
		return
	}
	rel.data, rel.waits = out.Sends[n].Data, true
	rel.again.StartProvisional(now, c.env.Timers.Defaults().T1)
}

// advanceReliable repeats what was not acknowledged, or refuses the INVITE after 64*T1 (RFC 3262 §3).
func (c *Call) advanceReliable(now time.Time, out *Out) {
	if !c.reliably {
		return
	}
	for i := range c.forks {
		rel := c.forks[i].rel
		if rel == nil {
			continue
		}
		switch rel.again.Advance(now) {
		case dialog.Again:
			out.Sends = append(out.Sends, txn.Send{Hop: c.a.invs.Hop(), Data: rel.data, CallID: c.a.callID, Again: true})
		case dialog.GiveUp:
			c.finish(now, diag.PrackMissing, "caller", c.env.whereWeAre(c.a.hop), out)
			return
		}
	}
}

func (c *Call) reliableDeadline(d *earliest) {
	for i := range c.forks {
		if rel := c.forks[i].rel; rel != nil {
			d.add(rel.again.Deadline())
		}
	}
}

// acknowledges finds what a PRACK of the caller's acknowledges; nil: nothing that waits (RFC 3262 §3).
func (c *Call) acknowledges(m *sip.Message) *reliable {
	rel := c.late // after the answer a PRACK may still come, for its dialog
	if c.phase < phaseAnswered {
		rel = nil
		if f := c.forkOf(m.ToTag()); f != nil {
			rel = f.rel
		}
	}
	if rel == nil || !rel.waits {
		return nil
	}
	rseq, rest, _ := strings.Cut(strings.TrimSpace(m.Get(sip.IDRAck)), " ")
	seq, method, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if rseq != strconv.FormatUint(uint64(rel.rseq), 10) || seq != strconv.FormatUint(uint64(c.a.first), 10) || strings.TrimSpace(method) != "INVITE" {
		return nil
	}
	return rel
}

// receivePrack takes a PRACK. It is ours to answer, not the target's; only what it describes goes on.
func (c *Call) receivePrack(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	s := c.serve(now, l, src, m)
	var rel *reliable
	if l == &c.a {
		rel = c.acknowledges(m)
	}
	if rel == nil {
		c.denyRequest(now, l, s, m, diag.CallGone, out)
		return
	}
	if rel == c.late {
		c.late = nil
	}
	answers := rel.offers
	rel.waits, rel.held, rel.offers, rel.data = false, false, false, nil
	rel.again.Acked()
	body, hasBody := m.SDP()
	switch {
	case answers:
		c.reply(now, l, s, c.okEarly(m), out)
		c.answeredByPrack(now, rel, body, out)
	case hasBody:
		x := &earlyExchange{leg: l, f: c.forkOf(m.ToTag()), method: "PRACK", server: s, req: m, absent: l.absent}
		l.forgetAbsent()
		c.offeredEarly(now, x, body, out)
	default:
		c.reply(now, l, s, c.okEarly(m), out)
	}
	if c.end != nil || c.phase != phaseHunting {
		return
	}
	if q := rel.queue; len(q) > 0 && c.answering == nil && c.a.inv != nil {
		rel.queue = q[1:]
		c.sendReliable(now, rel, q[0], out)
	}
	c.release(now, out)
}

// hear notes the caller's description that stands in this early dialog, and our offer that it answers.
func (rel *reliable) hear(body, asked string) { rel.heard, rel.asked = strings.Clone(body), asked }

// okEarly is a 200 within an early dialog of the caller's, whose tag the request has.
func (c *Call) okEarly(m *sip.Message) *sip.Message { return sip.NewResponse(m, 200, "") }

// answeredByPrack takes the answer to our offer in a reliable response (RFC 3262 §5): the target whose offer it was gets its PRACK.
func (c *Call) answeredByPrack(now time.Time, rel *reliable, body string, out *Out) {
	f, e := c.forkOf(rel.dlg.LocalTag), rel.answer
	rel.answer = nil
	if f == nil {
		return
	}
	rel.oa.RemoteAnswer()
	c.moved = true
	rel.hear(c.a.answered(f.sdp.body, body), f.sdp.body)
	sdp, err := c.plan.answerEarly(c, f, e, body)
	switch {
	case err != nil:
		c.finish(now, diag.BadAnswer, "directsip", err.Error(), out)
	case e != nil:
		e.oa.LocalAnswer()
		c.prack(now, f.leg, e, e.rack, sdp, out)
		e.rack = ""
	}
}
