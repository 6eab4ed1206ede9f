package engine

import (
	"time"

	"github.com/directsip/directsip/internal/ua"
)

// exchange gives other shards what is theirs: legs that join a call there, legs that come back, and messages of such legs. The mailboxes
// keep the order, so a message never overtakes the leg that it is for.
func (s *shard) exchange() {
	o := &s.out
	for _, p := range o.Passages {
		s.e.shardOf(p.Dialog.CallID).box.post(func(now time.Time, c *ua.Core, out *ua.Out) { c.Seat(now, p, out) })
	}
	for _, f := range o.Forwards {
		s.e.shardOf(f.Key).box.post(func(now time.Time, c *ua.Core, out *ua.Out) { c.Forwarded(now, f, out) })
	}
	for _, p := range o.Returns {
		home := s.e.shards[uint64(p.From)%uint64(len(s.e.shards))]
		home.box.post(func(now time.Time, c *ua.Core, out *ua.Out) { c.Returned(now, p, out) })
	}
	for _, id := range o.Left {
		s.e.shardOf(id).box.post(func(_ time.Time, c *ua.Core, _ *ua.Out) { c.Left(id) })
	}
	clear(o.Passages)
	clear(o.Forwards)
	clear(o.Returns)
	clear(o.Left)
	o.Passages, o.Forwards, o.Returns, o.Left = o.Passages[:0], o.Forwards[:0], o.Returns[:0], o.Left[:0]
}
