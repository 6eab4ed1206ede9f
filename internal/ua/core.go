// Package ua is the user agent core of one shard (RFC 3261 §8.2, §6 "UAS core"): it finds the call that a message belongs to,
// begins calls, answers what belongs to no call, probes trunks, and knows when to wake whom.
//
// A Core is a pure machine like the calls that it owns: time is an argument and effects are appended to Out. One goroutine, or
// one simulation, drives it.
package ua

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Config of a Core.
type Config struct {
	Env           *b2bua.Env
	Snapshot      *topology.Snapshot
	Shard, Shards int
	// Mine tells whether a Call-ID is one of this shard; nil: each is.
	Mine func(callID string) bool
	// Resolved are the addresses that a gateway's name is known to have; nil: none.
	Resolved func(*topology.Gateway) []netip.Addr
	// Health says that a trunk's state has changed; nil: nobody listens. It is called by the owning shard only.
	Health func(trunk *topology.Trunk, ev health.Event, st health.Status)
	// Registered says that the registration of a trunk has changed; nil: nobody listens. It is called by the owning shard only.
	Registered func(trunk *topology.Trunk, st register.Status)

	// Stranger says that a request fits no trunk; nil: nobody listens.
	Stranger func(now time.Time, src sip.Source)

	NonceKey []byte  // secret of the nonces that peers are challenged with, of all shards; at least 16 octets
	Guesses  Guesses // of passwords; nil: the shard has its own
	// Unproven says of an INVITE that it is challenged, since its credentials are missing, or are no good; nil: nobody listens.
	Unproven func(trunk *topology.Trunk, from netip.Addr, why digest.Result)
	// Guessing says that a source has given a trunk more wrong passwords than it may; nil: nobody listens.
	Guessing func(trunk *topology.Trunk, from netip.Addr)
}

// Core owns the calls and the trunk probes of one shard.
type Core struct {
	cfg    Config
	env    *b2bua.Env
	snap   *topology.Snapshot
	calls  map[string]*entry   // by Call-ID of every leg
	twins  map[string][]*entry // further calls that have a Call-ID
	byID   map[media.SessionID]*entry
	away   map[string]way    // by Call-ID: legs that are elsewhere
	hops   int               // how many shards have handed on what is being taken
	probes map[string]*probe // by Call-ID of the OPTIONS under way
	trunks []*probe

	registrations []*registration
	registrars    map[string]*registration // by Call-ID of their REGISTERs
	listening     bool
	asks          int // look-ups for probes and registrations

	spent digest.Spent

	timers timers
	serial uint64
	out    *Out
	live   int
	rests  int // entries of which only the rest is left
	counts Counts
}

// Out is what the world must do for the shard.
type Out = b2bua.Out

// Counts are what a shard has seen.
type Counts struct {
	Calls   uint64 // begun
	Stray   uint64 // messages of no call
	Unknown uint64 // requests of no configured peer
	Refused uint64 // requests outside of calls that were refused
	Panics  uint64 // faults of ours, each of which ended one call
	Options uint64 // OPTIONS answered

	Authenticated uint64 // INVITEs that have proved their peer
	Challenged    uint64 // INVITEs that were asked for a password
	WrongPassword uint64 // of those, with a wrong one
	Locked        uint64 // INVITEs refused after too many wrong ones
}

// entry is a call, or what an ended one still owes, with its names and its timer.
type entry struct {
	timer
	call   *b2bua.Call
	rest   *b2bua.Rest // when call is nil
	names  []string
	room   [2]string // for names: most calls have two
	guests []string  // those of names that belong to other shards
	seq    uint32    // CSeq of the INVITE that began it
	before *entry    // the attempt that it superseded, whose refusal waits for its ACK
	ended  bool
	gone   bool // forgotten
	faults int  // of ours
}

// superseded tells whether a message is a new attempt of a caller whose call was refused.
func (e *entry) superseded(m *sip.Message) bool {
	if e.rest != nil {
		return e.rest.Superseded(m)
	}
	return e.call.Superseded(m)
}

// maxFaults is how often a call may fail inside before it is dropped without ceremony.
const maxFaults = 3

// New is a Core without calls.
func New(cfg Config, now time.Time) *Core {
	if cfg.Shards <= 0 {
		cfg.Shards = 1
	}
	if cfg.Guesses == nil {
		cfg.Guesses = &digest.Guesses{}
	}
	c := &Core{cfg: cfg, env: cfg.Env, calls: make(map[string]*entry), byID: make(map[media.SessionID]*entry), probes: make(map[string]*probe),
		registrars: make(map[string]*registration)}
	c.Configure(now, cfg.Snapshot)
	return c
}

// mine tells whether a Call-ID is one of this shard.
func (c *Core) mine(callID string) bool { return c.cfg.Mine == nil || c.cfg.Mine(callID) }

// Configure takes a new document: new calls use it, running calls keep theirs, trunks keep what is known of their health.
func (c *Core) Configure(now time.Time, snap *topology.Snapshot) {
	c.snap = snap
	if s := snap.ServerByName(c.env.Server.Name); s != nil {
		c.env.Server = s
	}
	c.configureProbes(now)
	c.configureRegistrations(now)
	for _, p := range c.trunks {
		c.publish(p, health.Event{})
	}
}

// first is the CSeq of the caller's first attempt.
func (e *entry) first() uint32 {
	if e.rest != nil {
		return e.rest.First()
	}
	return e.call.First()
}

// refused is the attempt that an ACK is for (RFC 3261 §17.1.1.3): one that was refused may have been superseded meanwhile.
func (e *entry) refused(ack *sip.Message) *entry {
	if e.before != nil {
		if seq, _, _ := ack.CSeq(); seq == e.before.seq && !e.before.gone {
			return e.before
		}
	}
	return e
}

// Receive takes a message that the shell has parsed and found well formed.
func (c *Core) Receive(now time.Time, src sip.Source, m *sip.Message, out *Out) {
	c.out = out
	if e := c.find(m); e != nil && !e.superseded(m) && !c.another(e, m) {
		if m.IsRequest() {
			m.FixTopVia(src.Remote)
		}
		if m.Method == "ACK" {
			e = e.refused(m)
		}
		if !c.feed(now, e, src, m) && m.IsRequest() {
			c.outside(now, src, m)
		}
		return
	}
	if c.forwarded(src, m) {
		return
	}
	if !m.IsRequest() {
		if p := c.probes[m.CallID()]; p != nil {
			p.receive(now, m, c)
			return
		}
		if r := c.registrars[m.CallID()]; r != nil {
			c.registered(now, r, m)
			return
		}
		c.counts.Stray++
		return
	}
	m.FixTopVia(src.Remote)
	c.outside(now, src, m)
}

// begin makes a call of an INVITE.
func (c *Core) begin(now time.Time, src sip.Source, m *sip.Message, t *topology.Trunk) {
	c.serial++
	id := media.SessionID(c.serial*uint64(c.cfg.Shards) + uint64(c.cfg.Shard))
	e := &entry{}
	e.owner, e.names = e, e.room[:0]
	c.byID[id] = e
	c.live++
	c.counts.Calls++
	in := b2bua.Caller{Source: src, Req: m, Trunk: t}
	e.seq, _, _ = m.CSeq()
	if before := c.find(m); before != nil && before.speaks(m) {
		in.After = before.first()
		e.before, before.before = before, nil
	}
	e.call = b2bua.Prepare(c.env, c.snap, id, now, in)
	defer c.rescue(now, e)
	e.call.Start(now, in, c.out)
	c.after(now, e)
}

// guard gives a call something to do. A fault of ours ends that call, with a record, and never the process.
func (c *Core) guard(now time.Time, e *entry, do func()) {
	defer c.rescue(now, e)
	do()
	c.after(now, e)
}

// feed is guard for a message; false: the call has no leg for it any more.
func (c *Core) feed(now time.Time, e *entry, src sip.Source, m *sip.Message) (taken bool) {
	defer c.rescue(now, e)
	taken = true
	if e.rest != nil {
		taken = e.rest.Receive(now, src, m, c.out)
		c.afterRest(e)
		return taken
	}
	taken = e.call.Receive(now, src, m, c.out)
	c.after(now, e)
	return taken
}

// rescue is deferred round the work of a call.
func (c *Core) rescue(now time.Time, e *entry) {
	if fault := recover(); fault != nil {
		c.counts.Panics++
		c.bury(now, e, fmt.Sprint(fault))
	}
}

// after does the book-keeping that follows every input of a call.
func (c *Core) after(now time.Time, e *entry) {
	c.name(e)
	if !e.ended && e.call.Ended() {
		e.ended = true
		c.live--
	}
	if e.call.Done() {
		c.forget(e)
		return
	}
	if e.ended {
		if e.rest = e.call.Rest(); e.rest != nil {
			delete(c.byID, e.call.ID())
			e.call = nil
			c.rests++
			c.afterRest(e)
			return
		}
	}
	at, _ := e.call.Deadline()
	c.timers.set(&e.timer, at)
}

// afterRest is after for what remains of a call.
func (c *Core) afterRest(e *entry) {
	at := e.rest.Deadline()
	if at.IsZero() {
		c.forget(e)
		return
	}
	c.timers.set(&e.timer, at)
}

// name notes the Call-IDs that the call has taken.
func (c *Core) name(e *entry) {
	for _, name := range c.out.CallIDs {
		c.know(e, name)
		e.names = append(e.names, name)
	}
	for _, p := range c.out.Passages {
		c.leave(e, p)
	}
	for _, p := range c.out.Returns {
		c.sentBack(e, p)
	}
	clear(c.out.CallIDs)
	c.out.CallIDs = c.out.CallIDs[:0]
}

func (c *Core) forget(e *entry) {
	c.out.Left = append(c.out.Left, e.guests...)
	for _, name := range e.names {
		c.unknow(e, name)
	}
	if e.rest != nil {
		c.rests--
		e.rest = nil
	} else {
		delete(c.byID, e.call.ID())
	}
	c.timers.remove(&e.timer)
	e.gone = true
}

// survive is deferred round work that belongs to no call: a fault of ours in it is counted, and that is all.
func (c *Core) survive() {
	if recover() != nil {
		c.counts.Panics++
	}
}

// bury ends a call whose machine has failed: like any other call if it is fit for that, else by giving back what it holds.
func (c *Core) bury(now time.Time, e *entry, fault string) {
	if e.rest != nil { // it has its record and holds nothing
		c.forget(e)
		return
	}
	defer func() {
		if recover() != nil { // even its end fails
			c.abort(now, e, fault)
		}
	}()
	if e.faults++; e.faults >= maxFaults || !e.call.Terminate(now, diag.ServerError, fault, c.out) {
		c.abort(now, e, fault)
		return
	}
	c.after(now, e)
}

// abort drops a call. Its messages find nothing from now on.
func (c *Core) abort(now time.Time, e *entry, fault string) {
	defer func() {
		if recover() != nil {
			c.counts.Panics++
		}
	}()
	c.name(e)
	c.forget(e)
	if !e.ended {
		e.ended = true
		c.live--
	}
	e.call.Abort(now, diag.ServerError, fault, c.out)
}

// wake is the timer of a call.
func (e *entry) wake(now time.Time, c *Core) {
	defer c.rescue(now, e)
	if e.rest != nil {
		e.rest.Advance(now, c.out)
		c.afterRest(e)
		return
	}
	e.call.Advance(now, c.out)
	c.after(now, e)
}

// Advance fires what is due.
func (c *Core) Advance(now time.Time, out *Out) {
	c.out = out
	for {
		t := c.timers.first()
		if t == nil || now.Before(t.at) {
			return
		}
		c.timers.remove(t)
		t.owner.wake(now, c)
	}
}

// Deadline is when to call Advance; zero when nothing is awaited.
func (c *Core) Deadline() time.Time {
	if t := c.timers.first(); t != nil {
		return t.at
	}
	return time.Time{}
}

// with feeds the call of a session, if it is still there.
func (c *Core) with(now time.Time, id media.SessionID, out *Out, feed func(*b2bua.Call)) {
	c.out = out
	if e := c.byID[id]; e != nil && e.call != nil {
		c.guard(now, e, func() { feed(e.call) })
	}
}

// MediaOpened reports the result of b2bua.MediaOpen or MediaUpdate.
func (c *Core) MediaOpened(now time.Time, id media.SessionID, err error, out *Out) {
	c.with(now, id, out, func(call *b2bua.Call) { call.MediaOpened(now, err, out) })
}

// MediaClosed reports the counters of a closed session.
func (c *Core) MediaClosed(now time.Time, st media.Stats, out *Out) {
	c.with(now, st.ID, out, func(call *b2bua.Call) { call.MediaClosed(now, st, out) })
}

// MediaEvent reports what the relay noticed.
func (c *Core) MediaEvent(now time.Time, ev media.Event, out *Out) {
	c.with(now, ev.Session, out, func(call *b2bua.Call) { call.MediaEvent(now, ev, out) })
}

// Resolved answers a Resolve; why is for no addresses.
func (c *Core) Resolved(now time.Time, id media.SessionID, attempt int, addrs []b2bua.Addr, why string, out *Out) {
	if id == 0 {
		c.out = out
		c.resolved(now, attempt, addrs, why)
		return
	}
	c.with(now, id, out, func(call *b2bua.Call) { call.Resolved(now, attempt, addrs, why, out) })
}

// SendFailed reports that a message could not be sent, and what the transport says of it.
func (c *Core) SendFailed(now time.Time, callID, branch, why string, out *Out) {
	c.out = out
	if p := c.probes[callID]; p != nil {
		p.failed(now, why, c)
		return
	}
	if r := c.registrars[callID]; r != nil {
		c.registerFailed(now, r, branch, why)
		return
	}
	if to, ok := c.away[callID]; ok && c.calls[callID] == nil {
		c.forward(to, b2bua.Forward{CallID: callID, Branch: branch, Why: why})
		return
	}
	for _, e := range c.sharing(callID) {
		if e.call != nil {
			c.guard(now, e, func() { e.call.SendFailed(now, callID, branch, why, out) })
		} else if e.rest != nil {
			e.rest.SendFailed(now, branch, out)
			c.afterRest(e)
		}
	}
}

// Undelivered reports that one copy of a request did not arrive, by what the network says (ICMP): the next may.
func (c *Core) Undelivered(now time.Time, callID, branch, why string, out *Out) {
	c.out = out
	if p := c.probes[callID]; p != nil {
		p.health.Hint(why)
		return
	}
	if r := c.registrars[callID]; r != nil {
		c.undelivered(now, r, branch, why)
		return
	}
	for _, e := range c.sharing(callID) {
		if e.call != nil {
			c.guard(now, e, func() { e.call.Undelivered(now, callID, branch, why, out) })
		}
	}
}

// Terminate ends every call, at the end of a drain.
func (c *Core) Terminate(now time.Time, why *diag.Reason, out *Out) {
	c.out = out
	for _, e := range c.sorted() {
		c.guard(now, e, func() { e.call.Terminate(now, why, "", out) })
	}
}

// Live is the number of calls that have not ended.
func (c *Core) Live() int { return c.live }

// Held is the number of calls in memory: those that live and those whose transactions run out.
func (c *Core) Held() int { return len(c.byID) + c.rests }

// Away is the number of legs that are remembered as having gone to other calls.
func (c *Core) Away() int { return len(c.away) }

// Owns tells whether messages of a Call-ID belong to a call in memory.
func (c *Core) Owns(callID string) bool { return c.calls[callID] != nil }

// Counts are the counters so far.
func (c *Core) Counts() Counts { return c.counts }

// Drain stops or resumes taking new calls; registrations end and begin with it.
func (c *Core) Drain(now time.Time, on bool) {
	c.env.Draining = on
	c.drainRegistrations(now, on)
}
