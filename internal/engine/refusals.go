package engine

import (
	"hash/maphash"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// A call that is shed leaves no state, but its caller may have repeated the INVITE before the refusal was there. Such a repetition waits as long as the rest, and
// may be heard when the worst is over: to take it for a new call would ring a telephone for a caller who has gone elsewhere. So what was refused stays refused.
const (
	refusedFor  = 8 * time.Second // at least: a repetition waits in a socket and in the mailbox
	refusedMost = 16384           // of which so many are remembered at least, per shard
)

// refusals are the INVITEs that a shard has shed lately. The zero value is ready to use.
type refusals struct {
	young, old map[uint64]struct{}
	since      time.Time // of the first in young
}

// add remembers an INVITE.
func (r *refusals) add(now time.Time, key uint64) {
	r.age(now)
	switch {
	case len(r.young) >= refusedMost:
		r.young, r.old, r.since = map[uint64]struct{}{}, r.young, now
	case len(r.young) == 0:
		r.young, r.since = map[uint64]struct{}{}, now
	}
	r.young[key] = struct{}{}
}

// has tells whether an INVITE is remembered.
func (r *refusals) has(now time.Time, key uint64) bool {
	r.age(now)
	_, young := r.young[key]
	_, old := r.old[key]
	return young || old
}

func (r *refusals) empty() bool { return len(r.young)+len(r.old) == 0 }

// age forgets what is too old.
func (r *refusals) age(now time.Time) {
	if past := now.Sub(r.since); past >= 2*refusedFor {
		*r = refusals{}
	} else if past >= refusedFor {
		r.young, r.old, r.since = nil, r.young, now
	}
}

// transaction is the key of an INVITE and its repetitions (RFC 3261 §17.2.3); a new attempt of the same caller has another.
func (e *Engine) transaction(m *sip.Message) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	h.WriteString(m.CallID())
	h.WriteByte(0)
	if v, ok := m.TopVia(); ok {
		h.WriteString(v.Branch())
	}
	h.WriteByte(0)
	seq, _, _ := m.CSeq()
	maphash.WriteComparable(&h, seq)
	return h.Sum64()
}

// repeated tells whether a message is the repetition of an INVITE that was shed.
func (s *shard) repeated(now time.Time, m *sip.Message) bool {
	return !s.refused.empty() && m.Method == "INVITE" && m.ToTag() == "" && s.refused.has(now, s.e.transaction(m))
}
