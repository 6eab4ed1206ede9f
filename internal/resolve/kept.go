package resolve

import (
	"slices"
	"time"
)

// Nothing fails while answers are used that have expired since no name server says anything. Then they are too old, and every name is gone at once; and whoever starts anew has
// none of them. So those who look after a server are told before.

// keptFor is how long a name counts as kept after it was asked for last: one that nobody needs any more is no trouble.
const keptFor = 5 * time.Minute

// Kept are the names whose answers are used although they have expired, since nobody gives others, with why, and until when the first of them is.
func (r *Resolver) Kept() (names []string, until time.Time, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for k, e := range r.cache {
		if e.kept == nil || now.Sub(e.expires) >= keptFor || !now.Before(e.stale) {
			continue
		}
		names, why = append(names, k.name), e.kept
		if until.IsZero() || e.stale.Before(until) {
			until = e.stale
		}
	}
	slices.Sort(names)
	return slices.Compact(names), until, why
}
