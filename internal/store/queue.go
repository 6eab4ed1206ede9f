package store

import (
	"sync"

	"github.com/directsip/directsip/internal/cdr"
)

// item is either a begun call or a record.
type item struct {
	id     string // of a begun call
	opened *Opened
	rec    *cdr.Record
}

// queue is what waits for the writer.
type queue struct {
	mu      sync.Mutex
	items   []item
	seq     uint64 // records put so far, dropped ones too
	closed  bool
	waiting bool          // the writer wants to be woken
	wake    chan struct{} // capacity 1
}

// Begin notes that a call exists, so that it gets a record even if the server is killed. A second Begin with
// the same id replaces the first. It never blocks; opened is copied, its Out must not be changed afterwards.
func (s *Store) Begin(id string, opened Opened) {
	q := &s.queue
	q.mu.Lock()
	if q.closed || len(q.items) >= s.cfg.MaxQueued {
		q.mu.Unlock()
		s.droppedBegins.Add(1)
		return
	}
	q.push(item{id: id, opened: &opened})
}

// Put hands a finished call over. It never blocks; the record must not be changed afterwards. A record whose
// id and start are stored already is ignored.
func (s *Store) Put(rec *cdr.Record) {
	q := &s.queue
	q.mu.Lock()
	q.seq++
	n := len(q.items)
	if q.closed || n >= s.cfg.MaxQueued {
		q.mu.Unlock()
		s.dropped.Add(1)
		s.put.Add(1)
		return
	}
	if n >= s.cfg.MaxQueued/2 {
		slim := *rec
		slim.Ladder, slim.Decision = nil, nil
		rec = &slim
		s.slimmed.Add(1)
	}
	s.put.Add(1)
	q.push(item{rec: rec})
}

// push appends, unlocks and wakes the writer if it sleeps.
func (q *queue) push(it item) {
	q.items = append(q.items, it)
	waiting := q.waiting
	q.waiting = false
	q.mu.Unlock()
	if waiting {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take empties the queue into spare's array, which the queue gives and takes in turn. seq counts the
// records put so far. When there is nothing, the next push wakes.
func (q *queue) take(spare []item) (items []item, seq uint64, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, seq, closed = q.items, q.seq, q.closed
	q.items = spare[:0]
	q.waiting = len(items) == 0
	return items, seq, closed
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}
