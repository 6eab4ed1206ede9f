package ua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// A leg belongs to the shard that its Call-ID hashes to, until it joins a call of another shard: by INVITE with Replaces, or by an attended
// transfer. From then on the shard of its Call-ID hands on what comes for it, in order, until it is told that the leg is no more. A leg may
// go on from there, and then what comes for it takes the same way.

// maxAway bounds the legs that are remembered as being elsewhere.
const maxAway = 1 << 16

// maxGuests bounds the Call-IDs that come to one call by INVITE with Replaces and that it knows until its end, the refused ones too.
const maxGuests = 256

// way is where a leg went when it was here last: to the shard of a Call-ID, or back to that of the call it had come from. So whoever follows
// it comes to where it is, and to no shard twice.
type way struct {
	key  string
	back media.SessionID
}

// forwarded hands a message on to the shard that has its leg.
func (c *Core) forwarded(src sip.Source, m *sip.Message) bool {
	to, ok := c.away[m.CallID()]
	if ok {
		c.forward(to, b2bua.Forward{Source: src, Msg: m})
	}
	return ok
}

// forward hands on what belongs to a leg elsewhere. What follows one that is just being sent back may come to each shard once more; if it
// needs more steps than that it goes round in a circle that there should not be, and ends here.
func (c *Core) forward(to way, f b2bua.Forward) {
	f.Key, f.Home, f.Hops = to.key, to.back, c.hops+1
	if f.Hops <= 2*c.cfg.Shards {
		c.out.Forwards = append(c.out.Forwards, f)
		return
	}
	c.counts.Stray++
	if m := f.Msg; m != nil && m.IsRequest() && m.Method != "ACK" {
		c.refuse(f.Source, m, diag.CallGone, 0)
		if m.ToTag() == "" {
			c.out.Left = append(c.out.Left, m.CallID())
		}
	}
}

// sendAway remembers where the leg of a Call-ID has gone.
func (c *Core) sendAway(callID string, to way) {
	if c.away == nil {
		c.away = make(map[string]way)
	}
	if len(c.away) < maxAway {
		c.away[callID] = to
	}
}

// Left forgets legs that were elsewhere and are no more.
func (c *Core) Left(callID string) { delete(c.away, callID) }

// replace takes an INVITE with Replaces (RFC 3891 §3). The dialog may be one of another shard.
func (c *Core) replace(now time.Time, src sip.Source, m *sip.Message, t *topology.Trunk) {
	d, ok := b2bua.ParseReplaces(m.Get(sip.IDReplaces))
	n := 0
	for range m.Values(sip.IDReplaces) {
		n++
	}
	if !ok || n != 1 {
		c.refuse(src, m, diag.BadRequest, 0)
		return
	}
	c.replaceBy(now, src, m, t, &d)
}

// replaceBy takes it here, or hands it on to where the dialog is.
func (c *Core) replaceBy(now time.Time, src sip.Source, m *sip.Message, t *topology.Trunk, d *b2bua.Replaces) {
	to, gone := c.away[d.CallID]
	switch {
	case c.calls[d.CallID] != nil, c.mine(d.CallID) && !gone:
		c.replaceHere(now, src, m, t, d)
		return
	case !gone:
		to.key = d.CallID
	}
	if c.calls[m.CallID()] == nil {
		c.sendAway(m.CallID(), to)
	}
	c.forward(to, b2bua.Forward{Source: src, Msg: m})
}

// replaceHere takes it in the shard of the dialog.
func (c *Core) replaceHere(now time.Time, src sip.Source, m *sip.Message, t *topology.Trunk, d *b2bua.Replaces) {
	e := c.holder(d.CallID, d.Local)
	if e == nil {
		c.refuse(src, m, diag.CallGone, 0)
		c.out.Left = append(c.out.Left, m.CallID())
		return
	}
	if e.ended { // RFC 3891 §3: the dialog is over
		c.refuse(src, m, diag.Declined, 0)
		c.out.Left = append(c.out.Left, m.CallID())
		return
	}
	if len(e.guests) >= maxGuests {
		c.refuse(src, m, diag.TransferLimit, 0)
		c.out.Left = append(c.out.Left, m.CallID())
		return
	}
	delete(c.away, m.CallID())
	e.guests = append(e.guests, m.CallID())
	c.guard(now, e, func() { e.call.Replace(now, b2bua.Caller{Source: src, Req: m, Trunk: t}, d, c.out) })
}

// Forwarded takes a message that another shard has handed on.
func (c *Core) Forwarded(now time.Time, f b2bua.Forward, out *Out) {
	c.out, c.hops = out, f.Hops
	defer func() { c.hops = 0 }()
	m := f.Msg
	if m == nil {
		c.SendFailed(now, f.CallID, f.Branch, f.Why, out)
		return
	}
	if m.IsRequest() {
		m.FixTopVia(f.Source.Remote)
	}
	_, away := c.away[m.CallID()]
	if f.Hops >= c.cfg.Shards {
		away = false // it went after a dialog that was on its way back: where is that now?
	}
	if away || c.calls[m.CallID()] != nil || m.Method != "INVITE" || !m.Has(sip.IDReplaces) || m.ToTag() != "" {
		c.Receive(now, f.Source, m, out)
		return
	}
	defer c.survive()
	t := c.trunk(f.Source, m)
	d, ok := b2bua.ParseReplaces(m.Get(sip.IDReplaces))
	if t == nil || !ok { // the document has changed on the way
		c.counts.Stray++
		out.Left = append(out.Left, m.CallID())
		return
	}
	c.replaceBy(now, f.Source, m, t, &d)
}

// Seat takes a leg that another call has sent to the call of a dialog. What the leg's peer sends is for that call from now on. The dialog
// may have gone elsewhere itself, and the leg follows it.
func (c *Core) Seat(now time.Time, p *b2bua.Passage, out *Out) {
	c.out = out
	e := c.holder(p.Dialog.CallID, p.Dialog.Local)
	if to, gone := c.away[p.Dialog.CallID]; e == nil && gone && to.back == 0 && p.Hops < c.cfg.Shards {
		p.Key, p.Hops = to.key, p.Hops+1
		out.Passages = append(out.Passages, p)
		if !p.Fetches() {
			c.sendAway(p.CallID, to)
		}
		return
	}
	if e == nil || e.call == nil || e.ended {
		p.SendBack(diag.CallGone.Status, diag.CallGone, out)
		c.sentBack(nil, p)
		return
	}
	if p.Fetches() {
		c.guard(now, e, func() { e.call.Fetch(now, p, out) })
		return
	}
	delete(c.away, p.CallID)
	e.guests = append(e.guests, p.CallID)
	c.guard(now, e, func() { e.call.Seat(now, p, out) })
	if p.Back() {
		e.dismiss(p.CallID)
	}
}

// leave notes that a leg is on its way to another call: what comes for it follows it.
func (c *Core) leave(e *entry, p *b2bua.Passage) {
	if p.Fetches() {
		return
	}
	c.unknow(e, p.CallID)
	e.dismiss(p.CallID)
	c.sendAway(p.CallID, way{key: p.Key})
}

// sentBack notes that a leg is on its way back from a call to its own; nil: that has not had it.
func (c *Core) sentBack(e *entry, p *b2bua.Passage) {
	if !p.Back() {
		return
	}
	if e != nil {
		c.unknow(e, p.CallID)
		e.dismiss(p.CallID)
	}
	c.sendAway(p.CallID, way{back: p.From})
}

// dismiss takes a leg that goes on to another call out of those of which others are told when this call is over.
func (e *entry) dismiss(callID string) {
	e.guests = slices.DeleteFunc(e.guests, func(id string) bool { return id == callID })
}

// Returned tells a call what became of the leg that it has lent. If the call is over meanwhile, the leg is hung up.
func (c *Core) Returned(now time.Time, p *b2bua.Passage, out *Out) {
	c.out = out
	if p.Back() {
		delete(c.away, p.CallID)
	}
	if e := c.byID[p.From]; e != nil && e.call != nil && !e.ended {
		if p.Back() { // others know it as elsewhere
			e.guests = append(e.guests, p.CallID)
		}
		c.guard(now, e, func() { e.call.Returned(now, p, out) })
		return
	}
	rest := p.Orphan(now, c.env, out)
	if rest == nil {
		return
	}
	e := &entry{rest: rest, names: []string{p.CallID}, guests: []string{p.CallID}, ended: true}
	e.owner = e
	c.know(e, p.CallID)
	c.rests++
	c.afterRest(e)
}
