package dialog

import "time"

// Answer is the repetition of a 2xx to INVITE until its ACK comes (RFC 3261 §13.3.1.4), over
// every transport. It serves a reliable provisional response until its PRACK as well
// (RFC 3262 §3). It only keeps the time: the message is repeated by txn.InviteServer.Repeat.
type Answer struct {
	again time.Time
	end   time.Time
	step  time.Duration
	most  time.Duration
}

// Repeat is what is due.
type Repeat uint8

const (
	Wait   Repeat = iota // nothing
	Again                // send the response again
	GiveUp               // 64*T1 are over: BYE after a 2xx, 5xx after a provisional response
)

// Start begins when the 2xx is first sent. The intervals double from t1 up to t2; zero
// means the default of 500 ms and 4 s.
func (a *Answer) Start(now time.Time, t1, t2 time.Duration) {
	if t1 <= 0 {
		t1 = 500 * time.Millisecond
	}
	if t2 <= 0 {
		t2 = 4 * time.Second
	}
	*a = Answer{again: now.Add(t1), end: now.Add(64 * t1), step: t1, most: t2}
}

// StartProvisional begins when a reliable provisional response is first sent: the intervals
// double without limit (RFC 3262 §3).
func (a *Answer) StartProvisional(now time.Time, t1 time.Duration) {
	if t1 <= 0 {
		t1 = 500 * time.Millisecond
	}
	a.Start(now, t1, 64*t1)
}

// Acked ends it: the ACK (or PRACK) has come, or the call is over.
func (a *Answer) Acked() { *a = Answer{} }

// Waiting tells whether an ACK is still missed.
func (a *Answer) Waiting() bool { return !a.end.IsZero() }

// Advance tells what is due; GiveUp comes once.
func (a *Answer) Advance(now time.Time) Repeat {
	switch {
	case !a.Waiting():
		return Wait
	case !now.Before(a.end):
		a.Acked()
		return GiveUp
	case now.Before(a.again):
		return Wait
	}
	a.step = min(2*a.step, a.most)
	a.again = now.Add(a.step)
	return Again
}

// Deadline is when to call Advance, and why; zero when nothing runs.
func (a *Answer) Deadline() (time.Time, string) {
	switch {
	case !a.Waiting():
		return time.Time{}, ""
	case a.again.Before(a.end):
		return a.again, "repeat response until acknowledged"
	}
	return a.end, "give up waiting for acknowledgement"
}
