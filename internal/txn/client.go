package txn

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Client is the non-INVITE client transaction of RFC 3261 §17.1.2.
type Client struct {
	machine
	t2, t4    time.Duration
	method    string
	responded bool
}

// Start serialises the request, sends it to hop, and arms timers E (UDP only) and F.
func (t *Client) Start(now time.Time, req *sip.Message, hop sip.Hop, tm *Timers, out *Out) {
	d := tm.Defaults()
	*t = Client{
		machine: machine{kept: &kept{send: Send{Hop: hop}}},
		t2:      d.T2,
		t4:      unreliable(hop.Transport, d.T4),
		method:  ownMethod(req.Method),
	}
	t.kept.ours(req)
	t.enter(Trying, now, d.F)
	if !hop.Transport.Reliable() {
		t.arm(now, d.T1)
	}
	t.put(req, out)
}

// Matches tells whether a response belongs here (RFC 3261 §17.1.3).
func (t *Client) Matches(r *sip.Message) bool {
	return t.kept != nil && t.kept.answers(r, t.method)
}

// Receive takes a response that Matches; it is up to the user when true.
func (t *Client) Receive(now time.Time, r *sip.Message, out *Out) (up bool) {
	if t.state != Trying && t.state != Proceeding {
		return false
	}
	t.responded = true
	switch {
	case r.Status < 200:
		// Timers E and F run on; the next firing of E sets it to T2.
		t.state = Proceeding
	case t.t4 == 0:
		t.stop()
	default:
		t.kept.send.Data = nil
		t.enter(Completed, now, t.t4)
	}
	return true
}

// Advance fires the timers that are due.
func (t *Client) Advance(now time.Time, out *Out) Event {
	if due(t.end, now) {
		ev := TimedOut
		if t.state == Completed {
			ev = Ended
		}
		t.stop()
		return ev
	}
	if due(t.retry, now) {
		t.again(out)
		step := min(2*t.step, t.t2)
		if t.state == Proceeding {
			step = t.t2
		}
		t.arm(now, step)
	}
	return None
}

// Fail takes the report that the transport could not send. Failed is the answer as long as
// the user has no final response.
func (t *Client) Fail(now time.Time, out *Out) Event {
	if t.state != Trying && t.state != Proceeding {
		return None
	}
	t.stop()
	return Failed
}

// Deadline is when to call Advance, and the name of the timer; zero when no timer runs.
func (t *Client) Deadline() (time.Time, string) {
	if t.state == Completed {
		return t.next("", "timer K")
	}
	return t.next("timer E", "timer F")
}

// Responded tells whether any response came.
func (t *Client) Responded() bool { return t.responded }

// Request is the request as it was sent; nil once it has its final response.
func (t *Client) Request() *sip.Message {
	if t.state != Trying && t.state != Proceeding {
		return nil
	}
	return t.kept.sent()
}

// Method of the request.
func (t *Client) Method() string { return t.method }
