package store

import (
	"sync"

	"github.com/directsip/directsip/internal/cdr"
)

// item is either a begun call or a record.
type item struct {
	id   string // of a begun call
	size int    // of its frame
	rec  *cdr.Record
}

// batch is a row of items and, one behind the other, the frames of the begun calls among them.
type batch struct {
	items  []item
	begins []byte
}

// reset empties a batch for its next use; what a burst made of it is not kept.
func (b *batch) reset() {
	const usual = 1 << 20
	clear(b.items)
	b.items, b.begins = b.items[:0], b.begins[:0]
	if cap(b.begins) > usual {
		*b = batch{}
	}
}

// queue is what waits for the writer.
type queue struct {
	mu      sync.Mutex
	batch   batch
	seq     uint64 // records put so far, dropped ones too
	closed  bool
	waiting bool          // the writer wants to be woken
	wake    chan struct{} // capacity 1
}

// Begin notes that a call exists, so that it gets a record even if the server is killed. A second Begin with
// the same id replaces the first. It never blocks, and keeps nothing of opened but the id.
func (s *Store) Begin(id string, opened Opened) {
	q := &s.queue
	q.mu.Lock()
	if q.closed || len(q.batch.items) >= s.cfg.MaxQueued {
		q.mu.Unlock()
		s.droppedBegins.Add(1)
		return
	}
	had := len(q.batch.begins)
	q.batch.begins = appendBegin(q.batch.begins, id, &opened)
	q.push(item{id: id, size: len(q.batch.begins) - had})
}

// Put hands a finished call over. It never blocks; the record must not be changed afterwards. A record whose
// id and start are stored already is ignored, unless Begin told of a new call with that id.
func (s *Store) Put(rec *cdr.Record) {
	q := &s.queue
	q.mu.Lock()
	q.seq++
	n := len(q.batch.items)
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

// appendBegin writes the record that the call gets if nothing else comes.
func appendBegin(b []byte, id string, o *Opened) []byte {
	r := cdr.Record{
		ID: id, Server: o.Server, Pool: o.Pool, Version: o.Version, Start: o.Start, Answered: o.Answered,
		In: o.In, Out: o.Out, Called: o.Called, Calling: o.Calling,
	}
	b, at := beginFrame(b, frameBegin)
	return endFrame(r.AppendBinary(b), at)
}

// push appends, unlocks and wakes the writer if it sleeps.
func (q *queue) push(it item) {
	q.batch.items = append(q.batch.items, it)
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

// take empties the queue into spare, which the queue gives and takes in turn. seq counts the records put so far.
// When there is nothing, the next push wakes.
func (q *queue) take(spare batch) (b batch, seq uint64, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b, seq, closed = q.batch, q.seq, q.closed
	q.batch = spare
	q.waiting = len(b.items) == 0
	return b, seq, closed
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.batch.items)
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}
