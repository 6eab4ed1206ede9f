package engine

import (
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// caller is the calls that a user with a limit makes. Users are known by name, so they keep their calls when a document is applied.
type caller struct {
	calls map[media.SessionID]struct{}
	rate  bucket
	since time.Time // of the last call
}

// fewCallers is how many users may be remembered before those without calls are looked for.
const fewCallers = 1024

// AcquireUser is b2bua.Limits.
func (b *Board) AcquireUser(now time.Time, u *topology.User, id media.SessionID, emergency bool) *diag.Reason {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.users[u.Name]
	if c == nil {
		c = b.newCaller(now, u.Name)
	}
	if !emergency {
		if most := u.Limit.MaxCalls; most > 0 && len(c.calls) >= most || !c.rate.take(now, u.Limit.MaxCPS) {
			return diag.UserLimit
		}
	}
	c.calls[id], c.since = struct{}{}, now
	return nil
}

func (b *Board) newCaller(now time.Time, name string) *caller {
	if b.users == nil {
		b.users = make(map[string]*caller)
	}
	if len(b.users) >= max(b.crowd, fewCallers) {
		for k, c := range b.users {
			if len(c.calls) == 0 && now.Sub(c.since) > time.Second { // a rate is over after its second
				delete(b.users, k)
			}
		}
		b.crowd = 2 * len(b.users)
	}
	c := &caller{calls: make(map[media.SessionID]struct{})}
	b.users[name] = c
	return c
}

// ReleaseUser is b2bua.Limits.
func (b *Board) ReleaseUser(u *topology.User, id media.SessionID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.users[u.Name]; c != nil {
		delete(c.calls, id)
	}
}
