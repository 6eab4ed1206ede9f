package engine

import (
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/ua"
)

// exchange gives other shards what is theirs: legs that join a call there, legs that come back, and messages of such legs. The mailboxes
// keep the order, so a message never overtakes the leg that it is for.
func (s *shard) exchange() {
	o := &s.out
	for _, p := range o.Passages {
		s.e.shardOf(p.Key).box.post(func(now time.Time, c *ua.Core, out *ua.Out) { c.Seat(now, p, out) })
	}
	for _, f := range o.Forwards {
		s.e.forward(f)
	}
	for _, p := range o.Returns {
		s.e.shardWith(p.From).box.post(func(now time.Time, c *ua.Core, out *ua.Out) { c.Returned(now, p, out) })
	}
	for _, id := range o.Left {
		for _, on := range s.e.shards { // of the way that the leg has taken
			on.box.post(func(_ time.Time, c *ua.Core, _ *ua.Out) { c.Left(id) })
		}
	}
	clear(o.Passages)
	clear(o.Forwards)
	clear(o.Returns)
	clear(o.Left)
	o.Passages, o.Forwards, o.Returns, o.Left = o.Passages[:0], o.Forwards[:0], o.Returns[:0], o.Left[:0]
}

// forward puts a message in front of a second shard, if there is room. An INVITE that asks for the place of a leg passed admitThere, and its
// own shard relies on its getting there.
func (e *Engine) forward(f b2bua.Forward) {
	in := input{run: func(now time.Time, c *ua.Core, out *ua.Out) { c.Forwarded(now, f, out) }}
	box := e.shardOf(f.Key).box
	if f.Home != 0 {
		box = e.shardWith(f.Home).box
	}
	if m := f.Msg; m != nil {
		begins := m.Method == "INVITE" && m.ToTag() == ""
		if !begins && e.admit(box, f.Source, m) != take {
			e.dropped.Add(1)
			return
		}
		in.size = octets(m)
	}
	box.put(in)
	box.signal()
}

// shardWith is the shard of a call.
func (e *Engine) shardWith(id media.SessionID) *shard {
	return e.shards[uint64(id)%uint64(len(e.shards))]
}

// admitThere is admit for the shard whose call an INVITE with Replaces wants to take over (RFC 3891): it must not fill up by way of the others.
func (e *Engine) admitThere(src sip.Source, m *sip.Message) admission {
	if m.Method != "INVITE" || !m.Has(sip.IDReplaces) {
		return take
	}
	d, ok := b2bua.ParseReplaces(m.Get(sip.IDReplaces))
	if !ok {
		return take // it goes nowhere else
	}
	return e.admit(e.shardOf(d.CallID).box, src, m)
}

// octets is about the length of a message.
func octets(m *sip.Message) int {
	n := len(m.Method) + len(m.URI) + len(m.Body)
	for i := range m.Headers {
		n += len(m.Headers[i].Name) + len(m.Headers[i].Value)
	}
	return n
}
