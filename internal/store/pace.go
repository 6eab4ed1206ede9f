package store

import "time"

const (
	sliceLong = time.Millisecond // of work that is not urgent
	sliceRest = time.Millisecond
)

// pacer cuts long work into slices. Where the server has one processor, the network is looked at only when
// that processor is idle or the runtime intervenes, after 10 ms and more: calls would wait for their records.
// Only a real sleep lets them pass; runtime.Gosched does not poll the network. A nil pacer never rests.
type pacer struct {
	at   time.Time       // start of the slice
	stop <-chan struct{} // closed: no more rests
}

func newPacer(stop <-chan struct{}) *pacer { return &pacer{at: time.Now(), stop: stop} }

// pause rests when the slice is over. It belongs between steps of some 100 µs.
func (p *pacer) pause() {
	if p == nil || time.Since(p.at) < sliceLong {
		return
	}
	p.rest()
}

// stopped tells whether the work has to end.
func (p *pacer) stopped() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// rest begins a new slice after a rest.
func (p *pacer) rest() {
	if p == nil {
		return
	}
	if !p.stopped() {
		time.Sleep(sliceRest)
	}
	p.at = time.Now()
}
