package health

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func settings() *topology.TrunkSettings {
	return &topology.TrunkSettings{Options: true, OptionsInterval: 30 * time.Second, OptionsIntervalDown: 5 * time.Second,
		OptionsTimeout: 4 * time.Second, OptionsMisses: 3, FailuresDown: 5, HalfOpenCalls: 2}
}

// peer plays the other side of a Trunk.
type peer struct {
	t      *testing.T
	trunk  *Trunk
	now    time.Time
	status int // of its answer to OPTIONS; 0: silent
	probes []time.Time
	events []Event
}

func newPeer(t *testing.T, set *topology.TrunkSettings) *peer {
	return &peer{t: t, trunk: New(set, start, nil), now: start, status: 200}
}

func (p *peer) note(ev Event) {
	if ev.Changed() {
		p.events = append(p.events, ev)
	}
}

// run lets time pass; the peer answers probes after 20 ms if at all.
func (p *peer) run(d time.Duration) {
	p.t.Helper()
	end := p.now.Add(d)
	for n := 0; ; n++ {
		at, _ := p.trunk.Deadline()
		if at.IsZero() || at.After(end) {
			break
		}
		if n > 10000 {
			p.t.Fatalf("deadline %v does not move", at)
		}
		if at.After(p.now) {
			p.now = at
		}
		a := p.trunk.Advance(p.now)
		p.note(a.Event)
		if a.Probe {
			p.probes = append(p.probes, p.now)
			if p.status > 0 {
				p.now = p.now.Add(20 * time.Millisecond)
				p.note(p.trunk.ProbeResult(p.now, p.status))
			}
		}
	}
	if end.After(p.now) {
		p.now = end
	}
}

func (p *peer) calls(r Result, n int) {
	for range n {
		p.note(p.trunk.CallResult(p.now, r))
	}
}

func (p *peer) want(s State) {
	p.t.Helper()
	if p.trunk.State() != s {
		p.t.Fatalf("%v after the start: trunk is %v (%s), want %v; events %v",
			p.now.Sub(start), p.trunk.State(), p.trunk.Status().Why, s, p.events)
	}
}

func TestSilentPeerGoesDownAndComesBackWithinSeconds(t *testing.T) {
	p := newPeer(t, settings())
	p.run(2 * time.Minute)
	p.want(Up)
	if n := len(p.probes); n < 4 || n > 5 {
		t.Errorf("%d probes in two minutes of health, want one in 30 s", n)
	}
	p.status = 0
	p.run(53 * time.Second) // at most 30 s to the next probe, three timeouts, two intervals of 5 s, and the spread
	p.want(Down)
	if len(p.events) != 2 || p.events[0].To != Degraded || p.events[1].At.Sub(p.events[0].At) != 9*time.Second {
		t.Errorf("want degraded at the second miss and down at the third: %v", p.events)
	}
	if p.trunk.Allow(p.now) {
		t.Error("a trunk that is down lets calls through the gate")
	}
	p.run(time.Hour)
	p.want(Down)
	back := p.now
	p.status = 200
	p.run(11*time.Second + 3*20*time.Millisecond)
	p.want(Up)
	for _, ev := range p.events[len(p.events)-2:] {
		t.Logf("%v after the peer's return: %v → %v (%s)", ev.At.Sub(back), ev.From, ev.To, ev.Why)
	}
}

func TestOneLostProbeChangesNothing(t *testing.T) {
	p := newPeer(t, settings())
	p.run(10 * time.Second)
	for range 20 {
		p.status = 0
		n := len(p.probes)
		for len(p.probes) == n {
			p.run(time.Second)
		}
		p.run(4 * time.Second) // its timeout
		p.status = 200
		p.run(20 * time.Second)
	}
	p.want(Up)
	if len(p.events) != 0 {
		t.Errorf("events %v", p.events)
	}
}

func TestHalfDeadGatewayNeedsCallsToComeBack(t *testing.T) {
	p := newPeer(t, settings()) // answers OPTIONS all the time
	p.run(10 * time.Second)
	p.calls(Bad, 3)
	p.want(Degraded)
	p.calls(Bad, 2)
	p.want(Down)
	var waits []time.Duration
	for range 6 { // every trial call fails: the wait doubles up to a minute
		down := p.now
		for p.trunk.State() == Down {
			p.run(time.Second)
			if p.now.Sub(down) > 2*time.Minute {
				t.Fatal("never half open")
			}
		}
		p.want(HalfOpen)
		waits = append(waits, p.now.Sub(down))
		for i := range 3 {
			if p.trunk.Allow(p.now) != (i < 2) {
				t.Fatal("want two trial calls at a time")
			}
		}
		if p.trunk.Routing(p.now) != Down {
			t.Error("with all trials taken the next call should reckon with Down")
		}
		p.calls(Bad, 1)
		p.want(Down)
	}
	for i := 1; i < 4; i++ {
		if waits[i] < waits[i-1]*3/2 {
			t.Errorf("waits %v do not grow", waits)
		}
	}
	if last := waits[len(waits)-1]; last > 70*time.Second {
		t.Errorf("waits %v grow beyond a minute", waits)
	}
	p.run(70 * time.Second)
	p.want(HalfOpen)
	p.trunk.Allow(p.now)
	p.calls(Good, 1)
	p.want(HalfOpen)
	p.calls(Good, 1)
	p.want(Up)
}

func TestHalfOpenWithoutAnyCallEndsUp(t *testing.T) {
	p := newPeer(t, settings())
	p.calls(Bad, 5)
	p.want(Down)
	p.run(50 * time.Second)
	p.want(Up)
	p.calls(Bad, 1) // not forgotten
	p.want(Down)
}

func TestDegradedByCallsRecoversAndRemembers(t *testing.T) {
	p := newPeer(t, settings())
	p.run(3 * time.Second)
	p.calls(Bad, 3)
	p.want(Degraded)
	p.run(61 * time.Second)
	p.want(Up)
	p.calls(Bad, 1)
	p.want(Degraded)
	p.calls(Good, 1)
	p.want(Up)
	p.calls(Bad, 2)
	p.want(Up)
}

func TestCongestionDegradesOnly(t *testing.T) {
	p := newPeer(t, settings())
	p.run(10 * time.Second)
	p.calls(Congested, 4)
	p.want(Up)
	p.calls(Congested, 100)
	p.want(Degraded)
	p.calls(Good, 1)
	p.want(Up)
}

func TestPeerThatIgnoresOptionsButCarriesCalls(t *testing.T) {
	p := newPeer(t, settings())
	p.status = 0
	for range 60 {
		p.run(10 * time.Second)
		p.calls(Good, 1)
	}
	p.want(Up)
	for _, ev := range p.events {
		if ev.To == Down {
			t.Errorf("a trunk that carries a call every 10 s went down: %+v", ev)
		}
	}
	p.run(10 * time.Minute) // a quiet hour: nothing speaks for it
	if !slices.ContainsFunc(p.events, func(ev Event) bool { return ev.To == Down }) {
		t.Error("it does not go down when it is silent and carries nothing")
	}
	p.want(HalfOpen) // and nothing but a call will
	p.calls(Good, 1)
	p.want(HalfOpen)
	p.calls(Good, 1)
	p.want(Up)
}

// TestPeerThatIgnoresOptionsComesBack: after a fault it is tried again by calls, less and less often while they fail, and there is no other way back where other trunks
// take all calls.
func TestPeerThatIgnoresOptionsComesBack(t *testing.T) {
	set := settings()
	p := newPeer(t, set)
	p.status = 0
	p.calls(Good, 1)
	p.calls(Bad, set.FailuresDown)
	p.want(Down)
	for _, pause := range []time.Duration{1, 2, 4, 8, 12, 12} {
		pause *= set.OptionsIntervalDown
		p.run(pause - time.Second)
		p.want(Down)
		p.run(3 * set.OptionsIntervalDown) // until the next probe is missed
		p.want(HalfOpen)
		p.run(time.Minute)
		p.want(HalfOpen)
		p.calls(Bad, 1)
		p.want(Down)
	}
	p.run(15 * set.OptionsIntervalDown)
	p.calls(Good, set.HalfOpenCalls)
	p.want(Up)
	// One that has answered OPTIONS once has to do so again.
	p.status = 200
	p.run(time.Minute)
	p.status = 0
	p.run(30 * time.Minute)
	p.want(Down)
}

// TestPeerThatIsOutOfServiceStaysDown: who answers OPTIONS with 503 has said something, whatever calls it took before.
func TestPeerThatIsOutOfServiceStaysDown(t *testing.T) {
	p := newPeer(t, settings())
	p.status = 503
	p.calls(Good, 1)
	p.run(30 * time.Minute)
	p.want(Down)
}

func TestWithoutOptionsTimeOpensTheGate(t *testing.T) {
	set := settings()
	set.Options = false
	p := newPeer(t, set)
	if at, _ := p.trunk.Deadline(); !at.IsZero() {
		t.Errorf("deadline %v although nothing is due", at)
	}
	p.calls(Bad, 5)
	p.want(Down)
	p.run(5 * time.Second)
	p.want(HalfOpen)
	if len(p.probes) != 0 {
		t.Error("probes were sent")
	}
	p.calls(Bad, 1)
	p.want(Down)
	p.run(9 * time.Second)
	p.want(Down)
	p.run(time.Second)
	p.want(HalfOpen)
	p.calls(Good, 2)
	p.want(Up)
	p.calls(Bad, 3)
	p.want(Degraded)
	p.run(30 * time.Second)
	p.want(Up)
}

// TestTransport: one call that finds no connection has the trunk looked at, which is down long before its next OPTIONS would have been due.
func TestTransport(t *testing.T) {
	p := newPeer(t, settings())
	p.run(10 * time.Second)
	p.status = 0
	p.calls(Unreachable, 1)
	p.want(Up)
	if at, _ := p.trunk.Deadline(); at.After(p.now) {
		t.Error("no probe at once after a failure to connect")
	}
	p.run(5 * time.Second)
	p.want(Degraded)
	p.run(10 * time.Second)
	p.want(Down)
	p.status = 200
	p.run(15 * time.Second)
	p.want(Up)
	p.calls(Unreachable, 3) // at once: the second and third are calls that failed, and no missed probes
	p.want(Degraded)
	p.calls(Unreachable, 2)
	p.want(Down)
}

func TestHalfOpenFallsBackOnAMissedProbe(t *testing.T) {
	p := newPeer(t, settings())
	p.status = 0
	p.run(time.Minute)
	p.want(Down)
	p.status = 200
	for p.trunk.State() == Down {
		p.run(100 * time.Millisecond)
	}
	p.want(HalfOpen)
	p.status = 0
	p.run(7 * time.Second)
	p.want(Down)
}

func TestTrialThatNeverReportsIsForgotten(t *testing.T) {
	set := settings()
	set.Options = false
	p := newPeer(t, set)
	p.calls(Bad, 5)
	p.run(5 * time.Second)
	p.trunk.Allow(p.now)
	p.trunk.Allow(p.now)
	if p.trunk.Allow(p.now.Add(59 * time.Second)) {
		t.Error("a third trial call")
	}
	if !p.trunk.Allow(p.now.Add(60 * time.Second)) {
		t.Error("lost trials block the trunk for ever")
	}
	p.calls(Neutral, 1)
	p.want(HalfOpen)
}

func TestAlive(t *testing.T) {
	for _, row := range []struct {
		status int
		alive  bool
	}{
		{200, true}, {202, true}, {302, true}, {400, true}, {401, true}, {403, true}, {404, true}, {405, true}, {407, true},
		{480, true}, {481, true}, {483, true}, {488, true}, {500, true}, {501, true}, {502, true}, {600, true},
		{408, false}, {503, false}, {504, false}, {100, false}, {0, false},
	} {
		if got := Alive(settings(), row.status); got != row.alive {
			t.Errorf("%d: alive %v, want %v", row.status, got, row.alive)
		}
	}
	only := &topology.TrunkSettings{OptionsUpCodes: topology.Codes{200: true, 503: true}}
	for status, want := range map[int]bool{200: true, 503: true, 404: false, 405: false} {
		if Alive(only, status) != want {
			t.Errorf("with codes 200 and 503: %d alive is %v", status, !want)
		}
	}
}

func TestOutOfServiceAnswerCountsAsMiss(t *testing.T) {
	p := newPeer(t, settings())
	p.status = 503
	p.run(time.Minute)
	p.want(Down)
	if why := p.trunk.Status().Why; why != "OPTIONS answered with 503: out of service" {
		t.Errorf("why %q", why)
	}
	if p.trunk.Status().Code != 503 {
		t.Errorf("code %d", p.trunk.Status().Code)
	}
}

func TestStatusOfAHealthyTrunk(t *testing.T) {
	p := newPeer(t, settings())
	p.run(10 * time.Second)
	st := p.trunk.Status()
	if st.State != Up || st.RTT != 20*time.Millisecond || st.Code != 200 || st.LastProbe.IsZero() {
		t.Errorf("%+v", st)
	}
	p.status = 0
	p.run(time.Minute)
	if now := p.trunk.Status(); now.State != Down || now.Code != 0 || now.LastProbe.Before(st.LastProbe) {
		t.Errorf("a peer that has fallen silent: %+v", now)
	}
}

func TestConfigure(t *testing.T) {
	p := newPeer(t, settings())
	p.run(10 * time.Second)
	faster := settings()
	faster.OptionsInterval = 6 * time.Second
	p.trunk.Configure(p.now, faster)
	if at, _ := p.trunk.Deadline(); at.After(p.now.Add(6 * time.Second)) {
		t.Errorf("the next probe waits %v", at.Sub(p.now))
	}
	off := settings()
	off.Options = false
	p.trunk.Configure(p.now, off)
	if at, why := p.trunk.Deadline(); !at.IsZero() {
		t.Errorf("deadline %v (%s) although probes are off", at, why)
	}
}

func TestProbesSwitchedOffWhileDown(t *testing.T) {
	p := newPeer(t, settings())
	p.status = 0
	p.run(time.Minute)
	p.want(Down)
	off := settings()
	off.Options = false
	p.trunk.Configure(p.now, off)
	p.run(5 * time.Second)
	p.want(Up) // as of a trunk that never had probes: where no call comes, nothing would ever say that it is not down
	if why := p.trunk.Status().Why; !strings.Contains(why, "until calls fail") {
		t.Errorf("why %q", why)
	}
	p.calls(Bad, 5)
	p.want(Down)
	p.run(5 * time.Second)
	p.want(HalfOpen)
	p.calls(Good, 2)
	p.want(Up)
	p.trunk.Configure(p.now, settings())
	p.status = 200
	p.run(31 * time.Second)
	p.want(Up)
	if p.trunk.Status().LastProbe.IsZero() {
		t.Error("no probe after they were switched on again")
	}
}

func TestProbesSwitchedOffWhileHalfOpen(t *testing.T) {
	p := newPeer(t, settings())
	p.status = 0
	p.run(time.Minute)
	p.status = 200
	for range 100 {
		if p.run(100 * time.Millisecond); p.trunk.State() == HalfOpen {
			break
		}
	}
	p.want(HalfOpen)
	off := settings()
	off.Options = false
	p.trunk.Configure(p.now, off)
	p.run(6 * time.Second)
	p.want(Up)
	if at, why := p.trunk.Deadline(); !at.IsZero() {
		t.Errorf("deadline %v (%s)", at, why)
	}
}

func TestReasonsOfBadAnswers(t *testing.T) {
	for _, status := range []int{408, 404} {
		set := settings()
		set.OptionsUpCodes = topology.Codes{200: true}
		p := newPeer(t, set)
		p.status = status
		p.run(time.Minute)
		p.want(Down)
		if why := p.trunk.Status().Why; why == "" || why == "OPTIONS not answered" {
			t.Errorf("%d: why %q", status, why)
		}
	}
}

func TestNames(t *testing.T) {
	for s, want := range map[State]string{Up: "up", Degraded: "degraded", HalfOpen: "half-open", Down: "down", 9: "?"} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", s, s, want)
		}
	}
}

func BenchmarkCallResult(b *testing.B) {
	t := New(settings(), start, nil)
	b.ReportAllocs()
	for b.Loop() {
		if t.Allow(start) {
			t.CallResult(start, Good)
		}
	}
}

// A half-open trunk takes as many trial calls at a time as halfOpenCalls says. One that tells nothing of the peer, as it was cancelled, makes room for the next at once.
func TestTrialThatTellsNothingMakesRoom(t *testing.T) {
	p := newPeer(t, settings())
	p.calls(Bad, 5)
	p.want(Down)
	for p.trunk.State() != HalfOpen {
		p.run(time.Second)
	}
	for range 2 {
		if !p.trunk.Allow(p.now) {
			t.Fatal("no trial call")
		}
	}
	if p.trunk.Allow(p.now) {
		t.Error("a third trial call")
	}
	for range 3 {
		p.calls(Neutral, 1)
		if !p.trunk.Allow(p.now) {
			t.Error("no trial call after one that told nothing")
		}
		if p.trunk.Allow(p.now) {
			t.Error("two trial calls after one that told nothing")
		}
	}
}
