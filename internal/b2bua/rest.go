package b2bua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// Rest is what an ended call still owes its peers: for half a minute their repetitions must be answered or absorbed (timers I, J,
// L and M of RFC 3261 and RFC 6026), and who answers behind a proxy that has refused the call must be hung up (RFC 3261 §16.7
// item 5). At 1000 calls a second that is 32 000 of them, so it keeps the transactions and nothing of the call.
type Rest struct {
	env  *Env
	legs []restLeg
}

// restLeg is the rest of one leg.
type restLeg struct {
	callID        string
	local, remote string // tags of the dialog; remote is "" where there was none
	seq, after    uint32 // CSeq of the INVITE that began the call, and of the first that it superseded; 0 on a leg B
	caller        string // its From tag
	hop           sip.Hop
	owed          []owed // the ordinary case
	*machines            // what has more to do than that; nil: nothing
	room          [2]owed
}

// machines are transactions kept whole.
type machines struct {
	invites []*txn.InviteServer // the peer's
	servers []*txn.Server
	ours    []*txn.InviteClient
	acks    []sentAck
	auth    *auth
	clients []*txn.Client // BYEs to branches of a fork that answer late
	byes    lostByes      // … of which these could not be sent
}

// Rest is what remains of an ended call, nil while there is more to do than to answer repetitions. The call itself is not used any
// more afterwards.
func (c *Call) Rest() *Rest {
	if !c.Ended() || c.exch != nil || c.current != nil || !c.a.quiet() {
		return nil
	}
	for _, t := range c.attempts {
		if t.state != attemptOver || !t.linger.IsZero() || !t.leg.quiet() {
			return nil
		}
	}
	roomy := &struct {
		Rest
		room [2]restLeg
	}{Rest: Rest{env: c.env}}
	r := &roomy.Rest
	r.legs = roomy.room[:1]
	r.legs[0].seq, r.legs[0].after = c.a.first, c.a.after
	c.a.rest(&r.legs[0])
	for _, t := range c.attempts {
		n := len(r.legs)
		r.legs = append(r.legs, restLeg{})
		if !t.leg.rest(&r.legs[n]) {
			r.legs[n] = restLeg{}
			r.legs = r.legs[:n]
		}
	}
	return r
}

// quiet tells whether nothing of the leg is under way: what lives only waits for repetitions.
func (l *Leg) quiet() bool {
	for _, r := range l.clients {
		if r.State() != txn.Completed {
			return false
		}
	}
	for _, s := range l.servers {
		if s.State() != txn.Completed {
			return false
		}
	}
	for _, p := range l.past {
		if p.State() != txn.Completed { // a challenged INVITE repeats its ACK
			return false
		}
	}
	s := l.invc.State()
	waits := s == txn.Calling || s == txn.Proceeding ||
		(s == txn.Accepted || s == txn.Completed) && (l.offerless || l.pracked()) // whose late 2xx need an answer in the ACK, or a CSeq after that of a PRACK
	return !waits && l.inv == nil && !l.up && !l.pending && !l.ackWaits && !l.answer.Waiting() && l.drop.IsZero() &&
		len(l.byes.wait) == 0
}

// rest gives the leg's transactions over to r; false: none lives.
func (l *Leg) rest(r *restLeg) bool {
	r.callID, r.local, r.caller, r.remote, r.hop = l.callID, l.tag, l.caller, l.dlg.RemoteTag, l.hop
	r.hop.Host, r.hop.Port = "", 0 // what responses are sent by; a late 2xx says anew where its ACK goes
	var whole machines
	r.owed = r.room[:0]
	if l.invs.Live() && !r.owe(owedInvite, l.invs.State() != txn.Completed, &l.invs) {
		t := l.invs
		whole.invites = append(whole.invites, &t)
	}
	whole.invites = append(whole.invites, l.refused...)
	for _, s := range l.servers {
		if !r.owe(owedBye, s.Method() == "BYE" && s.Status() == 200 && s.Hop().Local == l.hop.Local, s) {
			whole.servers = append(whole.servers, s)
		}
	}
	special := func(a sentAck) bool { return a.body || a.tag != r.remote } // with an answer, or to another branch of a fork
	whole.ours = l.past
	absorbs := l.invc.State() == txn.Accepted || l.invc.Hop().Transport.Reliable() // else a refusal may be repeated
	if l.invc.Live() && !r.owe(owedAck, absorbs && l.auth == nil && !slices.ContainsFunc(l.acks, special), &l.invc) {
		t := l.invc
		whole.ours, whole.acks, whole.auth = append(whole.ours, &t), l.acks, l.auth
	}
	if len(whole.invites)+len(whole.servers)+len(whole.ours) > 0 {
		kept := whole // for nearly all legs nothing
		r.machines = &kept
	}
	r.own()
	return len(r.owed) > 0 || r.machines != nil
}

// First is Call.First.
func (r *Rest) First() uint32 {
	return firstOf(r.legs[0].after, r.legs[0].seq)
}

// Superseded is Call.Superseded.
func (r *Rest) Superseded(m *sip.Message) bool {
	a := &r.legs[0]
	return supersedes(m, a.callID, a.seq)
}

// Receive takes a message of one of the call's Call-IDs. Requests are answered where they come from, which need not be where the dialog led. False: it is for the user agent core.
func (r *Rest) Receive(now time.Time, src sip.Source, m *sip.Message, out *Out) bool {
	l := r.leg(m)
	switch {
	case l == nil:
		return false
	case m.IsRequest():
		return r.request(now, l, Back(src, m), m, out)
	}
	r.response(now, l, m, out)
	return true
}

// leg is Call.leg.
func (r *Rest) leg(m *sip.Message) (l *restLeg) {
	ours, theirs := m.ToTag(), m.FromTag()
	if !m.IsRequest() {
		ours, theirs = theirs, ours
	}
	for i := range r.legs {
		switch x := &r.legs[i]; {
		case x.callID != m.CallID():
		case x.speaks(ours, theirs):
			return x
		case l == nil:
			l = x
		}
	}
	return l
}

func (r *Rest) request(now time.Time, l *restLeg, back sip.Hop, m *sip.Message, out *Out) bool {
	if r.repeated(now, l, back, m, out) {
		return true
	}
	if w := l.machines; w != nil {
		for _, t := range w.invites {
			if t.Matches(m) {
				t.Receive(now, m, &out.Out)
				return true
			}
		}
		for _, t := range w.servers {
			if t.Matches(m) {
				t.Receive(now, m, &out.Out)
				return true
			}
		}
	}
	switch {
	case m.Method == "ACK":
		return true
	case m.Method == "CANCEL":
		if w := l.machines; w != nil {
			for _, t := range w.invites {
				if t.MatchesCancel(m) { // without effect (RFC 3261 §9.2)
					r.answer(now, back, l, m, out)
					return true
				}
			}
		}
	case l.seq > 0 && precedes(m, l.caller, l.after, l.seq):
		return true
	case m.Method == "INVITE" && l.seq > 0 && m.ToTag() == "": // by another way (RFC 3261 §8.2.2.2)
		r.merged(now, back, l, m, out)
		return true
	case l.local != m.ToTag():
	case m.Method == "BYE" && l.remote != "" && m.FromTag() == l.remote: // it crossed ours
		r.answer(now, back, l, m, out)
		return true
	default:
		r.reply(back, l, m, diag.CallGone.Status, out)
		return true
	}
	return false
}

// merged refuses an INVITE in a transaction of its own: who does not hear that repeats it longer than anything else of a refused call is remembered.
func (r *Rest) merged(now time.Time, hop sip.Hop, l *restLeg, m *sip.Message, out *Out) {
	t := &txn.InviteServer{}
	t.Start(now, m, hop, r.env.Timers)
	a := sip.NewResponse(m, diag.MergedRequest.Status, "")
	a.SetToTag(l.local)
	Explain(a, diag.MergedRequest, "")
	t.Respond(now, a, &out.Out)
	if l.machines == nil {
		l.machines = &machines{}
	}
	if len(l.machines.invites) < maxRequests {
		l.machines.invites = append(l.machines.invites, t)
	}
}

// answer takes a CANCEL or a BYE, and keeps the 200: repetitions may come when the INVITE or the call is forgotten.
func (r *Rest) answer(now time.Time, hop sip.Hop, l *restLeg, m *sip.Message, out *Out) {
	s := &txn.Server{}
	s.Start(now, m, hop, r.env.Timers)
	a := sip.NewResponse(m, 200, "")
	a.SetToTag(l.local)
	s.Respond(now, a, &out.Out)
	if l.machines == nil {
		l.machines = &machines{}
	}
	if len(l.machines.servers) < maxRequests {
		l.machines.servers = append(l.machines.servers, s)
	}
}

// reply answers without keeping anything: a repetition gets the same answer.
func (r *Rest) reply(hop sip.Hop, l *restLeg, m *sip.Message, status int, out *Out) {
	a := sip.NewResponse(m, status, "")
	a.SetToTag(l.local)
	if status == diag.CallGone.Status {
		Explain(a, diag.CallGone, "")
	}
	out.Sends = append(out.Sends, txn.Send{Hop: hop, Data: a.Append(nil), CallID: l.callID})
}

func (r *Rest) response(now time.Time, l *restLeg, m *sip.Message, out *Out) {
	if w := l.machines; w != nil {
		for _, t := range w.ours {
			if !t.Matches(m) {
				continue
			}
			if t.Receive(now, m, &out.Out) && !repeatAck(w.acks, m, out) {
				r.hangUpFork(now, l, m, out)
			}
			return
		}
		for _, t := range w.clients {
			if t.Matches(m) {
				t.Receive(now, m, &out.Out)
				return
			}
		}
	}
	r.answeredAgain(now, l, m, out)
}

// hangUpFork acknowledges and ends the dialog of another branch that answered after all (RFC 3261 §13.2.2.4). The 2xx repeats what
// our INVITE said, which is not kept.
func (r *Rest) hangUpFork(now time.Time, l *restLeg, m *sip.Message, out *Out) {
	if l.machines == nil {
		l.machines = &machines{}
	}
	w := l.machines
	if m.FromTag() != l.local || m.ToTag() == "" || len(w.acks) >= maxAcks {
		return
	}
	d := dialog.NewUAC(m, m)
	hop := r.env.nextHop(now, l.hop, &d, nil)
	ack := writeAck(r.env, &d, hop, d.LocalSeq, "", w.auth)
	w.acks = append(w.acks, ack)
	out.Sends = append(out.Sends, ack.send)
	bye := d.Request("BYE")
	w.auth.authorize(r.env, bye)
	bye.AddFirst(sip.IDVia, r.env.via(hop))
	t := &txn.Client{}
	t.Start(now, bye, hop, r.env.Timers, &out.Out)
	w.clients = append(w.clients, t)
}

// Advance fires the timers that are due.
func (r *Rest) Advance(now time.Time, out *Out) {
	for i := range r.legs {
		l := &r.legs[i]
		l.owed = slices.DeleteFunc(l.owed, func(o owed) bool { return !now.Before(o.End) })
		if w := l.machines; w != nil {
			w.invites, w.servers = advanced(w.invites, now, out), advanced(w.servers, now, out)
			w.ours, w.clients = advanced(w.ours, now, out), advanced(w.clients, now, out)
			w.byes.send(now, r.env, func(b *lostBye) {
				t := &txn.Client{}
				t.Start(now, b.req, b.hop, r.env.Timers, &out.Out)
				w.clients = append(w.clients, t)
			})
		}
	}
}

// transaction is one of the four machines.
type transaction interface {
	Live() bool
	Deadline() (time.Time, string)
	Advance(time.Time, *txn.Out) txn.Event
}

// advanced fires the timers of machines and keeps those that live.
func advanced[T transaction](list []T, now time.Time, out *Out) []T {
	for _, t := range list {
		if at, _ := t.Deadline(); !at.IsZero() && !now.Before(at) {
			t.Advance(now, &out.Out)
		}
	}
	return living(list)
}

// Deadline is when to call Advance; zero when nothing lives any more.
func (r *Rest) Deadline() time.Time {
	var d earliest
	for i := range r.legs {
		l := &r.legs[i]
		for k := range l.owed {
			d.add(l.owed[k].End, "")
		}
		if w := l.machines; w != nil {
			add(&d, w.invites)
			add(&d, w.servers)
			add(&d, w.ours)
			add(&d, w.clients)
			w.byes.deadline(&d)
		}
	}
	return d.at
}

func add[T transaction](d *earliest, list []T) {
	for _, t := range list {
		d.add(t.Deadline())
	}
}
