package b2bua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// owed is a transaction of an ended call of which the branch is enough: the answer to a repetition is made of the repetition.
type owed struct {
	txn.Tail
	kind owedKind
}

type owedKind uint8

const (
	owedInvite owedKind = iota // the peer's INVITE, finally answered and acknowledged: absorbed
	owedBye                    // the peer's BYE: 200
	owedAck                    // our INVITE: its 2xx gets the ACK
)

// owe keeps the tail of a machine; false: the machine must stay whole.
func (l *restLeg) owe(kind owedKind, simple bool, t interface{ Tail() (txn.Tail, bool) }) bool {
	if !simple {
		return false
	}
	tail, ok := t.Tail()
	if ok {
		l.owed = append(l.owed, owed{tail, kind})
	}
	return ok
}

// own copies the leg's texts into one, so that nothing of the call stays in memory.
func (l *restLeg) own() {
	var room [8]*string
	list := append(room[:0], &l.callID, &l.local, &l.remote, &l.caller)
	for i := range l.owed {
		list = append(list, &l.owed[i].Branch, &l.owed[i].Host)
	}
	sip.Own(list...)
}

// repeated answers a repeated request; false: it is none.
func (r *Rest) repeated(now time.Time, l *restLeg, back sip.Hop, m *sip.Message, out *Out) bool {
	for i := range l.owed {
		o := &l.owed[i]
		switch {
		case o.kind == owedAck || !o.Repeats(m):
		case o.kind == owedBye && m.Method == "BYE":
			r.reply(back, l, m, 200, out)
			return true
		case o.kind == owedInvite && m.Method == "CANCEL": // without effect (RFC 3261 §9.2)
			if l.machines == nil || !slices.ContainsFunc(l.machines.servers, func(s *txn.Server) bool { return s.Matches(m) }) {
				r.answer(now, back, l, m, out)
				return true
			}
		case o.kind == owedInvite && (m.Method == "INVITE" || m.Method == "ACK"):
			return true
		}
	}
	return false
}

// answeredAgain acknowledges a repeated 2xx, and hangs up one of another branch (RFC 3261 §13.2.2.4).
func (r *Rest) answeredAgain(now time.Time, l *restLeg, m *sip.Message, out *Out) {
	for i := range l.owed {
		o := &l.owed[i]
		if o.kind != owedAck || !o.Answers(m) || m.Status < 200 || m.Status >= 300 {
			continue
		}
		if m.ToTag() != l.remote {
			if l.machines == nil || !repeatAck(l.acks, m, out) {
				r.hangUpFork(now, l, m, out)
			}
			return
		}
		d := dialog.NewUAC(m, m)
		s := writeAck(r.env, &d, r.env.nextHop(now, l.hop, &d, nil), d.LocalSeq, "", nil).send
		s.Again = true
		out.Sends = append(out.Sends, s)
		return
	}
}
