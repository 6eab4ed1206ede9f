// Package txn holds the four transaction machines of RFC 3261 §17 with the corrections of
// RFC 6026 (state Accepted).
//
// A machine is a small value owned by one call. Time comes as an argument, messages leave
// by Out, and what the owner must know is returned. Whoever owns a machine asks for its
// Deadline and calls Advance when that has come.
//
// The package is pure: no clock, no lock, no socket.
package txn

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// machine is what the four have in common: a state, what was last sent, and two timers.
type machine struct {
	kept  *kept
	retry time.Time     // when to repeat (A, E, G); zero: not at all
	end   time.Time     // when the state ends (B, D, F, H, I, J, K, L, M); zero: never
	step  time.Duration // interval that led to retry
	state State
}

// kept is what a machine remembers of its messages. It is let go in Terminated, so that a
// call of an hour does not carry the bytes of its first seconds.
type kept struct {
	send Send // Data is what gets repeated: the request, or the last response
	id   identity
}

// State of the machine.
func (m *machine) State() State { return m.state }

// Branch is the branch parameter of the transaction's top Via; "" before the start and
// after the end.
func (m *machine) Branch() string {
	if m.kept == nil {
		return ""
	}
	return m.kept.send.Branch
}

// Hop is where messages go: of a client to the peer, also for ACK and CANCEL, of a server
// the way back. Zero before the start and after the end.
func (m *machine) Hop() sip.Hop {
	if m.kept == nil {
		return sip.Hop{}
	}
	return m.kept.send.Hop
}

// Live tells whether the machine was started and has not ended.
func (m *machine) Live() bool { return m.state != Idle && m.state != Terminated }

// next is the earlier of the two timers, with its name.
func (m *machine) next(retry, end string) (time.Time, string) {
	switch {
	case m.state == Terminated || m.state == Idle:
		return time.Time{}, ""
	case m.retry.IsZero() && m.end.IsZero():
		return time.Time{}, ""
	case m.retry.IsZero():
		return m.end, end
	case m.end.IsZero() || m.retry.Before(m.end):
		return m.retry, retry
	}
	return m.end, end
}

// enter changes the state; the old timers stop and the new state ends after d.
func (m *machine) enter(s State, now time.Time, d time.Duration) {
	m.state, m.retry, m.step = s, time.Time{}, 0
	m.end = now.Add(d)
}

// stay changes the state to one that has no timer.
func (m *machine) stay(s State) {
	m.state, m.retry, m.end, m.step = s, time.Time{}, time.Time{}, 0
}

// stop ends the machine.
func (m *machine) stop() {
	m.stay(Terminated)
	m.kept = nil
}

// arm starts the repetition after d.
func (m *machine) arm(now time.Time, d time.Duration) {
	m.step, m.retry = d, now.Add(d)
}

// again repeats what was last sent.
func (m *machine) again(out *Out) {
	if m.kept == nil || len(m.kept.send.Data) == 0 {
		return
	}
	s := m.kept.send
	s.Again = true
	out.Sends = append(out.Sends, s)
}

// put serialises a message, keeps its bytes and sends it.
func (m *machine) put(msg *sip.Message, out *Out) {
	m.kept.send.Data = msg.Append(nil)
	out.Sends = append(out.Sends, m.kept.send)
}

// due tells whether a timer has fired.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// unreliable is d over UDP and nothing over a transport that repeats for itself.
func unreliable(t sip.Transport, d time.Duration) time.Duration {
	if t.Reliable() {
		return 0
	}
	return d
}
