package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/ua"
)

// shard is one core of a node, with the calls whose Call-ID hashes to it and a mailbox in front of it, as the engine has them.
type shard struct {
	n     *Node
	index int
	core  *ua.Core
	env   *b2bua.Env
	out   ua.Out
	armed time.Time
	turn  uint64
	queue []func() // the mailbox: what is put in comes out in order
	woken bool
}

func newShard(n *Node, index, shards int) *shard {
	w := n.w
	s := &shard{n: n, index: index}
	rnd := rand.New(rand.NewPCG(w.Seed, uint64(n.id)+77+uint64(index)<<32))
	s.env = &b2bua.Env{Server: n.server, Rand: rnd, Ports: n.ports, State: n.board, Limits: n.board, UserAgent: "directsip", Binding: n.board.Binding, Fingerprint: thePrint}
	s.env.CallID = func() string {
		if s.core != nil {
			w.Fault.visit()
		}
		for {
			if id := ownCallID + b2bua.Token(rnd, 20); hash(id)%shards == index {
				return id
			}
		}
	}
	s.core = ua.New(ua.Config{Env: s.env, Snapshot: w.snap, Shard: index, Shards: shards, Mine: func(id string) bool { return hash(id)%shards == index },
		Health: n.health, Registered: n.registered, Resolved: w.resolved}, w.now)
	return s
}

// hash decides which shard a Call-ID belongs to.
func hash(callID string) int {
	h := fnv.New32a()
	h.Write([]byte(callID))
	return int(h.Sum32() >> 1)
}

// post puts something into the mailbox. What waits there is worked off together, a little later.
func (s *shard) post(do func()) {
	s.queue = append(s.queue, do)
	if s.woken {
		return
	}
	s.woken = true
	lag := time.Duration(0)
	if w := s.n.w; w.Lag > 0 {
		lag = time.Duration(w.rnd.Int64N(int64(w.Lag)))
	}
	s.n.w.after(lag, s.batch)
}

// stands tells whether the node stands still, and has do come so long after it goes on.
func (s *shard) stands(do func(), d time.Duration) bool {
	w, n := s.n.w, s.n
	if !w.now.Before(n.still) {
		return false
	}
	w.atTime(n.still.Add(d), do)
	return true
}

func (s *shard) batch() {
	if s.stands(s.batch, 0) {
		return
	}
	s.woken = false
	queue := s.queue
	s.queue = nil
	for _, do := range queue {
		do()
	}
}

// soon is post for what comes from outside, which need not wait when nothing else does.
func (s *shard) soon(do func()) {
	if s.n.w.Lag == 0 && len(s.queue) == 0 && !s.n.w.now.Before(s.n.still) {
		do()
		return
	}
	s.post(do)
}

// step feeds the core and performs what it asks for.
func (s *shard) step(feed func(now time.Time, c *ua.Core, out *ua.Out)) {
	feed(s.n.w.now, s.core, &s.out)
	s.perform()
	s.n.watch.after()
}

// take feeds the core with a message. The watch sees it when a core has taken it: one that hands it on does not know it yet.
func (s *shard) take(p *packet, m *sip.Message, feed func(now time.Time, c *ua.Core, out *ua.Out)) {
	n, seen := s.n, m.Clone()
	owned := n.owns(m.CallID())
	s.step(func(now time.Time, c *ua.Core, out *ua.Out) {
		feed(now, c, out)
		for i := range out.Forwards {
			if out.Forwards[i].Msg == m {
				n.handed[m] = p
				return
			}
		}
		delete(n.handed, m)
		n.watch.received(p, seen, owned)
	})
}

// perform carries out the effects: media first, then names, records, messages.
func (s *shard) perform() {
	o, n, w := &s.out, s.n, s.n.w
	for i := 0; i < len(o.Media); i++ {
		s.media(o.Media[i])
	}
	for _, q := range o.Resolve {
		addrs := w.Net.lookup(q)
		w.after(3*time.Millisecond, func() {
			s.soon(func() {
				s.step(func(now time.Time, c *ua.Core, out *ua.Out) { c.Resolved(now, q.Session, q.Attempt, addrs, "", out) })
			})
		})
	}
	n.Began = append(n.Began, o.Began...)
	for _, r := range o.Records {
		n.record(r)
	}
	for _, r := range o.Results {
		if r.Pause > 0 {
			n.board.paused[r.Trunk.Watched()] = r.At.Add(r.Pause)
		}
		t, what := w.snap.TrunkByName(r.Trunk.Watched().Name), r.What
		if t == nil || !t.SamePeer(r.Trunk.Watched()) { // of an older document
			continue
		}
		on := n.shards[ua.Watcher(t, len(n.shards))]
		on.post(func() {
			on.step(func(now time.Time, c *ua.Core, _ *ua.Out) { c.CallResult(now, t.Name, what) })
		})
	}
	s.exchange()
	for i := range o.Sends {
		t := &o.Sends[i]
		f := &w.Fault
		f.Count.Sends++
		n.watch.sent(t)
		w.Net.told = false
		id, branch, tell := t.CallID, t.Branch, (func(now time.Time, c *ua.Core, out *ua.Out))(nil)
		switch {
		case f.Send == f.Count.Sends-1 || !w.Net.send(n, t.Hop, t.Data):
			n.watch.lost(t)
			tell = func(now time.Time, c *ua.Core, out *ua.Out) { c.SendFailed(now, id, branch, "no way there", out) }
		case w.Net.told:
			tell = func(now time.Time, c *ua.Core, out *ua.Out) { c.Undelivered(now, id, branch, "nobody listens", out) }
		}
		if tell != nil {
			w.after(time.Millisecond, func() {
				on := n.shardOf(id)
				on.soon(func() { on.step(tell) })
			})
		}
	}
	o.Reset()
	s.arm()
}

// arm sees to it that the core is woken at its deadline.
func (s *shard) arm() {
	at := s.core.Deadline()
	if at.Equal(s.armed) {
		return
	}
	s.armed = at
	s.turn++
	if at.IsZero() {
		return
	}
	turn := s.turn
	var wake func()
	wake = func() {
		if turn != s.turn || s.stands(wake, time.Millisecond) {
			return
		}
		s.armed = time.Time{}
		s.step(func(now time.Time, c *ua.Core, out *ua.Out) { c.Advance(now, out) })
	}
	s.n.w.atTime(at, wake)
}

func (s *shard) media(op b2bua.MediaOp) {
	w, relay, id := s.n.w, s.n.relay, op.Session.ID
	f := &w.Fault
	switch op.Verb {
	case b2bua.MediaOpen, b2bua.MediaUpdate, b2bua.MediaGrow:
		f.Count.Media++
		var err error
		if w.Full && op.Verb == b2bua.MediaGrow || f.Media == f.Count.Media-1 || f.Shut >= 0 && f.Shut < f.Count.Media && relay.lacks(op.Session) {
			err = errMedia
		} else {
			relay.set(op.Session, op.Verb == b2bua.MediaOpen)
		}
		if op.Verb != b2bua.MediaUpdate || err != nil {
			s.core.MediaOpened(w.now, id, err, &s.out)
		}
	case b2bua.MediaClose:
		s.core.MediaClosed(w.now, relay.close(id), &s.out)
	}
}
