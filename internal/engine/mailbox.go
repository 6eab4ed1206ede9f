package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/ua"
)

// input is one thing for a shard to do: a message, or a function that the shard's goroutine runs.
type input struct {
	msg  *sip.Message
	src  sip.Source
	at   time.Time
	size int // octets of the message
	run  func(now time.Time, c *ua.Core, out *ua.Out)
}

// mailbox is the queue in front of a shard. Many put, one takes everything at once. What may be put is decided by
// Engine.admit; what the engine itself has to say is never refused.
type mailbox struct {
	mu    sync.Mutex
	queue []input
	spare []input
	wake  chan struct{}

	depth atomic.Int32 // inputs that wait or are being worked off
	bytes atomic.Int64 // octets of their messages
}

// keepInputs is how much of a queue's memory is kept when it has been empty again.
const keepInputs = 4096

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put queues an input without waking the shard: see signal.
func (m *mailbox) put(in input) {
	m.depth.Add(1)
	if in.size > 0 {
		m.bytes.Add(int64(in.size))
	}
	m.mu.Lock()
	m.queue = append(m.queue, in)
	m.mu.Unlock()
}

// signal wakes the shard if there is something to take.
func (m *mailbox) signal() {
	if m.depth.Load() > 0 {
		m.ring()
	}
}

// ring wakes the shard.
func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// post queues a function and wakes the shard.
func (m *mailbox) post(run func(now time.Time, c *ua.Core, out *ua.Out)) {
	m.put(input{run: run})
	m.signal()
}

// take empties the queue. The slice is valid until the next but one take.
func (m *mailbox) take() []input {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = m.spare[:0]
	if m.spare = q; cap(q) > keepInputs {
		m.spare = nil
	}
	return q
}

// done forgets an input that take has given out.
func (m *mailbox) done(in *input) {
	m.depth.Add(-1)
	if in.size > 0 {
		m.bytes.Add(-int64(in.size))
	}
	*in = input{}
}
