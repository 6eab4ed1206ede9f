package b2bua

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// maxPause bounds what a peer can ask for: a slip of its hand must not close a trunk for a day.
const maxPause = 5 * time.Minute

// pauseOf is how long the sender of a 503 wants no calls: its Retry-After (RFC 3261 §20.33, §21.5.4), at most maxPause; 0 when it has none.
func pauseOf(m *sip.Message) time.Duration {
	return min(sip.DeltaSeconds(m.Get(sip.IDRetryAfter)), maxPause)
}
