package txn

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// InviteClient is the INVITE client transaction of RFC 3261 §17.1.1 with RFC 6026 §8.4.
// Timer C is the business of its user.
type InviteClient struct {
	machine
	accepted  time.Duration // timer M
	completed time.Duration // timer D; over a reliable transport, where nothing is repeated, as long as a 2xx may come
	responded bool
}

// Start serialises the INVITE, sends it to hop, and arms timers A (UDP only) and B.
// The top Via of req names the branch. A machine may be started again after its end.
func (t *InviteClient) Start(now time.Time, req *sip.Message, hop sip.Hop, tm *Timers, out *Out) {
	d := tm.Defaults()
	*t = InviteClient{
		machine:   machine{kept: &kept{send: Send{Hop: hop}}},
		accepted:  64 * d.T1,
		completed: d.D,
	}
	if hop.Transport.Reliable() {
		t.completed = t.accepted
	}
	t.kept.ours(req)
	t.enter(Calling, now, d.B)
	if !hop.Transport.Reliable() {
		t.arm(now, d.T1)
	}
	t.put(req, out)
}

// Matches tells whether a response belongs here (RFC 3261 §17.1.3).
func (t *InviteClient) Matches(r *sip.Message) bool {
	return t.kept != nil && t.kept.answers(r, "INVITE")
}

// Receive takes a response that Matches. It is up to the user when true; a 2xx repeated in
// Accepted is, because the user repeats its ACK. Any other final response is acknowledged here.
// A 2xx may come behind one: a proxy that forks passes on each 2xx, also when it has sent another
// final response (RFC 3261 §16.7 item 5), and whoever sent it waits for the user's ACK.
func (t *InviteClient) Receive(now time.Time, r *sip.Message, out *Out) (up bool) {
	switch t.state {
	case Calling, Proceeding:
		t.responded = true
		switch {
		case r.Status < 200:
			t.stay(Proceeding)
		case r.Status < 300:
			t.enter(Accepted, now, t.accepted)
			t.kept.send.Data = nil
		default:
			t.put(t.kept.ack(r), out)
			if t.kept.send.Hop.Transport.Reliable() {
				t.kept.send.Data = nil
			}
			t.enter(Completed, now, t.completed)
		}
		return true
	case Completed, Accepted:
		switch {
		case r.Status >= 300:
			t.again(out)
		case r.Status >= 200:
			if t.state == Completed {
				t.enter(Accepted, now, t.accepted)
			}
			return true
		}
	}
	return false
}

// Advance fires the timers that are due.
func (t *InviteClient) Advance(now time.Time, out *Out) Event {
	if due(t.end, now) {
		ev := Ended
		if t.state == Calling {
			ev = TimedOut
		}
		t.stop()
		return ev
	}
	if due(t.retry, now) {
		t.again(out)
		t.arm(now, 2*t.step)
	}
	return None
}

// Fail takes the report that the transport could not send. Failed is the answer as long as
// the user has no final response, Ended afterwards.
func (t *InviteClient) Fail(now time.Time, out *Out) Event {
	switch t.state {
	case Calling, Proceeding:
		t.stop()
		return Failed
	case Completed:
		t.stop()
		return Ended
	}
	return None
}

// Deadline is when to call Advance, and the name of the timer; zero when no timer runs.
func (t *InviteClient) Deadline() (time.Time, string) {
	switch t.state {
	case Calling:
		return t.next("timer A", "timer B")
	case Completed:
		return t.next("", "timer D")
	}
	return t.next("", "timer M")
}

// Responded tells whether any response came.
func (t *InviteClient) Responded() bool { return t.responded }

// Cancel builds the CANCEL for the INVITE (RFC 3261 §9.1), to be sent by a Client to Hop.
// It is nil unless the state is Proceeding: before the first provisional response a
// CANCEL must wait, and after the final one it has no effect.
func (t *InviteClient) Cancel() *sip.Message {
	if t.state != Proceeding {
		return nil
	}
	return answering(t.kept.sent(), "CANCEL")
}

// Request is the INVITE as it was sent; nil once it has its final response.
func (t *InviteClient) Request() *sip.Message {
	if t.state != Calling && t.state != Proceeding {
		return nil
	}
	return t.kept.sent()
}
