package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// offerWatch is the offers and answers of one dialog as RFC 3264 and RFC 6337 §2 have them, seen from the node.
type offerWatch struct {
	who     string // who waits for an answer: "we", "they" or ""
	tag     string // of the dialog that their offer in a 2xx makes
	by      *requestWatch
	offer   *desc
	invite  *requestWatch // under way, of either side: no final response yet
	initial *requestWatch // the INVITE that made the dialog
	agreed  bool
	rel     *reliableWatch    // of an early dialog that has exchanges of its own
	early   map[string]string // descriptions that we sent in provisional responses, by To tag
}

// offersOf is the exchange of the leg. Early dialogs of one INVITE share it: only one of them becomes the call.
func (l *legWatch) offersOf() *offerWatch {
	o := l.offers[""]
	if o == nil {
		o = &offerWatch{early: make(map[string]string)}
		l.offers[""] = o
	}
	return o
}

// offerOut checks a request that we send for what it offers.
func (x *watch) offerOut(l *legWatch, r *requestWatch, m *sip.Message) {
	d := readSDP(m.Body)
	o := l.offersOf()
	o.lapse(x.n.w.now)
	if d != nil {
		x.described(l, m, d)
	}
	switch m.Method {
	case "INVITE":
		if o.invite != nil {
			x.fail(l, "INVITE while an INVITE is under way")
		}
		if o.who != "" && !(o.who == "we" && x.n.w.cut[l.id]) {
			x.fail(l, "INVITE while the offer of %q is open", o.who)
		}
		if o.initial == nil {
			o.initial = r
		}
		o.invite = r
		if d != nil {
			o.who, o.by, o.offer = "we", r, d
		}
	case "PRACK":
		x.prackOut(l, r, m)
	case "UPDATE":
		if d == nil {
			return
		}
		o = l.dialog(l.tagOf(m, true))
		if (o.who != "" || !o.agreed) && !(o.who == "we" && x.n.w.cut[l.id]) {
			x.fail(l, "UPDATE with an offer while one of %q is open, agreed %v", o.who, o.agreed)
		}
		if o.rel != nil && o.rel.held && !l.ours {
			x.fail(l, "UPDATE before the PRACK of the answer (RFC 3311 §5.1)")
		}
		o.who, o.by, o.offer = "we", r, d
	default:
		if d != nil {
			x.fail(l, "session description in %s", m.Method)
		}
	}
}

// offerIn notes what a request of the peer offers, and whether we must refuse it.
func (x *watch) offerIn(l *legWatch, r *requestWatch, m *sip.Message) {
	o := l.offersOf()
	o.lapse(x.n.w.now)
	d := readSDP(m.Body)
	switch m.Method {
	case "INVITE":
		if m.ToTag() == "" && o.initial != nil {
			forgotten := o.initial.status >= 300 && x.n.w.now.After(o.initial.ended.Add(5*time.Second)) // timer I: by another way it came when the call was long refused
			if o.initial.status < 300 || r.seq <= o.initial.seq && !forgotten {
				r.refuse = "merged"
				return
			}
			delete(l.offers, "") // a new attempt under the same Call-ID
			clear(l.origin)
			o = l.offersOf()
		}
		if o.initial == nil {
			o.initial = r
		}
		switch {
		case o.invite != nil:
			r.refuse = "INVITE while one is under way"
			return
		case o.who != "":
			r.refuse = "INVITE while an offer of " + o.who + " is open"
			return
		}
		o.invite = r
		if d != nil {
			o.who, o.by, o.offer = "they", r, d
		}
	case "PRACK":
		x.prackIn(l, r, m)
	case "UPDATE":
		o = l.dialog(l.tagOf(m, false))
		switch {
		case d == nil:
		case !o.agreed:
			r.refuse = "UPDATE with an offer before any answer"
		case o.who != "":
			r.refuse = "UPDATE while an offer of " + o.who + " is open"
		default:
			o.who, o.by, o.offer = "they", r, d
		}
	case "ACK":
		if l.refusalAck(m) {
			return
		}
		inv := o.by
		if o.who == "we" && inv != nil && !inv.sent && inv.method == "INVITE" && inv.seq == r.seq {
			o.settle(d != nil)
		}
	}
}

// refusalAck tells whether an ACK of the peer is that of a refusal, such as that of an INVITE that was merged: it has the branch of its INVITE, that of a 2xx
// one of its own (RFC 3261 §17.1.1.3).
func (l *legWatch) refusalAck(m *sip.Message) bool {
	v, _ := m.TopVia()
	return l.requests[requestKey(false, v.Branch()+v.Host, "INVITE")] != nil
}

// lapse ends an INVITE of ours that has no final response 64*T1 after its CANCEL: it counts as cancelled (RFC 3261 §9.1). So it does that long after it was sent if there was no
// response at all (§17.1.1.2).
func (o *offerWatch) lapse(now time.Time) {
	r := o.invite
	if r == nil || !r.sent {
		return
	}
	since := r.cancelled
	if since.IsZero() && !r.heard {
		since = r.at
	}
	if since.IsZero() || now.Before(since.Add(64*t1)) {
		return
	}
	o.invite = nil
	if o.by == r {
		o.settle(false)
	}
}

// lost notes that a request of ours was not sent. Where nothing repeats it, it counts as answered by 503 (RFC 3261 §8.1.3.1).
func (x *watch) lost(s *txn.Send) {
	l := x.legs[s.CallID]
	if l == nil || !s.Hop.Transport.Reliable() {
		return
	}
	for _, r := range l.order {
		if r.sent && r.branch == s.Branch {
			r.unsent = true
			if r.method == "PRACK" {
				if o := l.pracked(r.msg); o != nil && o.rel != nil {
					o.rel.unsent = true // it goes once more in another transaction
				}
			}
		}
	}
	for _, o := range l.offers {
		if r := o.invite; r != nil && r.sent && r.branch == s.Branch {
			o.invite, l.unsent = nil, true
		}
		if r := o.by; r != nil && r.sent && r.branch == s.Branch {
			o.settle(false)
		}
	}
}

func (o *offerWatch) settle(agreed bool) {
	o.who, o.by, o.offer = "", nil, nil
	o.agreed = o.agreed || agreed
}

// answerIn notes what a response to our request answers or offers.
func (x *watch) answerIn(l *legWatch, r *requestWatch, m *sip.Message, tag string) {
	o := l.offersOf()
	if r.method == "UPDATE" {
		o = l.dialog(l.tagOf(m, false))
	}
	d := readSDP(m.Body)
	if r.method == "INVITE" && o.invite == r {
		o.invite = nil
	}
	if e := l.offers[tag]; r.method == "INVITE" && m.Status < 300 && e != nil {
		settled := e.agreed || e.who == "they"
		if o.by == r && o.who == "we" || len(r.owed) == 1 {
			l.confirm(tag)
		}
		if settled {
			return
		}
	}
	switch {
	case o.by == r && o.who == "we":
		o.settle(m.Status < 300 && d != nil)
	case r.method == "INVITE" && m.Status < 300 && d != nil && readSDP(r.msg.Body) == nil && o.who == "" && len(r.owed) == 1 && !r.acked[tag]:
		o.who, o.by, o.offer, o.tag = "they", r, d, tag
	}
}

// answerAck checks the ACK that we send for what it answers.
func (x *watch) answerAck(l *legWatch, inv *requestWatch, m *sip.Message, status int, tag string) {
	o := l.offersOf()
	d := readSDP(m.Body)
	if d != nil {
		x.described(l, m, d)
	}
	switch {
	case status >= 300 || readSDP(inv.msg.Body) != nil:
		if m.Body != "" {
			x.fail(l, "ACK with a body to an INVITE with an offer")
		}
	case o.who == "they" && o.by == inv && o.tag == tag:
		if d == nil {
			x.fail(l, "ACK without the answer to the offer in the %d", status)
		} else if len(d.media) != len(o.offer.media) {
			x.fail(l, "answer in ACK has %d m-lines for %d", len(d.media), len(o.offer.media))
		}
		o.settle(d != nil)
	}
}

// answerOut checks a response that we send for what it answers or offers.
func (x *watch) answerOut(l *legWatch, r *requestWatch, m *sip.Message) {
	o := l.offersOf()
	d := readSDP(m.Body)
	if d != nil {
		x.described(l, m, d)
	}
	if r.method != "INVITE" && r.method != "UPDATE" && r.method != "PRACK" || m.Status >= 300 {
		if d != nil {
			x.fail(l, "session description in %d to %s", m.Status, r.method)
		}
	}
	switch r.method {
	case "INVITE":
		x.inviteAnswered(l, o, r, m, d)
	case "PRACK":
		x.prackAnswered(l, r, m, d)
	case "UPDATE":
		o = l.dialog(l.tagOf(m, true))
		if o.rel != nil && d != nil && m.Status < 300 {
			o.rel.said = m.Body
		}
		switch {
		case o.by == r && m.Status < 300 && m.Status >= 200:
			x.fits(l, o, m, d)
			o.settle(d != nil)
		case o.by == r && m.Status >= 300:
			o.settle(false)
		case d != nil && r.refuse == "":
			x.fail(l, "session description in %d to UPDATE without offer", m.Status)
		}
	}
}

func (x *watch) inviteAnswered(l *legWatch, o *offerWatch, r *requestWatch, m *sip.Message, d *desc) {
	tag := m.ToTag()
	switch {
	case m.Status < 200:
		if d == nil {
			return
		}
		if o.by != r || o.who != "they" {
			x.fail(l, "session description in %d without an offer", m.Status)
			return
		}
		x.fits(l, o, m, d)
		if e := o.early[tag]; e != "" && e != m.Body {
			x.fail(l, "two different descriptions in provisional responses of one dialog:\n%s\n%s", e, m.Body)
		}
		o.early[tag] = m.Body
	case m.Status >= 300:
		if o.invite == r {
			o.invite = nil
		}
		if o.by == r {
			o.settle(false)
		}
	default:
		if o.invite == r {
			o.invite = nil
		}
		settled := x.overtaken(l, m, d)
		l.confirm(tag)
		if settled {
			return
		}
		if o.by == r && o.who == "they" {
			x.fits(l, o, m, d)
			if e := o.early[tag]; e != "" && r == o.initial && e != m.Body && d != nil {
				x.fail(l, "answer in %d differs from the one in the provisional response:\n%s\n%s", m.Status, e, m.Body)
			}
			o.settle(d != nil)
			return
		}
		if d == nil {
			x.fail(l, "%d to an INVITE without offer has no offer", m.Status)
			return
		}
		o.who, o.by, o.offer = "we", r, d
	}
}

// fits checks an answer of ours against the offer.
func (x *watch) fits(l *legWatch, o *offerWatch, m *sip.Message, d *desc) {
	if d == nil {
		x.fail(l, "%d without the answer to an offer", m.Status)
		return
	}
	if len(d.media) != len(o.offer.media) {
		x.fail(l, "answer in %d has %d m-lines for %d", m.Status, len(d.media), len(o.offer.media))
		return
	}
	x.keyed(l, m, d, o.offer)
	for i := range d.media {
		a, f := &d.media[i], &o.offer.media[i]
		if a.kind != f.kind || f.port == 0 && a.port != 0 {
			x.fail(l, "answer in %d does not fit m-line %d", m.Status, i+1)
		}
		if a.port != 0 && meet(f.dir, a.dir) != a.dir {
			x.fail(l, "answer in %d: %s for %s", m.Status, a.dir, f.dir)
		}
		for _, format := range a.fmts {
			if a.port != 0 && !slices.Contains(f.fmts, format) {
				x.fail(l, "answer in %d: m-line %d has format %s, which was not offered", m.Status, i+1, format)
			}
		}
	}
}

// described checks the o= line (RFC 3264 §8, RFC 8866 §5.2) and the ports.
func (x *watch) described(l *legWatch, m *sip.Message, d *desc) {
	x.mediaPort(l, d)
	x.keyed(l, m, d, nil)
	ours, theirs := m.FromTag(), m.ToTag()
	if !m.IsRequest() {
		ours, theirs = theirs, ours
	}
	last := l.origin[ours+"|"+theirs]
	if last == nil {
		last = l.origin[ours+"|"] // of the INVITE that made the dialog
	}
	l.origin[ours+"|"+theirs] = d
	if last == nil {
		return
	}
	if last.id != d.id || last.user != d.user {
		x.fail(l, "session id of o= changes from %s to %s", last.id, d.id)
	}
	was, _ := strconv.ParseUint(last.version, 10, 64)
	is, _ := strconv.ParseUint(d.version, 10, 64)
	switch {
	case last.rest == d.rest && was != is:
		x.fail(l, "version of o= changes from %d to %d without a change", was, is)
	case last.rest != d.rest && is != was+1 && !x.n.w.cut[l.id]:
		x.fail(l, "version of o= goes from %d to %d", was, is)
	}
}
