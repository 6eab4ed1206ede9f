package health

import (
	"math/rand/v2"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

// State says how fit the peer of a trunk is. The zero value is Up.
type State uint8

// The states, best first.
const (
	Up State = iota
	Degraded
	HalfOpen
	Down
)

// String is the name used in logs and metrics.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Degraded:
		return "degraded"
	case HalfOpen:
		return "half-open"
	case Down:
		return "down"
	}
	return "?"
}

// Result is what a live call says about its peer.
type Result uint8

// The results.
const (
	Neutral     Result = iota // says nothing: cancelled before any answer, or a failure of ours
	Good                      // the peer treated the call as a call, whatever came of it
	Bad                       // peer fault: no response, 5xx
	Unreachable               // no connection to the peer, or nothing could be sent to it
	Congested                 // no channel free or overloaded
)

// Event is one change of state. From == To: nothing changed.
type Event struct {
	From, To State
	At       time.Time
	Why      string
}

// Changed tells whether the state changed.
func (e Event) Changed() bool { return e.From != e.To }

// Action is what Advance asks for.
type Action struct {
	Probe bool  // send one OPTIONS now and report by ProbeResult
	Event Event // change of state, if any
}

// Untried is why a trunk is up of which nothing has been heard since it is watched.
const Untried = "start"

// Status is the view of a Trunk for people and metrics.
type Status struct {
	State     State
	Since     time.Time // of the state
	Why       string    // of the state
	LastProbe time.Time // last answer; zero if none yet
	Code      int       // status of the last answered probe; 0 when the last one was missed
	RTT       time.Duration
	Misses    int // probes missed in a row
	Failures  int // calls failed in a row by fault of the peer
	Trials    int // trial calls under way
}

// Trunk is the health of one trunk as this server sees it. It has one owner.
type Trunk struct {
	set *topology.TrunkSettings
	rnd rand.Source

	state State
	since time.Time
	why   string

	// Probes.
	next    time.Time // when the next probe is due
	sent    time.Time // of the probe under way; zero when none
	hint    string    // what the network says of it
	misses  int
	goods   int // answered in a row since the state began
	code    int
	rtt     time.Duration
	alive   time.Time
	retried bool // a call found no connection, and an early probe was asked for
	spoke   bool // a probe was answered, with whatever code

	// Live calls.
	carried   bool // one at least
	failures  int
	congested int
	byCalls   bool      // down because calls failed although probes were answered
	hold      time.Time // not half open before
	trips     uint      // times in a row that trial calls failed
	trials    int       // trial calls under way
	successes int       // of trial calls
	lastTrial time.Time
}

// Limits that are not settings.
const (
	quietProbes  = 10               // answered probes that stand for the trial calls that nobody makes
	maxBackoff   = 12               // times OptionsIntervalDown
	trialExpires = 60 * time.Second // a trial call that never reports
)

// New is a trunk that is Up until something else is known. rnd spreads the probes of many trunks; nil means no
// spreading.
func New(set *topology.TrunkSettings, now time.Time, rnd rand.Source) *Trunk {
	t := &Trunk{set: set, rnd: rnd, since: now, why: Untried}
	t.next = now.Add(t.spread(t.intervalDown()))
	return t
}

// Configure gives the trunk new settings; what is known about the peer stays.
func (t *Trunk) Configure(now time.Time, set *topology.TrunkSettings) {
	t.set = set
	if !set.Options {
		t.sent, t.misses = time.Time{}, 0
		if t.hold.Before(now) {
			t.hold = now.Add(t.intervalDown()) // what probes found is now for calls to find out
		}
		return
	}
	if latest := now.Add(t.interval()); t.next.After(latest) || t.next.IsZero() {
		t.next = latest
	}
}

// State is the present state.
func (t *Trunk) State() State { return t.state }

// Routing is the state that a new call should reckon with: a half-open trunk whose trial calls are all taken counts
// as Down.
func (t *Trunk) Routing(now time.Time) State {
	if t.state == HalfOpen && !t.free(now) {
		return Down
	}
	return t.state
}

// Status is the view for people and metrics.
func (t *Trunk) Status() Status {
	return Status{State: t.state, Since: t.since, Why: t.why, LastProbe: t.alive, Code: t.code, RTT: t.rtt,
		Misses: t.misses, Failures: t.failures, Trials: t.trials}
}

// Deadline is when Advance is due, and what for; the zero time when nothing is.
func (t *Trunk) Deadline() (time.Time, string) {
	if t.set.Options {
		if !t.sent.IsZero() {
			return t.sent.Add(t.timeout()), "probe timeout"
		}
		return t.next, "probe"
	}
	if t.state == Down || t.state == Degraded || t.state == HalfOpen && t.byProbes() {
		return t.hold, "retry"
	}
	return time.Time{}, ""
}

// Advance lets time pass. A probe that is not answered within OptionsTimeout counts as missed; it need not be
// reported by ProbeResult.
func (t *Trunk) Advance(now time.Time) Action {
	if !t.set.Options {
		return Action{Event: t.timed(now)}
	}
	var a Action
	a.Event = t.same(now)
	if !t.sent.IsZero() && !now.Before(t.sent.Add(t.timeout())) {
		a.Event = t.missed(now, "OPTIONS not answered"+t.hint)
	}
	if t.sent.IsZero() && !now.Before(t.next) {
		t.sent, t.hint, a.Probe = now, "", true
	}
	return a
}

// ProbeResult reports the response to a probe; status 0 when there was none (timeout, transport failure). An answer
// that comes after its timeout still counts as one.
func (t *Trunk) ProbeResult(now time.Time, status int) Event {
	if status == 0 {
		return t.ProbeFailed(now, "")
	}
	t.spoke = true
	if !t.sent.IsZero() {
		t.rtt = now.Sub(t.sent)
	}
	if !Alive(t.set, status) {
		ev := t.missed(now, deadWhy(status))
		t.code = status
		return ev
	}
	t.alive, t.code = now, status
	return t.answered(now)
}

// ProbeFailed reports a probe without response, and why it could not be sent; "": nothing is known of that.
func (t *Trunk) ProbeFailed(now time.Time, why string) Event {
	if t.sent.IsZero() {
		return t.same(now) // counted already
	}
	if why != "" {
		return t.missed(now, "OPTIONS could not be sent: "+why)
	}
	return t.missed(now, "OPTIONS not answered")
}

// Hint tells what the network says of the probe under way. It may still be answered: one of its copies has not arrived.
func (t *Trunk) Hint(why string) { t.hint = ": " + why }

// CallResult reports what a call said about the peer: once per attempt, also for attempts that Allow was not asked for.
func (t *Trunk) CallResult(now time.Time, r Result) Event {
	if t.trials > 0 {
		t.trials--
	}
	switch r {
	case Good:
		return t.callGood(now)
	case Bad:
		return t.callBad(now)
	case Unreachable:
		return t.callUnreachable(now)
	case Congested:
		return t.callCongested(now)
	}
	return t.same(now)
}

// Allow is the gate in front of an attempt. It is always open but for a trunk that is half open, which takes
// HalfOpenCalls attempts at a time, and one that is Down: the caller may still use that when nothing else is left.
func (t *Trunk) Allow(now time.Time) bool {
	switch t.state {
	case Up, Degraded:
		return true
	case HalfOpen:
		if !t.free(now) {
			return false
		}
		if t.trials >= t.halfOpenCalls() {
			t.trials = 0 // expired
		}
		t.trials++
		t.lastTrial = now
		return true
	}
	return false
}

// free tells whether a trial call may begin. A trial that never reports is forgotten after trialExpires.
func (t *Trunk) free(now time.Time) bool {
	return t.trials < t.halfOpenCalls() || now.Sub(t.lastTrial) >= trialExpires
}

// Alive tells whether a response to OPTIONS means that the peer is in service.
func Alive(set *topology.TrunkSettings, status int) bool {
	if set != nil && set.OptionsUpCodes != nil {
		return set.OptionsUpCodes[status]
	}
	switch status {
	case 408, 503, 504:
		return false
	}
	return status >= 200
}

func deadWhy(status int) string {
	switch status {
	case 408, 504:
		return "OPTIONS answered by a proxy in the name of a silent peer (408 or 504)"
	case 503:
		return "OPTIONS answered with 503: out of service"
	}
	return "OPTIONS answered with a code that does not mean up (optionsUpCodes)"
}
