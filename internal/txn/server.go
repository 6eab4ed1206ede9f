package txn

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Server is the non-INVITE server transaction of RFC 3261 §17.2.2.
type Server struct {
	machine
	completed time.Duration // timer J
	method    string
	status    int // of the last response
}

// Start begins in Trying. hop is the way back (RFC 3261 §18.2.2).
func (t *Server) Start(now time.Time, req *sip.Message, hop sip.Hop, tm *Timers) {
	d := tm.Defaults()
	*t = Server{
		machine:   machine{kept: &kept{send: Send{Hop: hop}}},
		completed: unreliable(hop.Transport, 64*d.T1),
		method:    ownMethod(req.Method),
	}
	t.kept.theirs(req)
	t.stay(Trying)
}

// Matches tells whether a request is this one again (RFC 3261 §17.2.3).
func (t *Server) Matches(req *sip.Message) bool {
	return t.kept != nil && t.kept.repeats(req, t.method)
}

// Receive takes a repetition. It is never the user's: the last response is repeated, if
// there is one.
func (t *Server) Receive(now time.Time, req *sip.Message, out *Out) (up bool) {
	t.again(out)
	return false
}

// Respond sends a response; after a final one it refuses with false, and nothing is sent.
func (t *Server) Respond(now time.Time, resp *sip.Message, out *Out) bool {
	if t.state != Trying && t.state != Proceeding {
		return false
	}
	t.put(resp, out)
	t.status = resp.Status
	switch {
	case resp.Status < 200:
		t.state = Proceeding
	case t.completed == 0:
		t.stop()
	default:
		t.enter(Completed, now, t.completed)
	}
	return true
}

// Advance fires the timer that is due.
func (t *Server) Advance(now time.Time, out *Out) Event {
	if !due(t.end, now) {
		return None
	}
	t.stop()
	return Ended
}

// Fail takes the report that the transport could not send a response.
func (t *Server) Fail(now time.Time, out *Out) Event {
	if t.state != Proceeding && t.state != Completed {
		return None
	}
	t.stop()
	return Failed
}

// Deadline is when to call Advance, and the name of the timer; zero when no timer runs.
func (t *Server) Deadline() (time.Time, string) { return t.next("", "timer J") }

// Method of the request.
func (t *Server) Method() string { return t.method }

// Status of the last response; 0: none yet.
func (t *Server) Status() int { return t.status }
