package engine

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/topology"
)

// Board is what all shards know together: the health of trunks, the calls that live on each, round-robin turns. Calls are
// counted as sets of live call ids, so a count cannot drift from the truth.
type Board struct {
	mu     sync.Mutex
	server *topology.Server
	trunks []*place
	byName map[string]*place
	left   map[string]*place         // trunks that the document has no more, while calls run on them
	turns  map[string]*atomic.Uint32 // of routes, by name
	all    map[media.SessionID]hold
	rate   bucket // of the server
	pool   bucket // of the server's share of its pool
	users  map[string]*caller
	crowd  int // users after the last look for those without calls, twice
	backs  callbacks
	links  links

	// crowded is told when a trunk has nearly as many calls as it may (DR-12); nil: nobody. Shards call it: it must not block.
	crowded func(t *topology.Trunk, calls int)
}

// hold is the trunks on which one call has places, perhaps of several documents: legs come from other calls.
type hold []*topology.Trunk

// on tells whether a place is on a trunk of that name.
func (h hold) on(name string) bool {
	return slices.ContainsFunc(h, func(t *topology.Trunk) bool { return t.Name == name })
}

// place is one trunk on the board.
type place struct {
	trunk  *topology.Trunk
	state  atomic.Uint32 // health.State
	calls  map[media.SessionID]struct{}
	trials map[media.SessionID]struct{} // begun toward it since it is half open
	trial  atomic.Int32
	rate   bucket

	maxTrials atomic.Int32 // HalfOpenCalls
	paused    time.Time    // the peer wants no calls until then
	crowded   bool         // nearly as many calls as it may have
	status    atomic.Pointer[health.Status]
	reg       atomic.Pointer[register.Status] // nil: this server does not register the trunk
}

func newPlace(t *topology.Trunk) *place {
	return &place{trunk: t, calls: make(map[media.SessionID]struct{}), trials: make(map[media.SessionID]struct{})}
}

// Configure takes a new document. Trunks are known by name: they keep their calls and their health.
func (b *Board) Configure(s *topology.Snapshot, server *topology.Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.server = server
	if b.all == nil {
		b.all = make(map[media.SessionID]hold)
	}
	old := make(map[string]*place, len(b.byName)+len(b.left)) // views read byName without the lock
	maps.Copy(old, b.byName)
	maps.Copy(old, b.left) // perhaps it is back
	b.byName = make(map[string]*place, len(s.Trunks))
	trunks := make([]*place, len(s.Trunks))
	for i, t := range s.Trunks {
		p := old[t.Name]
		if p == nil {
			p = newPlace(t)
		}
		if !p.trunk.SamePeer(t) {
			p.paused = time.Time{} // another peer has not asked for that
		}
		p.trunk = t
		delete(old, t.Name)
		if !b.registers(t) {
			p.reg.Store(nil)
		}
		p.maxTrials.Store(int32(max(t.Settings.HalfOpenCalls, 1)))
		trunks[i], b.byName[t.Name] = p, p
	}
	b.trunks, b.left = trunks, make(map[string]*place)
	for name, p := range old {
		if len(p.calls) > 0 {
			b.left[name] = p
		}
	}
	b.links.mu.Lock()
	b.links.account.Keep(s.Network)
	b.links.mu.Unlock()
	turns := make(map[string]*atomic.Uint32, len(s.Routes))
	for _, r := range s.Routes {
		if turns[r.Name] = b.turns[r.Name]; turns[r.Name] == nil {
			turns[r.Name] = new(atomic.Uint32)
		}
	}
	b.turns = turns
}

// view is routing.State from one document to the next. Calls of older documents ask it too, when they decide anew, so trunks and routes are
// known by name: in another document the same index is another's.
type view struct {
	*callbacks
	trunks map[string]*place
	turns  map[string]*atomic.Uint32
}

// View is the board as routing sees it under the current document.
func (b *Board) View() *view {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &view{&b.backs, b.byName, b.turns}
}

// TrunkState is the health of a trunk. A half-open one with all of its trial calls under way counts as down.
func (v *view) TrunkState(t *topology.Trunk) health.State {
	p := v.trunks[t.Name]
	if p == nil {
		return health.Up
	}
	st := health.State(p.state.Load())
	if st == health.HalfOpen && p.trial.Load() >= p.maxTrials.Load() {
		return health.Down
	}
	return st
}

// Turn is the next round-robin value of a route.
func (v *view) Turn(r *topology.Route, n int) int {
	turn := v.turns[r.Name]
	if turn == nil || n <= 0 {
		return 0
	}
	return int((turn.Add(1) - 1) % uint32(n))
}

// publish sets the health of a trunk.
func (b *Board) publish(t *topology.Trunk, st health.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byName[t.Name]
	if p == nil {
		return
	}
	if st.State == health.HalfOpen && health.State(p.state.Load()) != health.HalfOpen {
		clear(p.trials) // calls from before are no trials
		p.trial.Store(0)
	}
	p.status.Store(&st)
	p.state.Store(uint32(st.State))
}

// Acquire is b2bua.Limits. The first trunk of a call is the one that it came in on: there the server's limits count too.
func (b *Board) Acquire(now time.Time, t *topology.Trunk, id media.SessionID, emergency bool) *diag.Reason {
	r, crowd := b.acquire(now, t, id, emergency)
	if crowd > 0 && b.crowded != nil {
		b.crowded(t, crowd)
	}
	return r
}

// acquire is Acquire; crowd is the number of calls of a trunk that has become crowded by this one, else 0.
func (b *Board) acquire(now time.Time, t *topology.Trunk, id media.SessionID, emergency bool) (r *diag.Reason, crowd int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, w := b.byName[t.Name], b.byName[t.Watched().Name]
	h := b.all[id]
	first := len(h) == 0
	if first {
		h = make(hold, 0, 2)
	}
	h = append(h, t)
	if p == nil || w == nil { // a trunk of an older document, or derived from one: nothing limits it any more, but it may come back
		if p == nil {
			p = b.left[t.Name]
		}
		if p == nil {
			p = newPlace(t)
			b.left[t.Name] = p
		}
		p.calls[id] = struct{}{}
		b.all[id] = h
		return nil, 0
	}
	if !emergency {
		if first && b.server.MaxCalls > 0 && len(b.all) >= b.server.MaxCalls {
			return diag.ServerLimit, 0
		}
		if most := b.server.Pool.Share().MaxCalls; first && most > 0 && len(b.all) >= most {
			return diag.PoolLimit, 0
		}
		if max := p.trunk.Settings.MaxCalls; max > 0 && len(p.calls) >= max {
			return diag.TrunkLimit, 0
		}
		if !first && now.Before(w.paused) {
			return diag.TrunkPaused, 0
		}
		if !b.pace(now, p, first) {
			return diag.RateLimited, 0
		}
	}
	p.calls[id] = struct{}{}
	if !first && health.State(w.state.Load()) == health.HalfOpen {
		w.trials[id] = struct{}{}
		w.trial.Store(int32(len(w.trials)))
	}
	b.all[id] = h
	if p.fill() {
		crowd = len(p.calls)
	}
	return nil, crowd
}

// pace counts a call against calls per second of trunk, server and pool, unless one of them has none left. Then it counts nowhere: what comes too fast by one
// trunk takes nothing of what the server has for the others.
func (b *Board) pace(now time.Time, p *place, first bool) bool {
	rates := [...]struct {
		bucket *bucket
		most   int
	}{{&p.rate, p.trunk.Settings.MaxCPS}, {&b.rate, b.server.MaxCPS}, {&b.pool, b.server.Pool.Share().MaxCPS}}
	count := rates[:1]
	if first {
		count = rates[:]
	}
	for _, r := range count {
		if !r.bucket.has(now, r.most) {
			return false
		}
	}
	for _, r := range count {
		r.bucket.spend(r.most)
	}
	return true
}

// Release gives a place back.
func (b *Board) Release(t *topology.Trunk, id media.SessionID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.all[id]
	if i := slices.Index(h, t); i >= 0 {
		h = slices.Delete(h, i, i+1)
	}
	if b.all[id] = h; len(h) == 0 {
		delete(b.all, id)
	}
	if h.on(t.Name) {
		return
	}
	if p := b.byName[t.Name]; p != nil {
		delete(p.calls, id)
		p.fill()
	} else if p := b.left[t.Name]; p != nil {
		if delete(p.calls, id); len(p.calls) == 0 {
			delete(b.left, t.Name)
		}
	}
	if w := b.byName[t.Watched().Name]; w != nil {
		delete(w.trials, id)
		w.trial.Store(int32(len(w.trials)))
	}
}

// TrunkStatus is one trunk for people and metrics.
type TrunkStatus struct {
	Trunk  *topology.Trunk
	Calls  int
	Health health.Status
	Paused time.Time // its peer wants no calls until then; zero: it takes them
	// Registration is nil when this server does not register the trunk.
	Registration *register.Status
}

// Trunks are the trunks of our pool.
func (b *Board) Trunks(now time.Time) []TrunkStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []TrunkStatus
	for _, p := range b.trunks {
		if p.trunk.Pool != b.server.Pool {
			continue
		}
		w := b.byName[p.trunk.Watched().Name]
		st := TrunkStatus{Trunk: p.trunk, Calls: len(p.calls)}
		if now.Before(w.paused) {
			st.Paused = w.paused
		}
		if h := w.status.Load(); h != nil {
			st.Health = *h
		}
		st.Registration = p.reg.Load()
		list = append(list, st)
	}
	return list
}

// used returns what tells of a document whether a call runs under it now. A trunk belongs to one document only.
func (b *Board) used() func(*topology.Snapshot) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	trunks := make(map[*topology.Trunk]struct{})
	for _, h := range b.all {
		for _, t := range h {
			trunks[t] = struct{}{}
		}
	}
	return func(s *topology.Snapshot) bool {
		for t := range trunks {
			if t.Index < len(s.Trunks) && s.Trunks[t.Index] == t {
				return true
			}
		}
		return false
	}
}

// Calls is the number of calls that hold a place.
func (b *Board) Calls() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// bucket lets through n calls per second, and up to one second's worth at once.
type bucket struct {
	tokens float64
	last   time.Time
}

func (k *bucket) take(now time.Time, perSecond int) bool {
	if !k.has(now, perSecond) {
		return false
	}
	k.spend(perSecond)
	return true
}

// has tells whether take would let a call through.
func (k *bucket) has(now time.Time, perSecond int) bool {
	if perSecond <= 0 {
		return true
	}
	if k.last.IsZero() {
		k.tokens = float64(perSecond)
	} else if d := now.Sub(k.last); d > 0 {
		k.tokens = min(float64(perSecond), k.tokens+d.Seconds()*float64(perSecond))
	}
	k.last = now
	return k.tokens >= 1
}

// spend is for a call of which has has said yes.
func (k *bucket) spend(perSecond int) {
	if perSecond > 0 {
		k.tokens--
	}
}
