package engine

import (
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/store"
	"github.com/directsip/directsip/internal/transport"
	"github.com/directsip/directsip/internal/ua"
)

// tick is the grain of timers: a shard wakes at most so often for them. RFC 3261's shortest timer is 500 ms.
const tick = 5 * time.Millisecond

// gatherSends is how long a message may wait for those of later inputs, to leave with them by one system call: without a bound the
// first of a burst would wait until its last has been handled.
const gatherSends = 100 * time.Microsecond

// shard is one goroutine with the calls whose Call-ID hashes to it. Nothing of it is shared; others talk to it by its mailbox.
type shard struct {
	e     *Engine
	index int
	core  *ua.Core
	env   *b2bua.Env
	box   *mailbox
	out   ua.Out
	sends []transport.Send
	lag   atomic.Int64 // ns that the last message had waited
	live  atomic.Int64
	stats atomic.Pointer[ua.Counts]
	done  chan struct{}
	rang  atomic.Bool // the timer has run out
	told  ua.Counts   // as stats has them

	shedding bool      // new calls are refused
	refused  refusals  // which of them, of late
	until    time.Time // timers wait; zero: they do not, see hears
	seeker
}

// run is the goroutine of the shard. One channel tells of all that there is to do: to wait for several at once takes and leaves the lock of each, for every message.
func (s *shard) run() {
	defer close(s.done)
	timer := time.AfterFunc(time.Hour, func() {
		s.rang.Store(true)
		s.box.ring()
	})
	defer timer.Stop()
	armed := time.Time{}
	for range s.box.wake {
		last := s.e.closed.Load() // then what was still on its way is handled
		if s.rang.Load() {
			s.rang.Store(false)
			armed = time.Time{}
		}
		s.batch()
		if last {
			return
		}
		if at := s.wakes(); !at.IsZero() && !at.Equal(armed) {
			armed = at
			timer.Reset(max(time.Until(at), 0) + tick)
		}
	}
}

// batch handles everything that waits: each input's effects are performed before the next input, and messages leave together with
// those of gatherSends.
func (s *shard) batch() {
	queue := s.box.take()
	now := time.Now()
	sent := now
	for i := range queue {
		in := &queue[i]
		if i > 0 {
			if now = time.Now(); now.Sub(sent) > gatherSends { // those before may have taken long
				s.flush()
				sent = now
			}
		}
		s.handle(now, in)
		s.perform(now)
		s.box.done(in)
	}
	if len(queue) == 0 { // woken by the timer: nothing waits
		s.lag.Store(0)
		s.shedding = false
	}
	if !s.hears(now) {
		s.core.Advance(now, &s.out)
	}
	s.perform(now)
	s.flush()
	s.live.Store(int64(s.core.Live()))
	if counts := s.core.Counts(); counts != s.told {
		s.told = counts
		s.stats.Store(&counts)
	}
}

// handle gives one input to the core.
func (s *shard) handle(now time.Time, in *input) {
	defer s.e.caught("shard", in.src)
	switch {
	case in.run != nil:
		in.run(now, s.core, &s.out)
	case s.overloaded(now.Sub(in.at), in.msg), s.repeated(now, in.msg):
		s.shed(now, in.src, in.msg)
	default:
		s.core.Receive(now, in.src, in.msg, &s.out)
	}
}

// perform carries out what must not wait: media first, so that no message names a port that is not open. Results of media
// operations are new inputs and may ask for more.
func (s *shard) perform(now time.Time) {
	o := &s.out
	for i := 0; i < len(o.Media); i++ {
		s.media(now, o.Media[i])
	}
	for i := 0; i < len(o.Resolve); i++ {
		s.resolve(o.Resolve[i])
	}
	for _, r := range o.Began {
		s.e.cfg.Records.Begin(r.ID, store.Opened{Server: r.Server, Pool: r.Pool, Version: r.Version, Start: r.Start, Answered: r.Answered,
			In: r.In, Out: r.Out, Called: r.Called, Calling: r.Calling})
	}
	for _, r := range o.Records {
		s.e.finished(r)
	}
	for _, r := range o.Results {
		if r.Pause > 0 {
			s.e.board.Pause(r.Trunk, r.At.Add(r.Pause))
		}
		s.result(now, r)
	}
	s.exchange()
	clear(o.Media)
	clear(o.Resolve)
	clear(o.Began)
	clear(o.Records)
	o.Media, o.Resolve, o.Began, o.Records, o.Results = o.Media[:0], o.Resolve[:0], o.Began[:0], o.Records[:0], o.Results[:0]
}

func (s *shard) media(now time.Time, op b2bua.MediaOp) {
	r := s.e.cfg.Relay
	switch op.Verb {
	case b2bua.MediaOpen:
		s.core.MediaOpened(now, op.Session.ID, r.Open(op.Session), &s.out)
	case b2bua.MediaUpdate, b2bua.MediaGrow:
		err := r.Update(op.Session)
		if err != nil {
			s.e.log.Warn("media update failed", "id", op.Session.Call, "err", err)
		}
		if err != nil || op.Verb == b2bua.MediaGrow {
			s.core.MediaOpened(now, op.Session.ID, err, &s.out)
		}
	case b2bua.MediaClose:
		st, ok := r.Close(op.Session.ID)
		if !ok {
			st = media.Stats{ID: op.Session.ID}
		}
		s.core.MediaClosed(now, st, &s.out)
	}
}

// resolve answers from the cache when it can, and else beside the shard.
func (s *shard) resolve(q b2bua.Resolve) {
	query := resolve.Query{Host: q.Host, Port: q.Port, Transport: q.Transport, IPv4: q.IPv4, IPv6: q.IPv6}
	if r, ok := s.e.cfg.Resolver.Cached(query); ok && time.Now().Before(r.Expires) {
		s.resolved(q, r, "")
		return
	}
	s.e.lookup(query, func(r resolve.Result, why string) { s.resolved(q, r, why) })
}

func (s *shard) resolved(q b2bua.Resolve, r resolve.Result, why string) {
	s.e.meet(q.Host, r.Hops)
	addrs := make([]b2bua.Addr, len(r.Hops))
	for i, h := range r.Hops {
		addrs[i] = b2bua.Addr{Remote: h.AddrPort, Name: h.Name}
	}
	s.box.post(func(now time.Time, c *ua.Core, out *ua.Out) { c.Resolved(now, q.Session, q.Attempt, addrs, why, out) })
}

// flush hands the collected messages to the transport.
func (s *shard) flush() {
	if len(s.out.Sends) == 0 {
		return
	}
	for i := range s.out.Sends {
		t := &s.out.Sends[i]
		if t.Hop.Host != "" && !s.seek(time.Now(), t) {
			continue
		}
		s.sends = append(s.sends, transport.Send{Hop: t.Hop, Data: t.Data, CallID: t.CallID, Branch: t.Branch})
	}
	s.e.cfg.Transport.Send(s.sends)
	clear(s.sends)
	s.sends = s.sends[:0]
	clear(s.out.Sends)
	s.out.Sends = s.out.Sends[:0]
}

// result carries what a live call said of a trunk to the shard that watches it. The trunk may be one of an older document,
// which says nothing of the peer that it has now.
func (s *shard) result(now time.Time, r b2bua.Result) {
	name, what := r.Trunk.Watched().Name, r.What
	t := s.e.Snapshot().TrunkByName(name)
	if t == nil || !t.SamePeer(r.Trunk.Watched()) {
		return
	}
	if owner := s.e.shards[ua.Watcher(t, len(s.e.shards))]; owner != s {
		owner.box.post(func(now time.Time, c *ua.Core, _ *ua.Out) { c.CallResult(now, name, what) })
		return
	}
	s.core.CallResult(now, name, what)
}
