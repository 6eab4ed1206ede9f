package ua

import "time"

// timers orders the machines of a shard by their next deadline: a binary heap whose entries know their place, so that a changed
// deadline costs a few comparisons and nothing is ever searched.
type timers struct {
	heap  []slot
	epoch time.Time // of slot.at: the first deadline ever set
}

// slot is a place in the heap. It has the deadline itself: to compare through pointers would miss the cache at every level.
type slot struct {
	at int64 // ns after the epoch
	*timer
}

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
	if at.IsZero() {
		h.remove(t)
		return
	}
	if h.epoch.IsZero() {
		h.epoch = at
	}
	if t.place > 0 && t.at.Equal(at) {
		return
	}
	t.at = at
	s := slot{int64(at.Sub(h.epoch)), t}
	if t.place == 0 {
		h.heap = append(h.heap, s)
		t.place = len(h.heap)
		h.up(t.place-1, s)
		return
	}
	h.settle(t.place-1, s)
}

func (h *timers) remove(t *timer) {
	if t.place == 0 {
		return
	}
	i, last := t.place-1, len(h.heap)-1
	s := h.heap[last]
	h.heap[last] = slot{}
	h.heap = h.heap[:last]
	t.place = 0
	if i < last {
		h.settle(i, s)
	}
}

// first is the earliest timer, nil when there is none.
func (h *timers) first() *timer {
	if len(h.heap) == 0 {
		return nil
	}
	return h.heap[0].timer
}

func (h *timers) put(i int, s slot) {
	h.heap[i] = s
	s.place = i + 1
}

// settle finds the place of s from i on, upward or downward.
func (h *timers) settle(i int, s slot) {
	if i > 0 && s.at < h.heap[(i-1)/2].at {
		h.up(i, s)
		return
	}
	h.down(i, s)
}

func (h *timers) up(i int, s slot) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.at >= h.heap[parent].at {
			break
		}
		h.put(i, h.heap[parent])
		i = parent
	}
	h.put(i, s)
}

func (h *timers) down(i int, s slot) {
	for {
		child := 2*i + 1
		if child >= len(h.heap) {
			break
		}
		if child+1 < len(h.heap) && h.heap[child+1].at < h.heap[child].at {
			child++
		}
		if h.heap[child].at >= s.at {
			break
		}
		h.put(i, h.heap[child])
		i = child
	}
	h.put(i, s)
}
