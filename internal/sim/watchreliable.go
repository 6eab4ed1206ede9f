package sim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// reliableWatch is the reliable provisional responses of one early dialog (RFC 3262 §3, §4).
type reliableWatch struct {
	rseq    uint64
	data    string
	waits   bool   // no PRACK yet
	held    bool   // … and it has a description
	offered bool   // which is an offer, so that the PRACK needs its answer
	said    string // the description said reliably; the 2xx must not say another
	unsent  bool   // a PRACK of ours found no way to the peer
}

// dialog is the exchange of an early dialog that has one of its own, else that of the INVITE.
func (l *legWatch) dialog(tag string) *offerWatch {
	if o := l.offers[tag]; o != nil {
		return o
	}
	return l.offersOf()
}

// split gives an early dialog an exchange of its own: a copy of the INVITE's.
func (l *legWatch) split(tag string) *offerWatch {
	if o := l.offers[tag]; o != nil {
		return o
	}
	o := *l.offersOf()
	o.rel = &reliableWatch{}
	l.offers[tag] = &o
	return &o
}

// confirm makes the exchange of an early dialog that of the leg: a 2xx has made it the dialog.
func (l *legWatch) confirm(tag string) {
	o := l.offers[tag]
	if tag == "" || o == nil {
		return
	}
	root := l.offersOf()
	invite, early := root.invite, root.early
	*root = *o
	root.invite, root.early = invite, early
	delete(l.offers, tag)
	l.confirmed = o.rel
}

// tagOf is the tag that names an early dialog on a leg: the one that the UAS made.
func (l *legWatch) tagOf(m *sip.Message, sent bool) string {
	uas := m.ToTag() // of our request, and of every response
	if m.IsRequest() && sent != l.ours {
		uas = m.FromTag()
	}
	if !m.IsRequest() {
		// a response within a dialog: the tag is To or From by who sent the request
		if _, method, _ := m.CSeq(); method != "INVITE" && l.offers[uas] == nil {
			uas = m.FromTag()
		}
	}
	return uas
}

// reliableOut checks a reliable response of the node.
func (x *watch) reliableOut(l *legWatch, r *requestWatch, m *sip.Message, data []byte) {
	if !takesReliable(r.msg) {
		x.fail(l, "reliable %d to an INVITE that does not offer it", m.Status)
	}
	o := l.split(m.ToTag())
	w := o.rel
	n, err := strconv.ParseUint(m.Get(sip.IDRSeq), 10, 32)
	switch {
	case err != nil || n == 0:
		x.fail(l, "reliable %d with RSeq %q", m.Status, m.Get(sip.IDRSeq))
	case n == w.rseq && w.data != string(data):
		x.fail(l, "reliable %d repeated with other bytes", m.Status)
		return
	case n == w.rseq:
		return // repeated by us, or for a repeated INVITE
	case w.rseq == 0 && n >= 1<<31:
		x.fail(l, "first RSeq %d", n)
	case w.rseq != 0 && n != w.rseq+1:
		x.fail(l, "RSeq %d after %d", n, w.rseq)
	case w.waits:
		x.fail(l, "a second reliable response before the PRACK (RFC 3262 §3)")
	}
	d := readSDP(m.Body)
	w.rseq, w.data, w.waits, w.held, w.offered = n, string(data), true, d != nil, false
	if d == nil {
		return
	}
	x.described(l, m, d)
	w.said = m.Body
	switch {
	case o.who == "they" && o.by == r:
		x.fits(l, o, m, d)
		o.settle(true)
	case o.who == "" && !o.agreed && readSDP(r.msg.Body) == nil:
		o.who, o.by, o.offer, w.offered = "we", r, d, true
	default:
		x.fail(l, "description in a reliable %d that answers nothing and may not offer", m.Status)
	}
}

// pracked is the exchange that a PRACK belongs to: of an early dialog, or of the one that a 2xx has made the leg's meanwhile.
func (l *legWatch) pracked(m *sip.Message) *offerWatch {
	if o := l.offers[m.ToTag()]; o != nil || l.confirmed == nil {
		return o
	}
	return l.offersOf()
}

// prackIn notes a PRACK of the peer.
func (x *watch) prackIn(l *legWatch, r *requestWatch, m *sip.Message) {
	o := l.pracked(m)
	seq := uint32(0)
	if inv := l.offersOf().initial; inv != nil {
		seq = inv.seq
	}
	if o == nil || o.rel == nil || !o.rel.waits || m.Get(sip.IDRAck) != fmt.Sprintf("%d %d INVITE", o.rel.rseq, seq) {
		r.refuse = "PRACK of nothing"
		return
	}
	w := o.rel
	w.waits, w.held = false, false
	d := readSDP(m.Body)
	switch {
	case w.offered:
		w.offered = false
		o.settle(d != nil)
	case d != nil && o.who == "":
		o.who, o.by, o.offer = "they", r, d
	}
}

// prackAnswered checks our response to a PRACK.
func (x *watch) prackAnswered(l *legWatch, r *requestWatch, m *sip.Message, d *desc) {
	o := l.dialog(m.ToTag())
	switch {
	case o.by == r && m.Status < 300:
		x.fits(l, o, m, d)
		o.settle(d != nil)
		if o.rel != nil && d != nil {
			o.rel.said = m.Body
		}
	case o.by == r:
		o.settle(false)
	case d != nil:
		x.fail(l, "session description in %d to PRACK without offer", m.Status)
	}
}

// reliableIn notes a reliable response of the peer, which the node has to acknowledge.
func (x *watch) reliableIn(l *legWatch, r *requestWatch, m *sip.Message) {
	if !r.msg.HasToken(sip.IDSupported, "100rel") || r.status > 0 {
		return
	}
	o := l.split(m.ToTag())
	w := o.rel
	n, err := strconv.ParseUint(m.Get(sip.IDRSeq), 10, 32)
	if err != nil || n == 0 || w.rseq != 0 && n != w.rseq+1 {
		return
	}
	d := readSDP(m.Body)
	w.rseq, w.waits, w.offered = n, true, false
	switch {
	case d == nil:
	case o.who == "we" && o.by == r:
		o.settle(true)
	case o.who == "" && !o.agreed && readSDP(r.msg.Body) == nil:
		o.who, o.by, o.offer, w.offered = "they", r, d, true
	}
	if !w.offered && l.final == 0 && !l.cancelled() {
		x.owing = append(x.owing, owing{l, o, m.StartLine()})
	}
}

// owing is a PRACK that the node has to send at once.
type owing struct {
	l    *legWatch
	o    *offerWatch
	what string
}

// prackOut checks a PRACK of the node.
func (x *watch) prackOut(l *legWatch, r *requestWatch, m *sip.Message) {
	o := l.pracked(m)
	if o == nil || o.rel == nil || !o.rel.waits && !o.rel.unsent {
		x.fail(l, "PRACK of nothing: %s", m.Get(sip.IDRAck))
		return
	}
	w := o.rel
	w.unsent = false
	if want := fmt.Sprintf("%d %d INVITE", w.rseq, l.initialSeq()); m.Get(sip.IDRAck) != want {
		x.fail(l, "RAck %q, wanted %q", m.Get(sip.IDRAck), want)
	}
	w.waits = false
	d := readSDP(m.Body)
	switch {
	case w.offered && d == nil:
		x.fail(l, "PRACK without the answer to the offer in the response")
	case w.offered:
		x.described(l, m, d)
		if len(d.media) != len(o.offer.media) {
			x.fail(l, "answer in PRACK has %d m-lines for %d", len(d.media), len(o.offer.media))
		}
		w.offered = false
		o.settle(true)
	case d != nil:
		x.fail(l, "PRACK with a description that answers nothing")
	}
}

// initialSeq is the CSeq of the last INVITE of ours that began the leg.
func (l *legWatch) initialSeq() uint32 {
	seq := uint32(0)
	for _, r := range l.order {
		if r.sent && r.method == "INVITE" && r.msg.ToTag() == "" {
			seq = r.seq
		}
	}
	return seq
}

// pracksSent checks after a step that what had to be acknowledged was (RFC 3262 §4).
func (x *watch) pracksSent() {
	for _, w := range x.owing {
		if w.o.rel.waits && !w.l.cancelled() && w.l.final == 0 && x.n.w.Fault.Panic < 0 {
			x.fail(w.l, "%s is not acknowledged by PRACK", w.what)
		}
	}
	x.owing = x.owing[:0]
}

// overtaken checks a 2xx of ours against what was said reliably before it.
func (x *watch) overtaken(l *legWatch, m *sip.Message, d *desc) (settled bool) {
	o := l.offers[m.ToTag()]
	if o == nil {
		return false
	}
	w := o.rel
	if w.held {
		x.fail(l, "%d overtakes a description that waits for its PRACK (RFC 3262 §3)", m.Status)
	}
	if !o.agreed && o.who != "we" {
		return false
	}
	if d != nil && strings.TrimSpace(m.Body) != strings.TrimSpace(w.said) {
		x.fail(l, "%d says other than the reliable response before it:\n%s\n%s", m.Status, w.said, m.Body)
	}
	return true
}
