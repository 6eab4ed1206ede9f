package ua

import "time"

// timers orders the machines of a shard by their next deadline: a binary heap whose entries know their place, so that a changed
// deadline costs a few comparisons and nothing is ever searched.
type timers struct{ heap []*timer }

// timer is one entry; embed it in what has a deadline.
type timer struct {
	at    time.Time
	place int // in the heap, from 1; 0: not in it
	owner machine
}

// machine is what a timer wakes.
type machine interface {
	wake(now time.Time, c *Core)
}

// set moves a timer to a deadline; the zero time takes it out.
func (h *timers) set(t *timer, at time.Time) {
	switch {
	case at.IsZero():
		h.remove(t)
	case t.place == 0:
		t.at = at
		h.heap = append(h.heap, t)
		t.place = len(h.heap)
		h.up(t.place - 1)
	case !t.at.Equal(at):
		t.at = at
		h.up(t.place - 1)
		h.down(t.place - 1)
	}
}

func (h *timers) remove(t *timer) {
	if t.place == 0 {
		return
	}
	i, last := t.place-1, len(h.heap)-1
	h.swap(i, last)
	h.heap[last] = nil
	h.heap = h.heap[:last]
	t.place = 0
	if i < last {
		h.up(i)
		h.down(i)
	}
}

// first is the earliest timer, nil when there is none.
func (h *timers) first() *timer {
	if len(h.heap) == 0 {
		return nil
	}
	return h.heap[0]
}

func (h *timers) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].place, h.heap[j].place = i+1, j+1
}

func (h *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.heap[i].at.Before(h.heap[parent].at) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.heap) {
			return
		}
		if child+1 < len(h.heap) && h.heap[child+1].at.Before(h.heap[child].at) {
			child++
		}
		if !h.heap[child].at.Before(h.heap[i].at) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
