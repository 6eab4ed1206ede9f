package b2bua

import (
	"errors"
	"strconv"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// auth is what a leg knows of its peer's challenges (RFC 3261 §22, NEW-02). A leg that was never challenged has none.
type auth struct {
	digest.Client
	account digest.Account
	round   digest.Round // of our INVITE under way
	err     error        // why the last challenge was not answered
	sent    [2]sentAuth  // of the INVITE that began the dialog, and of the last re-INVITE
}

// sentAuth is the credentials of an INVITE, which its ACK repeats (RFC 3261 §22.1).
type sentAuth struct {
	seq     uint32 // CSeq
	headers []sip.Header
}

// Nonces are the nonces that the peers of trunks have given the calls of this shard, by trunk.
type Nonces map[string]*digest.Client

// Begin is a client for a call or a registration on a trunk: it knows the nonces that the last one had.
func (n Nonces) Begin(t *topology.Trunk) *digest.Client {
	if c := n[t.Name]; c != nil {
		return c.Fork()
	}
	return &digest.Client{}
}

// Learned keeps what a client has been challenged with for the next one.
func (n Nonces) Learned(t *topology.Trunk, c *digest.Client) {
	if n[t.Name] == nil {
		n[t.Name] = &digest.Client{}
	}
	n[t.Name].Share(c)
}

// unauthorized tells whether a status asks for credentials.
func unauthorized(status int) bool { return status == 401 || status == 407 }

// greet lets a leg B begin with credentials when earlier calls of the trunk have been challenged.
func (c *Call) greet(l *Leg) {
	l.auth = nil
	if account := l.trunk.Account(); !account.IsZero() && c.env.Nonces[l.trunk.Name] != nil {
		l.auth = &auth{Client: *c.env.Nonces.Begin(l.trunk), account: account}
	}
}

// authorize puts credentials into a request of a leg whose peer has asked for some. Not for ACK and CANCEL (RFC 3261 §22.1).
func (a *auth) authorize(e *Env, m *sip.Message) {
	if a == nil {
		return
	}
	a.Authorize(m, a.account, e.Rand.Uint64())
	if m.Method != "INVITE" {
		return
	}
	s := &a.sent[0]
	if m.ToTag() != "" {
		s = &a.sent[1]
	}
	*s = sentAuth{}
	s.seq, _, _ = m.CSeq()
	for i := range m.Headers {
		if h := &m.Headers[i]; h.ID == sip.IDAuthorization || h.ID == sip.IDProxyAuthorization {
			s.headers = append(s.headers, *h)
		}
	}
}

// begin is authorize for a re-INVITE.
func (a *auth) begin(e *Env, m *sip.Message) {
	if a != nil {
		a.round = digest.Round{}
		a.authorize(e, m)
	}
}

// acknowledge puts the credentials of an INVITE into its ACK.
func (a *auth) acknowledge(ack *sip.Message, seq uint32) {
	if a == nil {
		return
	}
	for i := range a.sent {
		if a.sent[i].seq == seq {
			ack.Headers = append(ack.Headers, a.sent[i].headers...)
		}
	}
}

// challenged tells whether a response asks a leg for credentials that it has.
func (l *Leg) challenged(m *sip.Message) bool {
	return unauthorized(m.Status) && !l.trunk.Account().IsZero()
}

// learn takes a challenge to a request of that round; false: it cannot be answered, or was answered often enough.
func (c *Call) learn(l *Leg, m *sip.Message, r *digest.Round) bool {
	a := l.auth
	if a.err = a.Learn(m, a.account, r); a.err != nil {
		return false
	}
	if c.env.Nonces == nil {
		c.env.Nonces = make(Nonces)
	}
	c.env.Nonces.Learned(l.trunk, &a.Client)
	return true
}

// meet makes the auth of a leg that is challenged for the first time.
func (l *Leg) meet() *auth {
	if l.auth == nil {
		l.auth = &auth{account: l.trunk.Account()}
	}
	return l.auth
}

// answerReinvite answers the challenge to a re-INVITE of ours: the same with credentials, a new branch and the next CSeq (RFC 3261
// §22.2). False: the response is final. That to the INVITE of an attempt is answered by inviteAgain.
func (c *Call) answerReinvite(now time.Time, l *Leg, inv, m *sip.Message, out *Out) bool {
	seq, _, _ := inv.CSeq()
	waits := c.waiter(l, seq)
	if waits == nil || !c.learn(l, m, &l.meet().round) {
		return false
	}
	l.dlg.LocalSeq++
	*waits, l.ackSeq = l.dlg.LocalSeq, l.dlg.LocalSeq
	inv.Set(sip.IDCSeq, strconv.FormatUint(uint64(l.ackSeq), 10)+" INVITE")
	l.auth.authorize(c.env, inv)
	inv.Set(sip.IDVia, c.env.via(l.hop))
	l.shelve()
	l.invc.Start(now, inv, l.hop, c.env.Timers, &out.Out)
	c.note(now, l, true, inv)
	return true
}

// waiter is by what CSeq whoever waits for the response to a re-INVITE knows it; nil: nobody does.
func (c *Call) waiter(l *Leg, seq uint32) *uint32 {
	if e := c.exch; e != nil && e.to == l && e.forward == "INVITE" && e.seq == seq && !e.gone {
		return &e.seq
	}
	if r := l.again; r != nil && r.seq == seq && !r.until.IsZero() {
		return &r.seq
	}
	return nil
}

// answerRequest answers the challenge to another request of ours.
func (c *Call) answerRequest(now time.Time, l *Leg, r *request, hop sip.Hop, req, m *sip.Message, out *Out) bool {
	seq, method, _ := req.CSeq()
	if c.end != nil && method != "BYE" || r.early != nil && r.early != c.early { // nobody waits for it any more
		return false
	}
	l.meet()
	if !c.learn(l, m, &r.round) {
		return false
	}
	seq++
	if d := l.dialogBy(r, req.ToTag()); d != nil {
		d.LocalSeq++
		seq = d.LocalSeq
	}
	req.Set(sip.IDCSeq, strconv.FormatUint(uint64(seq), 10)+" "+method)
	req.Set(sip.IDVia, c.env.via(hop))
	l.auth.authorize(c.env, req)
	r.Start(now, req, hop, c.env.Timers, &out.Out)
	c.note(now, l, true, req)
	return true
}

// denial is why a peer does not let us in: we have nothing for it, or it does not take what we have.
func (l *Leg) denial() *diag.Reason {
	if l.auth == nil || errors.Is(l.auth.err, digest.ErrNoAccount) {
		return diag.CredentialsMissing
	}
	return diag.CredentialsRefused
}

// deny turns a refused attempt into one for want of credentials. Whoever calls us cannot answer the challenge in our place, so the
// status is not theirs.
func (l *Leg) deny(r *rejection) {
	r.reason = l.denial()
	if l.auth != nil && l.auth.err != nil {
		r.detail += ": " + l.auth.err.Error()
	}
}

// passed is how a refusal of a change on one leg goes to the other leg. Much of what a peer says would end the other one's dialog too, asks us for
// something, or lacks what has to stand beside it (RFC 5057 §5.1): to who has asked it means that the change is not accepted.
func (l *Leg) passed(m *sip.Message, why *diag.Reason) (*diag.Reason, int) {
	switch m.Status {
	case 401, 407:
		return l.denial(), why.Status
	case 408, 481: // the call ends
		return diag.PeerVanished, m.Status
	case 500, 503, 504:
		return diag.PeerFault, within(m.Status)
	case 400, 403, 406, 486, 487, 488, 491, 580, 603, 606:
		return why, m.Status
	}
	return why, why.Status
}

// within is a status as a request within a dialog is refused with it: one that says nothing of the dialog. Of what a call is refused with, much ends the
// dialog or its session for who gets it there (RFC 5057 §5.1), though it speaks of a number to transfer to, or of the other side. 503 would keep the
// peer from sending us anything else (RFC 3261 §21.5.4), and there are stacks that give the session up for it, unless they are told to try again.
func within(status int) int {
	switch status {
	case 404, 410, 416, 480, 482, 483, 484, 485, 489, 502, 600, 604:
		return 403
	case 503, 504:
		return 500 // with Retry-After
	}
	return status
}
