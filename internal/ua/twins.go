package ua

import (
	"slices"

	"github.com/directsip/directsip/internal/sip"
)

// A Call-ID may be that of several calls, which their tags tell apart (RFC 3261 §12): a PBX makes another call with the one that it has, by which its parts know that they belong together, a
// proxy sends a call of ours on to another number by way of us (§16.3, a spiral), and a peer that begins its Call-IDs anew meets those of calls that it has lost. By §8.2.2.2 only what has
// the From tag of a call, too, came by another way and is refused.

// maxTwins bounds the calls with the Call-ID of another one.
const maxTwins = 8

// find is the call of a message; where its tags are those of none, one that has its Call-ID.
func (c *Core) find(m *sip.Message) *entry {
	e := c.calls[m.CallID()]
	if e == nil || len(c.twins) == 0 && len(c.away) == 0 || e.speaks(m) {
		return e
	}
	for _, t := range c.twins[m.CallID()] {
		if t.speaks(m) {
			return t
		}
	}
	if _, gone := c.away[m.CallID()]; gone {
		return nil
	}
	return e
}

// holder is the call that has the dialog of a Call-ID and a tag of ours, or where none has, one that has the Call-ID.
func (c *Core) holder(callID, tag string) *entry {
	e := c.calls[callID]
	for _, t := range c.twins[callID] {
		if t.call != nil && t.call.Speaks(callID, tag, "") {
			return t
		}
	}
	return e
}

// speaks tells whether a message is of a dialog of the call, or an INVITE of its caller.
func (e *entry) speaks(m *sip.Message) bool {
	ours, theirs := m.ToTag(), m.FromTag()
	if !m.IsRequest() {
		ours, theirs = theirs, ours
	}
	for x := e; x != nil && !x.gone; x = x.before {
		if x.rest != nil && x.rest.Speaks(m.CallID(), ours, theirs) || x.call != nil && x.call.Speaks(m.CallID(), ours, theirs) {
			return true
		}
	}
	return false
}

// another tells whether an INVITE with the Call-ID of a call begins one more. One that another shard hands on does not, as what follows would not find it.
func (c *Core) another(e *entry, m *sip.Message) bool {
	id := m.CallID()
	if m.Method != "INVITE" || m.ToTag() != "" || m.FromTag() == "" || m.Has(sip.IDReplaces) || c.hops > 0 || !c.mine(id) || len(c.twins[id]) >= maxTwins {
		return false
	}
	begins := func(e *entry) bool { return !e.speaks(m) && (e.call == nil || !e.call.Ours(m) || e.call.Spiral(m)) }
	return begins(e) && !slices.ContainsFunc(c.twins[id], func(t *entry) bool { return !begins(t) })
}

// know notes that a call has a Call-ID.
func (c *Core) know(e *entry, callID string) {
	twins := c.twins[callID]
	o, i := c.calls[callID], slices.IndexFunc(twins, func(t *entry) bool { return t == e || t == e.before })
	switch {
	case i >= 0:
		twins[i] = e
	case o == nil || o == e || o == e.before || len(twins) >= maxTwins:
		c.calls[callID] = e
	default:
		if c.twins == nil {
			c.twins = make(map[string][]*entry)
		}
		c.twins[callID] = append(twins, e)
	}
}

// unknow forgets that a call has a Call-ID.
func (c *Core) unknow(e *entry, callID string) {
	twins := c.twins[callID]
	switch {
	case c.calls[callID] != e:
		twins = slices.DeleteFunc(twins, func(t *entry) bool { return t == e })
	case len(twins) > 0:
		c.calls[callID], twins = twins[0], twins[1:]
	default:
		delete(c.calls, callID)
	}
	if len(twins) == 0 {
		delete(c.twins, callID)
	} else {
		c.twins[callID] = twins
	}
}

// sharing are the calls that have a Call-ID.
func (c *Core) sharing(callID string) []*entry {
	e := c.calls[callID]
	if e == nil {
		return nil
	}
	return append([]*entry{e}, c.twins[callID]...)
}
