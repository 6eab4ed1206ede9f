package engine

import (
	"sync"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// A list of the running calls takes a shard's time: 40 ms of 5000 calls, while which none of them is heard. So one is made at a time, and then none for nine times
// as long as that took, but for maxPause at most.
const (
	pauseFor = 9
	maxPause = 2 * time.Second
)

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
