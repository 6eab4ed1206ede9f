package transport

import (
	"sync/atomic"
	"time"
)

// logGap keeps what a peer can provoke from filling the log.
const logGap = 100 * time.Millisecond

// logGate lets one line pass in each logGap.
type logGate struct{ last atomic.Int64 }

func (g *logGate) open(now time.Duration) bool {
	last := g.last.Load()
	return (last == 0 || now-time.Duration(last) >= logGap) && g.last.CompareAndSwap(last, int64(now))
}
