package txn

import "time"

// Timers are the settable durations of RFC 3261 §17 (table 4). The zero value of a field
// means the default of the RFC. They may differ per trunk.
type Timers struct {
	T1 time.Duration // estimate of the round trip, default 500 ms
	T2 time.Duration // longest interval between repetitions of a non-INVITE request or an INVITE response, default 4 s
	T4 time.Duration // longest life of a message in the network, default 5 s
	B  time.Duration // INVITE client: how long to wait for the first response, default 64*T1
	F  time.Duration // non-INVITE client: how long to wait for the final response, default 64*T1
	D  time.Duration // INVITE client: how long to answer repeated final responses over UDP, default 32 s
}

// Defaults is a copy in which every field has its value.
func (tm *Timers) Defaults() Timers {
	var d Timers
	if tm != nil {
		d = *tm
	}
	fill := func(v *time.Duration, to time.Duration) {
		if *v <= 0 {
			*v = to
		}
	}
	fill(&d.T1, 500*time.Millisecond)
	fill(&d.T2, 4*time.Second)
	fill(&d.T4, 5*time.Second)
	fill(&d.B, 64*d.T1)
	fill(&d.F, 64*d.T1)
	fill(&d.D, 32*time.Second)
	return d
}

// TryingAfter is how long an INVITE may be without a response before it has a 100. RFC 3261 §17.2.1 has 200 ms; half of that leaves the way back of a slow
// network its time before the peer repeats the INVITE (timer A). Where somebody rings or refuses sooner, as in a local network, the 100 would be one message of
// seven, and would tell the peer nothing that the next one does not.
const TryingAfter = 100 * time.Millisecond

// State is a state of one of the four machines, named as in RFC 3261 §17 and RFC 6026.
type State uint8

// Calling is the first state of an INVITE client, Trying of the non-INVITE machines,
// Proceeding of an INVITE server. The zero value is that of a machine never started.
const (
	Idle State = iota
	Calling
	Trying
	Proceeding
	Completed
	Confirmed
	Accepted
	Terminated
)

// String is the name as the RFCs write it.
func (s State) String() string {
	switch s {
	case Idle:
		return "Idle"
	case Calling:
		return "Calling"
	case Trying:
		return "Trying"
	case Proceeding:
		return "Proceeding"
	case Completed:
		return "Completed"
	case Confirmed:
		return "Confirmed"
	case Accepted:
		return "Accepted"
	case Terminated:
		return "Terminated"
	}
	return "?"
}

// Event is what the transaction user must know after time has passed or sending has failed.
type Event uint8

// The events of a machine. All but None and Silent leave it Terminated, with one exception: an INVITE
// server in Accepted lives on after Failed (RFC 6026 §8.5).
const (
	None     Event = iota
	TimedOut       // client: no (final) response in time, treat as 408 (RFC 3261 §8.1.3.1); INVITE server: no ACK (timer H)
	Failed         // the transport could not send; a client treats it as 503 (RFC 3261 §8.1.3.1)
	Ended          // ran its course; nothing to do but forget it
	Silent         // INVITE server: nothing has been said for TryingAfter; the user answers 100
)

// String is for logs and test failures.
func (e Event) String() string {
	switch e {
	case None:
		return "None"
	case TimedOut:
		return "TimedOut"
	case Failed:
		return "Failed"
	case Ended:
		return "Ended"
	case Silent:
		return "Silent"
	}
	return "?"
}
