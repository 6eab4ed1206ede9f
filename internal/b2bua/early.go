package b2bua

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sip"
)

// early is an early dialog of a target that has sent a reliable provisional response. Requests go by it before the answer: PRACK
// (RFC 3262), and UPDATE (RFC 3311).
type early struct {
	dlg    dialog.Dialog
	hop    sip.Hop
	oa     dialog.OfferAnswer
	sdp    description // ours in this dialog
	said   string      // the target's description that stands; "" none
	bid    bool        // … which was an offer of its own
	busy   bool        // a PRACK of ours is under way: nothing may overtake it
	rseq   uint32      // of the last response in order
	misled bool        // it has accepted an offer that was withdrawn meanwhile
	rack   string      // of the response whose offer waits for the caller's answer; "" none waits
}

// maxEarly bounds the early dialogs of one INVITE that are acknowledged, and the requests that may be under way when another response is: of who sends ever more of them
// none is heard until some of those are over.
const maxEarly = 100

// earlyDialog finds the early dialog of a target's tag, nil when it has none.
func (l *Leg) earlyDialog(tag string) *early {
	for _, e := range l.early {
		if e.dlg.RemoteTag == tag {
			return e
		}
	}
	return nil
}

// hearReliable takes the RSeq of a provisional response (RFC 3262 §4). rack is "" when the response is not reliable. A response that
// repeats an earlier one, or runs ahead of one that was lost, is not fresh: it is for the network to repeat. Neither is one beyond what may be under way.
func (c *Call) hearReliable(l *Leg, m *sip.Message) (e *early, rack string, fresh bool) {
	tag := m.ToTag()
	e = l.earlyDialog(tag)
	if l.trunk.Settings.ReliableProvisional == "off" || !m.HasToken(sip.IDRequire, "100rel") {
		return e, "", true
	}
	n, err := strconv.ParseUint(strings.TrimSpace(m.Get(sip.IDRSeq)), 10, 32)
	if err != nil || n == 0 || tag == "" {
		return e, "", true
	}
	switch {
	case e == nil && len(l.early) >= maxEarly:
		return nil, "", true
	case len(l.clients) >= maxEarly:
		return e, "", false
	case e == nil:
		e = &early{dlg: dialog.NewUAC(l.sent, m), oa: l.oa, sdp: l.sdp}
		l.early = append(l.early, e)
	case uint32(n) != e.rseq+1:
		return e, "", false
	default:
		e.dlg.Refresh(m)
	}
	e.rseq, e.hop = uint32(n), c.env.nextHop(c.now, l.hop, &e.dlg, l.trunk)
	seq, _, _ := m.CSeq()
	return e, strconv.FormatUint(n, 10) + " " + strconv.FormatUint(uint64(seq), 10) + " INVITE", true
}

// dialogOf is where requests of an early dialog go: the leg's own once that one was answered.
func (l *Leg) dialogOf(e *early) *dialog.Dialog {
	if l.dlg.RemoteTag == e.dlg.RemoteTag {
		return &l.dlg
	}
	return &e.dlg
}

// prack acknowledges a reliable provisional response, with a description if it made an offer.
func (c *Call) prack(now time.Time, l *Leg, e *early, rack, body string, out *Out) {
	m := l.dialogOf(e).Request("PRACK")
	m.Add(sip.IDRAck, rack)
	c.say(l, m, body)
	e.busy = true
	c.beginAt(now, l, e.hop, m, out).acks = e
}

// hearEarly takes the description of a reliable response: it is the answer to our offer, or, when our INVITE had none, an offer that
// the PRACK answers (RFC 3262 §5). Any further one in the same dialog means nothing.
func (e *early) hearEarly(body string) (offer, answer bool) {
	switch {
	case e.oa.LocalPending():
		e.oa.RemoteAnswer()
		answer = true
	case e.oa.RemoteOffer("INVITE") == dialog.OK:
		offer = true
	default:
		return false, false
	}
	e.said, e.bid = strings.Clone(body), offer
	return offer, answer
}

// dialogBy is the dialog that a request of ours went by: the leg's, or an early one; nil for one outside of any.
func (l *Leg) dialogBy(r *request, tag string) *dialog.Dialog {
	switch x := r.early; {
	case l.dlg.RemoteTag != "" && tag == l.dlg.RemoteTag:
		return &l.dlg
	case x != nil && x.toCaller:
		return &x.f.rel.dlg
	}
	if e := l.earlyDialog(tag); e != nil {
		return &e.dlg
	}
	return nil
}

// answerIn is the target's description in a 2xx, or the one that it has said reliably before.
func (l *Leg) answerIn(m *sip.Message) (string, bool) {
	if e := l.earlyDialog(m.ToTag()); e != nil && e.oa.Agreed() {
		l.oa, l.sdp = e.oa, e.sdp
		return e.said, true
	}
	return m.SDP()
}

// pracked tells whether another branch than the one that was answered has had a PRACK: a BYE to it needs a higher CSeq than that.
func (l *Leg) pracked() bool {
	for _, e := range l.early {
		if e.dlg.RemoteTag != l.dlg.RemoteTag {
			return true
		}
	}
	return false
}

// inherit gives the dialog that a 2xx makes the CSeq numbers that its early one has come to.
func (l *Leg) inherit(to *dialog.Dialog) {
	if e := l.earlyDialog(to.RemoteTag); e != nil {
		to.LocalSeq, to.RemoteSeq = e.dlg.LocalSeq, e.dlg.RemoteSeq
	}
}
