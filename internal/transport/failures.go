package transport

import (
	"sync"
	"sync/atomic"
)

// maxFailures bounds the failures that wait for the Handler. A lost one costs its transaction the time until
// its own timer fires.
const maxFailures = 1 << 16

// failures reports to Handler.Failed from its own goroutine, so that Send never calls back into its caller.
type failures struct {
	h    Handler
	mu   sync.Mutex
	list []failure
	wake chan struct{} // capacity 1; closed by close
	done chan struct{}
	end  bool
	lost atomic.Uint64
}

type failure struct {
	send Send
	err  error
}

func newFailures(h Handler) *failures {
	f := &failures{h: h, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go f.run()
	return f
}

// add reports that s failed. It never blocks.
func (f *failures) add(s Send, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end || len(f.list) >= maxFailures {
		f.lost.Add(1)
		return
	}
	s.Data = nil
	f.list = append(f.list, failure{s, err})
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *failures) run() {
	defer close(f.done)
	var spare []failure
	for range f.wake {
		f.mu.Lock()
		list := f.list
		f.list = spare[:0]
		f.mu.Unlock()
		for i := range list {
			s := &list[i].send
			f.h.Failed(s.CallID, s.Branch, s.Hop, list[i].err)
		}
		if len(list) > 0 {
			f.h.Flush()
		}
		clear(list)
		spare = list
		if cap(spare) > 1024 {
			spare = nil
		}
	}
}

// close delivers what waits and ends the goroutine.
func (f *failures) close() {
	f.mu.Lock()
	if !f.end {
		f.end = true
		close(f.wake)
	}
	f.mu.Unlock()
	<-f.done
}
