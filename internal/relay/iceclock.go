package relay

import (
	"sync"
	"time"
)

// clock gives agents that have something to check their beat. Its goroutine runs while there is one.
type clock struct {
	mu      sync.Mutex
	agents  []*agent
	running bool
}

// join has the clock beat for an agent. The session is locked.
func (a *agent) join() {
	if a.listed {
		return
	}
	a.listed = true
	r := a.relay
	r.clock.mu.Lock()
	defer r.clock.mu.Unlock()
	r.clock.agents = append(r.clock.agents, a)
	if !r.clock.running {
		r.clock.running = true
		r.shaking.Add(1)
		go r.tick()
	}
}

func (r *Relay) tick() {
	defer r.shaking.Done()
	beat := time.NewTicker(checkPace)
	defer beat.Stop()
	var list []*agent
	for {
		r.clock.mu.Lock()
		list = append(list[:0], r.clock.agents...)
		r.clock.mu.Unlock()
		for _, a := range list {
			mu := &a.port.stream.session.mu
			mu.Lock()
			a.listed = a.beat(r.now())
			if !a.listed {
				r.clock.leave(a)
			}
			mu.Unlock()
		}
		clear(list)
		if r.clock.rest() {
			return
		}
		<-beat.C
	}
}

func (c *clock) leave(a *agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.agents {
		if c.agents[i] == a {
			last := len(c.agents) - 1
			c.agents[i], c.agents[last] = c.agents[last], nil
			c.agents = c.agents[:last]
			return
		}
	}
}

// rest ends the clock when nobody is left.
func (c *clock) rest() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = len(c.agents) > 0
	return !c.running
}
