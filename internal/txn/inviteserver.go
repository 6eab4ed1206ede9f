package txn

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// InviteServer is the INVITE server transaction of RFC 3261 §17.2.1 with RFC 6026 §8.5.
// The 100 (Trying) is sent by the user with Respond, at once or after Silent.
type InviteServer struct {
	machine
	t1, t2    time.Duration
	confirmed time.Duration // timer I
	reliable  bool
}

// Start begins in Proceeding. hop is the way back (RFC 3261 §18.2.2).
func (t *InviteServer) Start(now time.Time, req *sip.Message, hop sip.Hop, tm *Timers) {
	d := tm.Defaults()
	*t = InviteServer{
		machine:   machine{kept: &kept{send: Send{Hop: hop}}},
		t1:        d.T1,
		t2:        d.T2,
		confirmed: unreliable(hop.Transport, d.T4),
		reliable:  hop.Transport.Reliable(),
	}
	t.kept.theirs(req)
	t.stay(Proceeding)
	t.retry = now.Add(TryingAfter)
}

// Matches tells whether a request is this INVITE again, or the ACK for its response
// (RFC 3261 §17.2.3).
func (t *InviteServer) Matches(req *sip.Message) bool {
	return t.kept != nil && t.kept.repeats(req, "INVITE")
}

// MatchesCancel tells whether a CANCEL is for this INVITE (RFC 3261 §9.2).
func (t *InviteServer) MatchesCancel(req *sip.Message) bool {
	return t.kept != nil && t.kept.cancelledBy(req)
}

// Receive takes a request that Matches. True is only for an ACK in Accepted, which is the
// user's; repetitions of the INVITE are answered or absorbed here.
func (t *InviteServer) Receive(now time.Time, req *sip.Message, out *Out) (up bool) {
	if req.Method == "ACK" {
		switch {
		case t.state == Accepted:
			return true
		case t.state == Completed && t.confirmed == 0:
			t.stop()
		case t.state == Completed:
			t.kept.send.Data = nil
			t.enter(Confirmed, now, t.confirmed)
		}
		return false
	}
	if t.state == Proceeding || t.state == Completed {
		t.again(out)
	}
	return false
}

// Respond sends a response. A 2xx may be sent again in Accepted; any other response after
// a final one is refused with false, and nothing is sent.
func (t *InviteServer) Respond(now time.Time, resp *sip.Message, out *Out) bool {
	switch {
	case t.state == Accepted && resp.Status >= 200 && resp.Status < 300:
		t.put(resp, out)
		return true
	case t.state != Proceeding:
		return false
	}
	t.put(resp, out)
	switch {
	case resp.Status < 200:
		t.retry = time.Time{}
	case resp.Status < 300:
		t.enter(Accepted, now, 64*t.t1)
	default:
		t.kept.answered(resp)
		t.enter(Completed, now, 64*t.t1)
		if !t.reliable {
			t.arm(now, t.t1)
		}
	}
	return true
}

// Repeat sends the last response again, when the user's own timer says so: a 2xx without
// ACK (RFC 3261 §13.3.1.4) or a reliable provisional one without PRACK (RFC 3262 §3).
func (t *InviteServer) Repeat(out *Out) {
	if t.state == Accepted || t.state == Proceeding {
		t.again(out)
	}
}

// Acked tells that the user has the ACK to its 2xx and will not repeat it: its bytes are let go.
func (t *InviteServer) Acked() {
	if t.state == Accepted {
		t.kept.send.Data = nil
	}
}

// Advance fires the timers that are due. TimedOut is timer H: no ACK came.
func (t *InviteServer) Advance(now time.Time, out *Out) Event {
	again := due(t.retry, now)
	if again && t.state == Proceeding {
		t.retry = time.Time{}
		return Silent
	}
	if again {
		t.again(out) // also when both are due, as after the process has stood still for that long: nobody else tells the peer that waits for it
	}
	if due(t.end, now) {
		ev := Ended
		if t.state == Completed {
			ev = TimedOut
		}
		t.stop()
		return ev
	}
	if again {
		t.arm(now, min(2*t.step, t.t2))
	}
	return None
}

// Fail takes the report that the transport could not send a response. In Accepted the
// machine lives on, because the user repeats the 2xx.
func (t *InviteServer) Fail(now time.Time, out *Out) Event {
	switch t.state {
	case Proceeding, Completed:
		t.stop()
		return Failed
	case Accepted:
		return Failed
	}
	return None
}

// Deadline is when to call Advance, and the name of the timer; zero when no timer runs.
func (t *InviteServer) Deadline() (time.Time, string) {
	switch t.state {
	case Proceeding:
		return t.retry, "100 Trying"
	case Completed:
		return t.next("timer G", "timer H")
	case Confirmed:
		return t.next("", "timer I")
	}
	return t.next("", "timer L")
}
