package resolve

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

const (
	failureTTL = 5 * time.Second        // a question that failed is not asked again so soon (RFC 2308 §7)
	maxFlights = 512                    // questions under way at once
	staleWait  = 500 * time.Millisecond // how long an expired answer waits for a fresh one (RFC 8767 §5)
	partWait   = 500 * time.Millisecond // how long the parts of an answer that are there wait for the others (RFC 8305 §3)
)

// question is what DNS is asked: a name in lower case without the last dot, and a record type.
type question struct {
	name string
	kind uint16
}

// entry is the answer to a question, never changed once it is in the cache.
type entry struct {
	addrs   []netip.Addr
	srvs    []srv
	naptrs  []naptr
	err     error     // ErrNotFound, or why there is no answer
	expires time.Time // ask again after that
	stale   time.Time // do not use after that; zero for errors
	kept    error     // why it is still used although it had expired; nil: it had not
}

type srv struct {
	priority, weight, port uint16
	target                 string // "": the service is not offered
}

type naptr struct {
	order, preference uint16
	transport         sip.Transport
	replacement       string
}

// flight is a question under way, asked once for all who wait.
type flight struct {
	done chan struct{}
	e    *entry // when done
}

// peek answers from the cache, with what is stale too.
func (r *Resolver) peek(k question) (*entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.cache[k]
	now := r.now()
	if e == nil || !now.Before(e.expires) && !now.Before(e.stale) {
		return nil, errMiss
	}
	return e, e.err
}

// fetch answers from the cache or asks.
func (r *Resolver) fetch(ctx context.Context, k question) (*entry, error) {
	e, f, err := r.begin(k)
	switch {
	case err != nil && e != nil:
		return e, nil
	case err != nil:
		return nil, err
	case f == nil:
		return e, e.err
	}
	var late <-chan time.Time
	if e != nil { // something to fall back on
		timer := time.NewTimer(staleWait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-f.done:
		return f.e, f.e.err
	case <-late:
		return e, nil
	case <-ctx.Done():
	}
	select {
	case <-f.done: // as well
		return f.e, f.e.err
	default:
	}
	if e != nil {
		return e, nil
	}
	return nil, ctx.Err()
}

// ahead begins to ask without waiting.
func (r *Resolver) ahead(k question) { _, _, _ = r.begin(k) }

// begin returns a fresh entry alone, or the flight to wait for with the stale entry, if any.
func (r *Resolver) begin(k question) (*entry, *flight, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	e := r.cache[k]
	if e != nil && now.Before(e.expires) {
		return e, nil, nil
	}
	if e != nil && !now.Before(e.stale) {
		e = nil
	}
	if f := r.flights[k]; f != nil {
		return e, f, nil
	}
	if r.closed {
		return nil, nil, ErrClosed
	}
	if len(r.flights) >= maxFlights {
		return e, nil, ErrBusy
	}
	f := &flight{done: make(chan struct{})}
	r.flights[k] = f
	r.wg.Go(func() { r.fly(k, f) })
	return e, f, nil
}

// fly asks and stores the answer.
func (r *Resolver) fly(k question, f *flight) {
	e, err := r.ask(r.ctx, k)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.flights, k)
	f.e = r.store(k, e, err)
	close(f.done)
}

// store keeps an answer. A failure leaves an old answer in use for as long as that may be stale, and is itself
// remembered for a moment, so that a dead server does not hold up every call.
func (r *Resolver) store(k question, e *entry, err error) *entry {
	now := r.now()
	if err != nil && r.ctx.Err() != nil {
		return &entry{err: ErrClosed}
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		if old := r.cache[k]; old != nil && old.err == nil && now.Before(old.stale) {
			again := *old
			again.expires, again.kept = now.Add(failureTTL), err
			e = &again
		} else {
			e = &entry{err: err, expires: now.Add(failureTTL)}
		}
	}
	if _, known := r.cache[k]; !known && len(r.cache) >= r.cfg.MaxEntries {
		r.evict(now)
	}
	r.cache[k] = e
	return e
}

// evict makes room: what nobody may use any more, or else the eighth that expires first.
func (r *Resolver) evict(now time.Time) {
	var first, last time.Time
	for k, e := range r.cache {
		if !now.Before(e.expires) && !now.Before(e.stale) {
			delete(r.cache, k)
			continue
		}
		if first.IsZero() || e.expires.Before(first) {
			first = e.expires
		}
		if e.expires.After(last) {
			last = e.expires
		}
	}
	if len(r.cache) < r.cfg.MaxEntries {
		return
	}
	limit := first.Add(last.Sub(first) / 8)
	for k, e := range r.cache {
		if !e.expires.After(limit) {
			delete(r.cache, k)
		}
	}
}
