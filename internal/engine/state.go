package engine

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/ua"
)

// Live is the number of running calls.
func (e *Engine) Live() int {
	n := int64(0)
	for _, s := range e.shards {
		n += s.live.Load()
	}
	return int(n)
}

// Trunks are the trunks of our pool with their health and load.
func (e *Engine) Trunks() []TrunkStatus { return e.board.Trunks(time.Now()) }

// Counters are what the server has seen.
type Counters struct {
	ua.Counts
	Malformed uint64 // messages that are not SIP, or break its rules
	Shed      uint64 // calls refused because of overload
	Dropped   uint64 // messages dropped because of overload
}

// Counters are the counters so far.
func (e *Engine) Counters() Counters {
	c := Counters{Malformed: e.malformed.Load(), Shed: e.shed.Load(), Dropped: e.dropped.Load()}
	c.Panics = e.faults.Load()
	for _, s := range e.shards {
		n := s.stats.Load()
		c.Calls += n.Calls
		c.Stray += n.Stray
		c.Unknown += n.Unknown
		c.Refused += n.Refused
		c.Panics += n.Panics
		c.Options += n.Options
		c.Authenticated += n.Authenticated
		c.Challenged += n.Challenged
		c.WrongPassword += n.WrongPassword
		c.Locked += n.Locked
	}
	return c
}

// each runs a function in every shard and returns when all of them have, or have ended. What the shards did before is then done
// and sent.
func (e *Engine) each(run func(s *shard, now time.Time, c *ua.Core, out *ua.Out)) {
	ran := make([]chan struct{}, len(e.shards))
	for i, s := range e.shards {
		done := make(chan struct{})
		ran[i] = done
		s.box.post(func(now time.Time, c *ua.Core, out *ua.Out) {
			defer close(done)
			run(s, now, c, out)
		})
	}
	for i, s := range e.shards {
		select {
		case <-ran[i]:
		case <-s.done:
		}
	}
}

// settle returns when what each has begun is done and sent.
func (e *Engine) settle() { e.each(func(*shard, time.Time, *ua.Core, *ua.Out) {}) }

// Drain stops taking new calls, or takes them again. When it returns no shard takes a call any more, and Live counts those that it took.
func (e *Engine) Drain(on bool) {
	e.drain.Store(on)
	e.each(func(_ *shard, now time.Time, c *ua.Core, _ *ua.Out) { c.Drain(now, on) })
	e.settle()
}

// Draining tells whether new calls are refused.
func (e *Engine) Draining() bool { return e.drain.Load() }

// Terminate ends every running call and returns when its messages are sent and the records handed over.
func (e *Engine) Terminate(why *diag.Reason) {
	e.each(func(_ *shard, now time.Time, c *ua.Core, out *ua.Out) { c.Terminate(now, why, out) })
	e.settle()
}

// Load is how busy one shard is.
type Load struct {
	Queue int           // inputs that wait
	Lag   time.Duration // that the last message waited
	Calls int           // that run
}

// FreePorts is how many pairs of media ports no call has.
func (e *Engine) FreePorts() int { return e.ports.free() }

// Loads is how busy the shards are.
func (e *Engine) Loads() []Load {
	list := make([]Load, len(e.shards))
	for i, s := range e.shards {
		list[i] = Load{int(s.box.depth.Load()), time.Duration(s.lag.Load()), int(s.live.Load())}
	}
	return list
}

// lookup asks DNS for a gateway, beside the shards; why is for no result.
func (e *Engine) lookup(q resolve.Query, got func(r resolve.Result, why string)) {
	e.seek(q, 5*time.Second, func(r resolve.Result, err error) {
		if err == nil {
			got(r, "")
			return
		}
		level := slog.LevelDebug
		if e.names.missing(time.Now(), q.Host) {
			level = slog.LevelWarn
		}
		e.log.Log(e.ctx, level, "gateway's name not resolved", "host", q.Host, "err", err)
		got(r, strings.TrimPrefix(err.Error(), "resolve "))
	})
}

// seek is lookup of any name, peers name what they like, that waits for so long.
func (e *Engine) seek(q resolve.Query, wait time.Duration, got func(resolve.Result, error)) {
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		ctx, cancel := context.WithTimeout(e.ctx, wait)
		defer cancel()
		r, err := e.cfg.Resolver.Lookup(ctx, q)
		if err != nil {
			r = resolve.Result{}
		}
		got(r, err)
	}()
}
