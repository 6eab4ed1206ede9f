package store

import (
	"context"
	"fmt"
	"sync"
)

// waiters wait for the writer.
type waiters struct {
	mu    sync.Mutex
	moved chan struct{} // closed when there is progress; nil when nobody waits
}

// channel is closed at the next progress.
func (w *waiters) channel() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moved == nil {
		w.moved = make(chan struct{})
	}
	return w.moved
}

// progress lets those who wait look again.
func (w *waiters) progress() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moved != nil {
		close(w.moved)
		w.moved = nil
	}
}

// refusedWait is how long a question waits for a disk that refuses records.
const refusedWait = 3 * retryEvery

// settle is Flush for questions: a disk that takes nothing, which may last for days, does not keep what is written from being read.
func (s *Store) settle(ctx context.Context) error {
	for {
		short, cancel := context.WithTimeout(ctx, refusedWait)
		err := s.Flush(short)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if _, refusal := s.Waiting(); refusal != nil {
			return nil
		}
	}
}

// Waiting is how many records no question finds yet, and why the disk does not take them; nil: it does.
func (s *Store) Waiting() (records uint64, refusal error) {
	put, acked := s.put.Load(), s.acked.Load()
	if err := s.refused.Load(); err != nil {
		refusal = *err
	} else if s.stuck(&s.writing) {
		refusal = errStuck
	}
	return put - min(put, acked), refusal
}

// Flush waits until everything that was put is written and found, some gather at most.
func (s *Store) Flush(ctx context.Context) error {
	s.queue.mu.Lock()
	seq := s.queue.seq
	s.queue.mu.Unlock()
	for {
		moved := s.waiters.channel()
		if s.acked.Load() >= seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("store: %w", ctx.Err())
		}
	}
}
