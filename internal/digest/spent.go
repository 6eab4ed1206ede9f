package digest

import (
	"strings"
	"time"
)

// Spent is the credentials that have been taken while their nonces are good: none is taken twice (RFC 7616 §3.3, nc). Only who has
// the password adds to it. The zero value is ready.
type Spent struct {
	young, old map[string]struct{} // nonce and count; the old ones are forgotten next
	since      time.Time           // of the first young one
}

// maxSpent bounds each of the two halves; beyond it the older half is forgotten early.
const maxSpent = 1 << 15

// take notes the use of a nonce; false: it was used with that count before.
func (s *Spent) take(now time.Time, life time.Duration, use string) bool {
	if s.young == nil || now.Sub(s.since) > life || len(s.young) >= maxSpent {
		s.young, s.old, s.since = make(map[string]struct{}), s.young, now
	}
	if _, used := s.young[use]; used {
		return false
	}
	if _, used := s.old[use]; used {
		return false
	}
	s.young[strings.Clone(use)] = struct{}{}
	return true
}
