package health

import "time"

// answered is a good probe.
func (t *Trunk) answered(now time.Time) Event {
	t.sent, t.misses, t.retried = time.Time{}, 0, false
	t.goods++
	ev := t.same(now)
	switch t.state {
	case Degraded:
		if t.goods >= 2 || t.failures < t.degradeAt() && t.congested < t.failuresDown() {
			// The calls that failed are not forgotten: one more and it is degraded again. Only a good call forgets.
			t.failures = min(t.failures, t.degradeAt()-1)
			t.congested = min(t.congested, t.failuresDown()-1)
			ev = t.move(now, Up, "OPTIONS answered")
		}
	case Down:
		if !now.Before(t.hold) {
			ev = t.move(now, HalfOpen, "OPTIONS answered again")
		}
	case HalfOpen:
		switch {
		case !t.byCalls && t.goods >= 2:
			t.failures, t.trips = 0, 0
			ev = t.move(now, Up, "OPTIONS answered three times")
		case t.byCalls && t.goods >= quietProbes:
			t.failures = t.failuresDown() - 1
			ev = t.move(now, Up, "OPTIONS answered for long, no call came")
		}
	}
	t.schedule(now)
	return ev
}

// missed is a probe without a good answer.
func (t *Trunk) missed(now time.Time, why string) Event {
	t.sent, t.goods, t.code = time.Time{}, 0, 0
	t.misses++
	if t.misses >= t.optionsMisses() {
		t.misses = t.optionsMisses()
		if !t.deaf() {
			t.byCalls = false // probes and calls agree again
			t.hold = time.Time{}
		}
	}
	ev := t.same(now)
	switch t.state {
	case Up, Degraded:
		switch {
		case t.misses >= t.optionsMisses():
			t.byCalls, t.hold = false, time.Time{}
			ev = t.move(now, Down, why)
		case t.state == Up && t.misses >= t.optionsMisses()-1:
			ev = t.move(now, Degraded, why)
		}
	case HalfOpen:
		if !t.deaf() {
			ev = t.move(now, Down, why)
		}
	case Down:
		if t.deaf() && !now.Before(t.hold) {
			ev = t.move(now, HalfOpen, "time for a trial call: it has carried calls and never answered OPTIONS")
		}
	}
	t.schedule(now)
	return ev
}

// deaf tells whether the peer is one that carries calls and ignores OPTIONS. Its silence says no more than that it is down, and nothing would ever say that it is back.
func (t *Trunk) deaf() bool { return t.carried && !t.spoke }

// schedule sets the time of the next probe.
func (t *Trunk) schedule(now time.Time) {
	d := t.interval()
	switch {
	case t.state == HalfOpen:
		d = t.intervalDown() / 2
	case t.state == Down || t.misses > 0:
		d = t.intervalDown()
	}
	t.next = now.Add(d - d/10 + t.spread(d/5))
}

// probeNow has a probe sent at once, unless one is under way.
func (t *Trunk) probeNow(now time.Time) {
	if t.set.Options && t.sent.IsZero() && t.next.After(now) {
		t.next = now
	}
}

func (t *Trunk) callGood(now time.Time) Event {
	// A call that was carried is better evidence than OPTIONS that were not: some peers ignore those.
	t.carried = true
	t.failures, t.congested, t.misses = 0, 0, 0
	switch t.state {
	case Up:
		t.trips = 0
	case Degraded:
		return t.move(now, Up, "a call succeeded")
	case Down:
		ev := t.move(now, HalfOpen, "a call succeeded")
		t.successes = 1
		t.probeNow(now)
		if t.successes >= t.halfOpenCalls() {
			ev.To = Up
			t.move(now, Up, ev.Why)
		}
		return ev
	case HalfOpen:
		t.successes++
		if t.successes >= t.halfOpenCalls() {
			return t.move(now, Up, "trial calls succeeded")
		}
	}
	return t.same(now)
}

func (t *Trunk) callBad(now time.Time) Event {
	t.failures = min(t.failures+1, t.failuresDown())
	switch t.state {
	case Up, Degraded:
		if t.failures >= t.failuresDown() {
			return t.trip(now, "calls failed in a row")
		}
		if t.state == Up && t.failures >= t.degradeAt() {
			ev := t.move(now, Degraded, "calls failed in a row")
			t.hold = now.Add(t.interval())
			return ev
		}
	case HalfOpen:
		return t.trip(now, "a trial call failed")
	}
	return t.same(now)
}

// callUnreachable is a call that failed and as good as a probe that was missed. The next probe is sent at once: one for each regular one, however many calls find no
// connection.
func (t *Trunk) callUnreachable(now time.Time) Event {
	ev := t.same(now)
	if t.set.Options && !t.retried {
		t.retried = true
		ev = t.missed(now, "no connection to the peer")
		t.probeNow(now)
	}
	if bad := t.callBad(now); bad.Changed() {
		ev.To, ev.Why = bad.To, bad.Why
	}
	return ev
}

func (t *Trunk) callCongested(now time.Time) Event {
	t.congested = min(t.congested+1, t.failuresDown())
	if t.state == Up && t.congested >= t.failuresDown() {
		ev := t.move(now, Degraded, "no free channel for several calls in a row")
		t.hold = now.Add(t.interval())
		return ev
	}
	return t.same(now)
}

// trip takes the trunk down because of calls, each time for longer.
func (t *Trunk) trip(now time.Time, why string) Event {
	wait := t.intervalDown() * time.Duration(min(uint(1)<<min(t.trips, 8), maxBackoff))
	t.trips++
	t.byCalls = true
	ev := t.move(now, Down, why)
	t.hold = now.Add(wait)
	if t.set.Options && t.sent.IsZero() {
		t.schedule(now)
	}
	return ev
}

// timed is Advance of a trunk without probes.
func (t *Trunk) timed(now time.Time) Event {
	if now.Before(t.hold) {
		return t.same(now)
	}
	switch t.state {
	case Down, HalfOpen:
		switch {
		case t.byProbes():
			return t.move(now, Up, "taken for up until calls fail: options is false")
		case t.state == Down:
			return t.move(now, HalfOpen, "time for a trial call")
		}
	case Degraded:
		t.failures = min(t.failures, t.degradeAt()-1)
		t.congested = min(t.congested, t.failuresDown()-1)
		return t.move(now, Up, "time to try again")
	}
	return t.same(now)
}

// byProbes tells that no call has to do with it that the trunk is not up. When OPTIONS are not sent any more it is taken for up: where nobody calls, no trial call
// would ever say so.
func (t *Trunk) byProbes() bool { return !t.byCalls && t.failures == 0 }

func (t *Trunk) move(now time.Time, to State, why string) Event {
	ev := Event{From: t.state, To: to, At: now, Why: why}
	t.state, t.since, t.why = to, now, why
	t.goods, t.successes, t.trials = 0, 0, 0
	return ev
}

func (t *Trunk) same(now time.Time) Event { return Event{From: t.state, To: t.state, At: now} }

// degradeAt is the number of failed calls in a row that degrades a trunk.
func (t *Trunk) degradeAt() int { return (t.failuresDown() + 1) / 2 }

// spread is a random part of d.
func (t *Trunk) spread(d time.Duration) time.Duration {
	if t.rnd == nil || d <= 0 {
		return d / 2
	}
	return time.Duration(t.rnd.Uint64() % uint64(d))
}

// The settings, with the documented defaults where a document built by hand has none.

func (t *Trunk) interval() time.Duration { return positive(t.set.OptionsInterval, 30*time.Second) }
func (t *Trunk) intervalDown() time.Duration {
	return min(positive(t.set.OptionsIntervalDown, 5*time.Second), t.interval())
}
func (t *Trunk) timeout() time.Duration { return positive(t.set.OptionsTimeout, 4*time.Second) }
func (t *Trunk) optionsMisses() int     { return positive(t.set.OptionsMisses, 3) }
func (t *Trunk) failuresDown() int      { return positive(t.set.FailuresDown, 5) }
func (t *Trunk) halfOpenCalls() int     { return positive(t.set.HalfOpenCalls, 2) }

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
