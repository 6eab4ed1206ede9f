package engine

import (
	"sync"
	"time"

	"github.com/directsip/directsip/internal/routing"
)

// callbacks is routing.Callbacks for all shards. It outlives documents: emergency services call back whatever was applied meanwhile.
type callbacks struct {
	mu    sync.Mutex
	table routing.CallbackTable
}

var _ routing.Callbacks = (*callbacks)(nil)

func (c *callbacks) ELIN(now time.Time, elins []string, caller routing.Callback) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table.ELIN(now, elins, caller)
}

func (c *callbacks) Caller(now time.Time, elin string) (routing.Callback, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table.Caller(now, elin)
}

func (c *callbacks) Keep(now time.Time, elin string, caller routing.Callback, keep time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table.Keep(now, elin, caller, keep)
}
