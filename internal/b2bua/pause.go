package b2bua

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// maxPause bounds what a peer can ask for: a slip of its hand must not close a trunk for a day.
const maxPause = 5 * time.Minute

// pauseOf is how long the sender of a 503 wants no calls: its Retry-After (RFC 3261 §20.33, §21.5.4), at most maxPause; 0 when it has none.
func pauseOf(m *sip.Message) time.Duration {
	v := m.Get(sip.IDRetryAfter)
	n := 0
	for v = strings.TrimLeft(v, " \t"); v != "" && v[0] >= '0' && v[0] <= '9'; v = v[1:] {
		n = min(n*10+int(v[0]-'0'), int(maxPause/time.Second))
	}
	if v != "" && strings.IndexByte(" \t;(", v[0]) < 0 {
		return 0 // no delta-seconds
	}
	return time.Duration(n) * time.Second
}
