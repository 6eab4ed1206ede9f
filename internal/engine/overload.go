package engine

import (
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
	"github.com/directsip/directsip/internal/ua"
)

// Overload is met in two places.
//
// A shard refuses a new call when the INVITE has waited longer than Config.MaxLag, until one has waited less than half of
// that. It is the one that knows whether a call is new: the repetition of an INVITE that is being served must not get a 503.
// A refusal costs a fraction of a call, so the queue drains, and what is left of the processor goes to the calls that run.
//
// In front of the mailbox its size is bounded, for a shard that is stuck or a flood that outruns even refusals.
const (
	// minDepth is how much must wait before waiting long means overload; less is a pause of the scheduler.
	minDepth = 16
	// softDepth and softBytes close the mailbox to what would begin something.
	softDepth = 8192
	softBytes = 32 << 20
	// hardDepth and hardBytes close it to everything.
	hardDepth = 8 * softDepth
	hardBytes = 8 * softBytes
)

// admission is what becomes of a message in front of a mailbox.
type admission uint8

const (
	take   admission = iota
	refuse           // answer with 503
	drop             // no answer: the peer repeats it, or can do without
)

// admit decides by the size of the mailbox. Calls that run go on: nothing of theirs is dropped before the mailbox is at
// its hard bound.
func (e *Engine) admit(box *mailbox, src sip.Source, m *sip.Message) admission {
	depth, bytes := box.depth.Load(), box.bytes.Load()
	switch {
	case depth < softDepth && bytes < softBytes:
		return take
	case depth >= hardDepth || bytes >= hardBytes:
		return drop
	case !m.IsRequest() || m.Method == "ACK" || m.Method == "CANCEL" || m.Method == "BYE" || m.ToTag() != "":
		return take
	case m.Method != "INVITE":
		return drop
	case e.emergency(m):
		return take
	case src.Transport == sip.UDP: // perhaps the repetition of one that waits in the mailbox
		return drop
	}
	return refuse
}

// emergency tells whether an INVITE is for an emergency number as dialled, or an emergency service: those are never shed (NEW-18).
func (e *Engine) emergency(m *sip.Message) bool {
	snap := e.Snapshot()
	if len(snap.Emergency) == 0 && len(snap.LocationPolicies) == 0 {
		return false
	}
	return snap.Rescues(m.URI)
}

// overloaded tells whether this message is to be refused because messages wait too long.
func (s *shard) overloaded(wait time.Duration, m *sip.Message) bool {
	s.lag.Store(int64(wait))
	switch {
	case s.shedding:
		s.shedding = wait > s.e.cfg.MaxLag/2
	case wait > s.e.cfg.MaxLag:
		s.shedding = s.box.depth.Load() > minDepth
	}
	return s.shedding && m.Method == "INVITE" && m.ToTag() == "" && !s.core.Owns(m.CallID()) && !s.e.emergency(m)
}

// shed refuses a new call, of which nothing stays but that it was refused.
func (s *shard) shed(now time.Time, src sip.Source, m *sip.Message) {
	s.e.shed.Add(1)
	s.refused.add(now, s.e.transaction(m))
	m.FixTopVia(src.Remote)
	s.out.Sends = append(s.out.Sends, txn.Send{Hop: b2bua.Back(src, m), Data: ua.Refusal(m, diag.Overload, 0, "").Append(nil), CallID: m.CallID()})
}
