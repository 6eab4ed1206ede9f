package ua

import (
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/media"
)

// Who looks at the running calls asks for their ids, which costs little, and then for a few calls at a time: to write down one of them costs as much as a message,
// and the shard hears nobody meanwhile.

// Running are the calls in memory, in no order. Some may have ended, which Look and Names leave out.
func (c *Core) Running() []media.SessionID {
	list := make([]media.SessionID, 0, len(c.byID))
	for id := range c.byID {
		list = append(list, id)
	}
	return list
}

// Look appends those of the calls that still run, as they stand.
func (c *Core) Look(ids []media.SessionID, list []cdr.Record) []cdr.Record {
	for _, id := range ids {
		if e := c.running(id); e != nil {
			list = append(list, e.call.Live())
		}
	}
	return list
}

// Names calls each with what those of the calls that still run are found by (b2bua.Call.Names).
func (c *Core) Names(ids []media.SessionID, each func(id media.SessionID, names [5]string)) {
	for _, id := range ids {
		if e := c.running(id); e != nil {
			each(id, e.call.Names())
		}
	}
}

// Measured is a running call with what its media has counted; false when it has ended.
func (c *Core) Measured(now time.Time, id media.SessionID, st *media.Stats) (r cdr.Record, ok bool) {
	if e := c.running(id); e != nil {
		return e.call.Measured(now, st), true
	}
	return r, false
}

// Calls are the running calls, in the order in which they began.
func (c *Core) Calls() []cdr.Record {
	var list []cdr.Record
	for _, e := range c.sorted() {
		if !e.ended {
			list = append(list, e.call.Live())
		}
	}
	return list
}

func (c *Core) running(id media.SessionID) *entry {
	if e := c.byID[id]; e != nil && e.call != nil && !e.ended {
		return e
	}
	return nil
}
