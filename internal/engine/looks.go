package engine

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/ua"
)

// A list of the running calls is made in pieces, between which a shard hears its calls. All of it takes 8 µs a call, so one is made at a time, and then none for
// nine times as long as that took, but for maxPause at most.
const (
	pauseFor  = 9
	maxPause  = 2 * time.Second
	lookPiece = 64   // calls that are written down at a time
	namePiece = 1024 // calls that are asked for their names at a time
	mostNamed = 11   // calls with a name that begins alike: ten to show, and that there are more
)

// Calls are the running calls, oldest first: those that ran when it was called and still run when it is their turn. Others may have the same list.
func (e *Engine) Calls() []cdr.Record { return e.looks.get(e.calls) }

func (e *Engine) calls() []cdr.Record {
	parts := make([][]cdr.Record, len(e.shards))
	e.pieces(lookPiece, func(s *shard, _ time.Time, c *ua.Core, ids []media.SessionID) {
		parts[s.index] = c.Look(ids, parts[s.index])
	})
	list := slices.Concat(parts...)
	slices.SortFunc(list, func(a, b cdr.Record) int { return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID)) })
	return list
}

// Named is the running call that has that id of a record, or Call-ID or Session-ID of a leg, with what its media has counted so far; exact is false when there is none, and the calls
// are then those that have one which begins so, eleven at most.
func (e *Engine) Named(what string) (list []cdr.Record, exact bool) {
	type name struct {
		s  *shard
		id media.SessionID
	}
	found := make([]struct{ same, begin []name }, len(e.shards))
	e.pieces(namePiece, func(s *shard, _ time.Time, c *ua.Core, ids []media.SessionID) {
		f := &found[s.index]
		c.Names(ids, func(id media.SessionID, names [5]string) {
			switch begins := func(name string) bool { return strings.HasPrefix(name, what) }; {
			case what != "" && slices.Contains(names[:], what): // a leg may have no Session-ID
				f.same = append(f.same, name{s, id})
			case len(f.begin) < mostNamed && slices.ContainsFunc(names[:], begins):
				f.begin = append(f.begin, name{s, id})
			}
		})
	})
	var same, begin []name
	for i := range found {
		same, begin = append(same, found[i].same...), append(begin, found[i].begin...)
	}
	if exact = len(same) > 0; exact {
		begin = same[:1]
	}
	for _, n := range begin[:min(len(begin), mostNamed)] {
		n.s.ask(func(now time.Time, c *ua.Core) {
			st, _ := e.cfg.Relay.Stats(n.id)
			if r, ok := c.Measured(now, n.id, &st); ok {
				list = append(list, r)
			}
		})
	}
	return list, exact && len(list) > 0
}

// pieces has every shard do something with all its calls, so many at a time, and returns when all have.
func (e *Engine) pieces(most int, do func(s *shard, now time.Time, c *ua.Core, ids []media.SessionID)) {
	var wg sync.WaitGroup
	for _, s := range e.shards {
		wg.Go(func() {
			var all []media.SessionID
			s.ask(func(_ time.Time, c *ua.Core) { all = c.Running() })
			for ids := range slices.Chunk(all, most) {
				s.ask(func(now time.Time, c *ua.Core) { do(s, now, c, ids) })
			}
		})
	}
	wg.Wait()
}

// ask has the shard run a function behind what waits for it, and returns when it has, or has ended.
func (s *shard) ask(run func(now time.Time, c *ua.Core)) {
	done := make(chan struct{})
	s.box.post(func(now time.Time, c *ua.Core, _ *ua.Out) {
		defer close(done)
		run(now, c)
	})
	select {
	case <-done:
	case <-s.done:
	}
}

// looks lets any number of people look at the running calls. Who comes before a list is begun shares it.
type looks struct {
	mu   sync.Mutex
	next *look         // not begun
	last chan struct{} // closed when the one before it is made
	free time.Time     // when the next one may be begun; set before last is closed
}

// look is one list, which nobody may change.
type look struct {
	done chan struct{}
	list []cdr.Record
}

// get is a list that is begun after the call of get.
func (l *looks) get(list func() []cdr.Record) []cdr.Record {
	l.mu.Lock()
	k := l.next
	if k != nil {
		l.mu.Unlock()
		<-k.done
		return k.list
	}
	k = &look{done: make(chan struct{})}
	last := l.last
	l.next, l.last = k, k.done
	l.mu.Unlock()

	defer close(k.done)
	if last != nil {
		<-last
	}
	time.Sleep(time.Until(l.free))
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	began := time.Now()
	k.list = list()
	l.free = time.Now().Add(min(pauseFor*time.Since(began), maxPause))
	return k.list
}
