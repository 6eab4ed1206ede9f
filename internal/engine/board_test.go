package engine

import (
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/topology"
)

const limits = `
pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.1], maxCalls: 3, maxCPS: RATE}}}}
gateways:
  pbx: {kind: pbx, host: 192.0.2.2, root: {transport: UDP}}
  gw: {kind: gateway, host: 192.0.2.3, root: {transport: UDP}}
usages: [all]
routes: [{name: out, pattern: '^\+1', usages: [all], trunks: [gw, pbx]}]
trunkSettings:
  trunk:gw: {maxCalls: 2, maxCPS: 2, halfOpenCalls: 1}
  trunk:pbx: {}
`

func newBoard(t *testing.T, text string) (*Board, *topology.Snapshot) {
	t.Helper()
	s := compile(t, text)
	b := &Board{}
	b.Configure(s, s.ServerByName("med1.test"))
	return b, s
}

// step is one thing that happens to a board.
type step struct {
	trunk     string
	id        media.SessionID
	at        time.Duration
	emergency bool
	release   bool
	want      *diag.Reason
}

func TestBoardLimits(t *testing.T) {
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		cps   string
		steps []step
		calls int
	}{
		"trunk has room for two calls": {"0", []step{{trunk: "gw", id: 1}, {trunk: "gw", id: 2}, {trunk: "gw", id: 3, at: 5 * time.Second, want: diag.TrunkLimit}}, 2},
		"a place that is given back is free": {"0", []step{{trunk: "gw", id: 1}, {trunk: "gw", id: 2}, {trunk: "gw", id: 1, release: true},
			{trunk: "gw", id: 3, at: time.Second}}, 2},
		"giving back twice frees one place": {"0", []step{{trunk: "gw", id: 1}, {trunk: "gw", id: 2}, {trunk: "gw", id: 1, release: true},
			{trunk: "gw", id: 1, release: true}, {trunk: "gw", id: 3, at: time.Second}, {trunk: "gw", id: 4, at: 5 * time.Second, want: diag.TrunkLimit}}, 2},
		"the server counts calls, not legs": {"0", []step{{trunk: "pbx", id: 1}, {trunk: "gw", id: 1}, {trunk: "pbx", id: 2}, {trunk: "gw", id: 2},
			{trunk: "pbx", id: 3}, {trunk: "pbx", id: 4, want: diag.ServerLimit}}, 3},
		"emergency calls know no limit": {"1", []step{{trunk: "gw", id: 1}, {trunk: "gw", id: 2, emergency: true}, {trunk: "gw", id: 3, emergency: true},
			{trunk: "gw", id: 4, emergency: true}}, 4},
		"the trunk takes two calls a second": {"0", []step{{trunk: "gw", id: 1}, {trunk: "gw", id: 1, release: true}, {trunk: "gw", id: 2},
			{trunk: "gw", id: 2, release: true}, {trunk: "gw", id: 3, want: diag.RateLimited}, {trunk: "gw", id: 3, at: 400 * time.Millisecond, want: diag.RateLimited},
			{trunk: "gw", id: 3, at: 600 * time.Millisecond}}, 1},
		"the server takes one call a second, however many legs it has": {"1", []step{{trunk: "pbx", id: 1}, {trunk: "gw", id: 1},
			{trunk: "pbx", id: 2, want: diag.RateLimited}, {trunk: "pbx", id: 2, at: time.Second}}, 2},
		"a call that its trunk has no room for takes nothing of the server's": {"3", []step{{trunk: "gw", id: 1}, {trunk: "gw", id: 1, release: true}, {trunk: "gw", id: 2},
			{trunk: "gw", id: 2, release: true}, {trunk: "gw", id: 3, want: diag.RateLimited}, {trunk: "gw", id: 4, want: diag.RateLimited},
			{trunk: "pbx", id: 5}, {trunk: "pbx", id: 6, want: diag.RateLimited}}, 1},
		"a call that the server has no room for takes nothing of its trunk's": {"1", []step{{trunk: "gw", id: 1}, {trunk: "gw", id: 2, want: diag.RateLimited},
			{trunk: "gw", id: 3, want: diag.RateLimited}, {trunk: "pbx", id: 4, emergency: true}, {trunk: "gw", id: 4}}, 2},
		"a clock that goes back gives no places away": {"1", []step{{trunk: "pbx", id: 1}, {trunk: "pbx", id: 2, at: -time.Hour, want: diag.RateLimited},
			{trunk: "pbx", id: 2, at: -time.Hour + time.Second}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b, s := newBoard(t, replace(limits, "RATE", c.cps))
			for i, x := range c.steps {
				if x.release {
					b.Release(s.TrunkByName(x.trunk), x.id)
					continue
				}
				if got := b.Acquire(start.Add(x.at), s.TrunkByName(x.trunk), x.id, x.emergency); got != x.want {
					t.Fatalf("step %d: got %q, want %q", i, got, x.want)
				}
			}
			if b.Calls() != c.calls {
				t.Errorf("%d calls, want %d", b.Calls(), c.calls)
			}
		})
	}
}

func TestBoardKeepsCallsOfTrunksThatStay(t *testing.T) {
	b, s := newBoard(t, replace(limits, "RATE", "0"))
	now := time.Now()
	gw, pbx := s.TrunkByName("gw"), s.TrunkByName("pbx")
	b.Acquire(now, gw, 1, false)
	b.Acquire(now, pbx, 2, false)
	b.publish(gw, health.Status{State: health.Down})

	next := compile(t, replace(replace(replace(replace(limits, "RATE", "0"), "  pbx: {kind: pbx, host: 192.0.2.2, root: {transport: UDP}}\n", ""), "[gw, pbx]", "[gw]"), "  trunk:pbx: {}\n", ""))
	b.Configure(next, next.ServerByName("med1.test"))
	list := b.Trunks(now)
	if len(list) != 1 || list[0].Calls != 1 || list[0].Health.State != health.Down {
		t.Errorf("after the change: %+v", list)
	}
	if b.Acquire(now, pbx, 3, false) != nil {
		t.Error("a call of the old document gets no place on its old trunk")
	}
	b.Release(pbx, 2)
	b.Release(pbx, 3)
	b.Release(gw, 1)
	if b.Calls() != 0 {
		t.Errorf("%d calls are left", b.Calls())
	}
}

// TestRegistrationThatIsNoMore: a shard that has not yet taken the document may still tell of a registration that it ends.
func TestRegistrationThatIsNoMore(t *testing.T) {
	text := replace(limits, "RATE", "0")
	registers := replace(text, "192.0.2.3, root: {transport: UDP}", "192.0.2.3, root: {transport: UDP, credentials: {user: us, passwordEnv: X}, registration: {}}")
	b, s := newBoard(t, registers)
	gw := s.TrunkByName("gw")
	for what, text := range map[string]string{"not registered": text, "out of service": replace(registers, "root: {transport: UDP, cred", "root: {enabled: false, transport: UDP, cred")} {
		b.Configure(s, s.ServerByName("med1.test"))
		b.registered(gw, register.Status{State: register.Registered, At: netip.MustParseAddrPort("192.0.2.3:5060")})
		if b.Trunks(time.Now())[1].Registration == nil {
			t.Fatal("the registration is unknown")
		}
		moved := compile(t, replace(registers, "192.0.2.3", "192.0.2.4")).TrunkByName("gw")
		if at := netip.MustParseAddrPort("192.0.2.3:5060"); b.Binding(gw).At != at || b.Binding(moved).At == at {
			t.Errorf("calls go to %v, and to %v with another peer", b.Binding(gw).At, b.Binding(moved).At)
		}
		next := compile(t, text)
		b.Configure(next, next.ServerByName("med1.test"))
		b.registered(gw, register.Status{State: register.Registered})
		if st := b.Trunks(time.Now())[1]; st.Registration != nil {
			t.Errorf("a trunk that is %s is %s", what, st.Registration.State)
		}
	}
}

// TestBoardCountsTrunksThatComeBack: calls that run since before a trunk was removed count when it is back, and so do those that were begun meanwhile.
func TestBoardCountsTrunksThatComeBack(t *testing.T) {
	text := replace(limits, "RATE", "0")
	b, s := newBoard(t, text)
	now := time.Now()
	gw := s.TrunkByName("gw")
	without := compile(t, replace(replace(replace(text, "  gw: {kind: gateway, host: 192.0.2.3, root: {transport: UDP}}\n", ""), "[gw, pbx]", "[pbx]"),
		"  trunk:gw: {maxCalls: 2, maxCPS: 2, halfOpenCalls: 1}\n", ""))
	b.Acquire(now, gw, 1, false)
	b.Configure(without, without.ServerByName("med1.test"))
	b.Acquire(now, gw, 2, false)
	b.Configure(without, without.ServerByName("med1.test"))
	b.Configure(s, s.ServerByName("med1.test"))
	if n := b.Trunks(now)[1].Calls; n != 2 {
		t.Errorf("the trunk that is back has %d calls, want 2", n)
	}
	if r := b.Acquire(now, gw, 3, false); r != diag.TrunkLimit {
		t.Errorf("a third call on a trunk for two: %v", r)
	}
	b.Configure(without, without.ServerByName("med1.test"))
	b.Release(gw, 1)
	b.Release(gw, 2)
	if b.Calls() != 0 || len(b.left) != 0 {
		t.Errorf("%d calls and %d trunks are left", b.Calls(), len(b.left))
	}
}

// TestBoardCallOfTwoDocuments: a leg that has come from a call of an older document holds that document, and the trunk of its name counts the call
// until neither leg is on it.
func TestBoardCallOfTwoDocuments(t *testing.T) {
	text := replace(limits, "RATE", "0")
	b, old := newBoard(t, text)
	now := time.Now()
	next := compile(t, text+"# other\n")
	server := next.ServerByName("med1.test")
	b.Configure(next, server)
	pbx, gw, guest := next.TrunkByName("pbx"), next.TrunkByName("gw"), old.TrunkByName("gw")
	for _, trunk := range []*topology.Trunk{pbx, gw, guest} {
		b.Acquire(now, trunk, 1, true)
	}
	if used := b.used(); !used(next) || !used(old) {
		t.Errorf("documents in use: %v, %v", used(next), used(old))
	}
	b.Release(gw, 1)
	if n := b.Trunks(now)[1].Calls; n != 1 {
		t.Errorf("with the guest on it the trunk has %d calls", n)
	}
	b.Release(guest, 1)
	if used := b.used(); !used(next) || used(old) {
		t.Errorf("documents in use without the guest: %v, %v", used(next), used(old))
	}
	b.Release(pbx, 1)
	if list := b.Trunks(now); b.Calls() != 0 || list[0].Calls+list[1].Calls != 0 {
		t.Errorf("%d calls are left", b.Calls())
	}
}

func TestBoardHalfOpen(t *testing.T) {
	b, s := newBoard(t, replace(limits, "RATE", "0"))
	now := time.Now()
	gw, pbx := s.TrunkByName("gw"), s.TrunkByName("pbx")
	b.Acquire(now, pbx, 1, false)
	b.Acquire(now, gw, 1, false) // runs since before the trunk went down
	b.publish(gw, health.Status{State: health.Down})
	b.publish(gw, health.Status{State: health.HalfOpen})
	v := b.View()
	if got := v.TrunkState(gw); got != health.HalfOpen {
		t.Fatalf("a call from before takes the place of the trial: %v", got)
	}
	b.Acquire(now, gw, 7, false) // one that comes from the trunk
	if got := v.TrunkState(gw); got != health.HalfOpen {
		t.Fatalf("a call from the trunk takes the place of the trial: %v", got)
	}
	b.Release(gw, 7)
	b.Acquire(now.Add(time.Second), pbx, 2, false)
	b.Acquire(now.Add(time.Second), gw, 2, false)
	if got := v.TrunkState(gw); got != health.Down {
		t.Fatalf("with a trial under way: %v, want down", got)
	}
	b.publish(gw, health.Status{State: health.HalfOpen}) // news that change nothing
	if got := v.TrunkState(gw); got != health.Down {
		t.Fatalf("after news with a trial under way: %v, want down", got)
	}
	b.Release(gw, 2)
	if got := v.TrunkState(gw); got != health.HalfOpen {
		t.Fatalf("after the trial: %v", got)
	}
	b.publish(gw, health.Status{State: health.Up})
	if got := v.TrunkState(gw); got != health.Up {
		t.Fatalf("up again: %v", got)
	}
}

// TestStateOfAnOlderDocument: a call that is transferred or redirected decides by its own document, whose trunks have other places.
func TestStateOfAnOlderDocument(t *testing.T) {
	b, old := newBoard(t, replace(limits, "RATE", "0"))
	next := compile(t, replace(replace(limits, "RATE", "0"), "gateways:", "gateways:\n  first: {kind: gateway, host: 192.0.2.9, root: {transport: UDP}}"))
	b.Configure(next, next.ServerByName("med1.test"))
	b.publish(next.TrunkByName("gw"), health.Status{State: health.Down})
	v := b.View()
	for name, want := range map[string]health.State{"pbx": health.Up, "gw": health.Down} {
		if got := v.TrunkState(old.TrunkByName(name)); got != want {
			t.Errorf("%s is %v for a call of the older document, want %v", name, got, want)
		}
	}
	b.Configure(old, old.ServerByName("med1.test"))
	if got := b.View().TrunkState(next.TrunkByName("first")); got != health.Up {
		t.Errorf("a trunk that is no more is %v", got)
	}
}

func TestViewTurns(t *testing.T) {
	b, s := newBoard(t, replace(limits, "RATE", "0"))
	r, v := s.Routes[0], b.View()
	var got []int
	for i := range 5 {
		if i == 2 { // the turn goes on in a document in which the route has another place
			s = compile(t, replace(replace(limits, "RATE", "0"), "routes: [", "routes: [{name: first, pattern: '^\\+2', usages: [all], trunks: [pbx]}, "))
			b.Configure(s, s.ServerByName("med1.test"))
			r, v = s.Routes[1], b.View()
		}
		got = append(got, v.Turn(r, 3))
	}
	for i, n := range got {
		if n != i%3 {
			t.Fatalf("turns %v", got)
		}
	}
	if v.Turn(&topology.Route{Name: "other"}, 3) != 0 || v.Turn(r, 0) != 0 {
		t.Error("a route of another document, or one without trunks, has a turn other than 0")
	}
}

// TestTenantOfAnotherCarrier: a call that hunts on under the document in which a trunk was derived from one that is no more has its place on the trunk of that
// name, and gives it back there: nothing is left that counts for ever.
func TestTenantOfAnotherCarrier(t *testing.T) {
	text := replace(limits, "RATE", "0") + "trunks: {tenant: {carrier: gw, contactHost: tenant.test}}\n"
	b, s := newBoard(t, text)
	now := time.Now()
	b.Acquire(now, s.TrunkByName("pbx"), 1, false)

	next := compile(t, replace(replace(replace(replace(text, "gw: {kind", "other: {kind"), "[gw, pbx]", "[other, pbx]"), "trunk:gw", "trunk:other"), "carrier: gw", "carrier: other"))
	b.Configure(next, next.ServerByName("med1.test"))
	b.Acquire(now, s.TrunkByName("tenant"), 1, false)
	calls := func() (n int) {
		for _, st := range b.Trunks(now) {
			if st.Trunk.Name == "tenant" {
				n = st.Calls
			}
		}
		return n
	}
	if n := calls(); n != 1 {
		t.Errorf("%d calls on the trunk, want 1", n)
	}
	b.Release(s.TrunkByName("tenant"), 1)
	b.Release(s.TrunkByName("pbx"), 1)
	b.Configure(next, next.ServerByName("med1.test"))
	if n := calls(); n != 0 || b.Calls() != 0 {
		t.Errorf("%d calls are left on the trunk, %d at all", n, b.Calls())
	}
}
