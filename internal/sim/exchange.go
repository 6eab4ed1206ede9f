package sim

import (
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/ua"
)

// exchange is what the engine does between shards: legs that change hands, and messages of such, go into the mailboxes of others in order.
func (s *shard) exchange() {
	o, n := &s.out, s.n
	for _, p := range o.Passages {
		n.Moves++
		to := n.shardOf(p.Key)
		to.hand(func() {
			to.step(func(now time.Time, c *ua.Core, out *ua.Out) { c.Seat(now, p, out) })
		})
	}
	for _, f := range o.Forwards {
		n.Forwards++
		to, p := n.shardOf(f.Key), n.handed[f.Msg]
		if f.Home != 0 {
			to = n.shardWith(f.Home)
		}
		feed := func(now time.Time, c *ua.Core, out *ua.Out) { c.Forwarded(now, f, out) }
		to.hand(func() {
			if f.Msg == nil {
				to.step(feed)
			} else {
				to.take(p, f.Msg, feed)
			}
		})
	}
	for _, p := range o.Returns {
		to := n.shardWith(p.From)
		to.hand(func() {
			to.step(func(now time.Time, c *ua.Core, out *ua.Out) { c.Returned(now, p, out) })
		})
	}
	for _, id := range o.Left {
		for _, to := range n.shards {
			to.hand(func() {
				to.step(func(_ time.Time, c *ua.Core, _ *ua.Out) { c.Left(id) })
			})
		}
	}
}

// hand is post for what another shard says.
func (s *shard) hand(do func()) {
	if x := s.n.w.Paths; x != nil {
		x.sendWithin(s.n, s.index, do)
		return
	}
	s.post(do)
}

// shardOf is the shard that owns a Call-ID.
func (n *Node) shardOf(callID string) *shard { return n.shards[hash(callID)%len(n.shards)] }

// shardWith is the shard of a call.
func (n *Node) shardWith(id media.SessionID) *shard {
	return n.shards[uint64(id)%uint64(len(n.shards))]
}

// each does something in every shard.
func (n *Node) each(feed func(now time.Time, c *ua.Core, out *ua.Out)) {
	for _, s := range n.shards {
		s.step(feed)
	}
}

// owns tells whether a core has the leg of a Call-ID.
func (n *Node) owns(callID string) bool {
	for _, s := range n.shards {
		if s.core.Owns(callID) {
			return true
		}
	}
	return false
}

// busy tells whether something waits in a mailbox.
func (n *Node) busy() bool {
	for _, s := range n.shards {
		if len(s.queue) > 0 {
			return true
		}
	}
	return false
}

// held is how many calls the cores have in memory.
func (n *Node) held() (k int) {
	for _, s := range n.shards {
		k += s.core.Held()
	}
	return k
}
