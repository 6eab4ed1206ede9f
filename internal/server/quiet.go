package server

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// lines is how many lines with one message are logged in a second. What peers provoke must not fill the disk.
const lines = 10

// quiet is a slog.Handler that limits lines by their message, which is a constant of the program: a flood of one kind does not
// hide another. What was left out is counted in a line of its own, a second later. Debug lines are not limited: who asks for
// them wants each.
type quiet struct {
	slog.Handler
	spent *spent
}

type spent struct {
	mu  sync.Mutex
	per map[string]*int // lines of the current second, by message
}

func newQuiet(h slog.Handler) slog.Handler {
	return &quiet{h, &spent{per: make(map[string]*int)}}
}

// Handle is slog.Handler.
func (q *quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo || q.take(r.Message) {
		return q.Handler.Handle(ctx, r)
	}
	return nil
}

func (q *quiet) take(message string) bool {
	q.spent.mu.Lock()
	defer q.spent.mu.Unlock()
	n := q.spent.per[message]
	if n == nil {
		n = new(int)
		q.spent.per[message] = n
		time.AfterFunc(time.Second, func() { q.settle(message) })
	}
	*n++
	return *n <= lines
}

// settle ends the second of a message.
func (q *quiet) settle(message string) {
	q.spent.mu.Lock()
	left := *q.spent.per[message] - lines
	delete(q.spent.per, message)
	q.spent.mu.Unlock()
	if left > 0 {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "lines left out", 0)
		r.AddAttrs(slog.String("message", message), slog.Int("count", left))
		q.Handler.Handle(context.Background(), r)
	}
}

// WithAttrs is slog.Handler.
func (q *quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &quiet{q.Handler.WithAttrs(attrs), q.spent}
}

// WithGroup is slog.Handler.
func (q *quiet) WithGroup(name string) slog.Handler {
	return &quiet{q.Handler.WithGroup(name), q.spent}
}
