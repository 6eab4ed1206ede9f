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
