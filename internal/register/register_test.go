package register

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const document = `
pools: {pool.example: {servers: {med1.example: {addresses: [192.0.2.1]}}}}
gateways:
  itsp:
    host: HOST
    root:
      transport: UDP
      credentials: {user: alice, password: secret, realm: provider.example}
      registration: {user: '+49301234', domain: provider.example, expires: 10m}
`

func trunk(t testing.TB, changes ...string) *topology.Trunk {
	t.Helper()
	text := strings.NewReplacer(append(changes, "HOST", "192.0.2.9")...).Replace(document)
	s, problems := topology.Compile("x", []byte(text))
	if s == nil {
		t.Fatal(problems)
	}
	return s.Trunks[0]
}

// rig is a registrant with a clock.
type rig struct {
	*Registrant
	t      testing.TB
	now    time.Time
	out    txn.Out
	branch int
}

func newRig(t testing.TB, tr *topology.Trunk, seed uint64) *rig {
	g := &rig{t: t, now: epoch}
	env := &Env{Rand: rand.New(rand.NewPCG(seed, 1)), UserAgent: "directsip", CallID: func() string { return "call1" }, Tag: func() string { return "tag1" },
		Via: func(h sip.Hop) string {
			g.branch++
			return fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%d", h.Transport, h.Local, g.branch)
		},
		Contact: func(h sip.Hop, user string) string { return "sip:" + user + "@" + h.Local.String() },
		Hop: func(t *topology.Trunk, a Addr) sip.Hop {
			return sip.Hop{Transport: t.Transport, Local: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), t.Port), Remote: a.Remote, Name: a.Name, As: t.ContactHost}
		}}
	g.Registrant = New(env, tr, g.now)
	return g
}

// wait lets time pass to the next deadline, at most until d.
func (g *rig) wait(d time.Duration) bool {
	g.t.Helper()
	at := g.Deadline()
	if at.IsZero() || at.After(g.now.Add(d)) {
		g.now = g.now.Add(d)
		return false
	}
	if at.After(g.now) {
		g.now = at
	}
	g.Advance(g.now, &g.out)
	return true
}

// sent is the REGISTERs that left since the last call, without repetitions.
func (g *rig) sent() (list []*sip.Message, to []netip.AddrPort) {
	g.t.Helper()
	for _, s := range g.out.Sends {
		if s.Again {
			continue
		}
		m, err := sip.Parse(s.Data, nil)
		if err != nil {
			g.t.Fatal(err)
		}
		if f := m.Validate(); f != nil {
			g.t.Fatal(f.Why)
		}
		list, to = append(list, m), append(to, s.Hop.Remote)
	}
	g.out.Sends = nil
	return list, to
}

// one is the one REGISTER that left.
func (g *rig) one() *sip.Message {
	g.t.Helper()
	list, _ := g.sent()
	if len(list) != 1 {
		g.t.Fatalf("%d REGISTERs sent, state %+v", len(list), g.Status())
	}
	return list[0]
}

// answer answers a REGISTER.
func (g *rig) answer(req *sip.Message, status int, headers ...string) {
	r := sip.NewResponse(req, status, "")
	r.SetToTag("r")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.AddName(name, value)
	}
	text, _ := sip.Parse(r.Append(nil), nil)
	g.Receive(g.now, text, &g.out)
}

func (g *rig) is(s State, part string) {
	g.t.Helper()
	if st := g.Status(); st.State != s || !strings.Contains(st.Error, part) || part == "" && st.Error != "" {
		g.t.Fatalf("%s %q, want %s %q", st.State, st.Error, s, part)
	}
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestRFC3261_10_2_Register: what a REGISTER says, and what is taken from its 200.
func TestRFC3261_10_2_Register(t *testing.T) {
	g := newRig(t, trunk(t), 1)
	g.wait(0)
	m := g.one()
	same(t, "Request-URI", m.URI, "sip:provider.example")
	same(t, "From", m.Get(sip.IDFrom), "<sip:+49301234@provider.example>;tag=tag1")
	same(t, "To", m.Get(sip.IDTo), "<sip:+49301234@provider.example>")
	same(t, "Contact", m.Get(sip.IDContact), "<sip:+49301234@192.0.2.1:5060>")
	same(t, "Expires", m.Get(sip.IDExpires), "600")
	same(t, "CSeq", m.Get(sip.IDCSeq), "1 REGISTER")
	g.answer(m, 100)
	g.answer(m, 200, "Contact: <sip:else@192.0.2.7>;expires=30, <sip:+49301234@192.0.2.1:5060>;expires=300", "Path: <sip:edge.example;lr>",
		"Service-Route: <sip:a.example;lr>, <sip:b.example;lr>", "Service-Route: <sip:c.example;lr>")
	g.is(Registered, "")
	st := g.Status()
	same(t, "until", st.Until.Sub(g.now), 300*time.Second)
	same(t, "routes", strings.Join(st.Routes, " "), "<sip:a.example;lr> <sip:b.example;lr> <sip:c.example;lr>")
	if d := st.Next.Sub(g.now); d < 150*time.Second || d > 270*time.Second {
		t.Errorf("refresh after %v", d)
	}
	g.wait(time.Hour) // timer K
	for g.wait(time.Hour) && len(g.out.Sends) == 0 {
	}
	again := g.one()
	same(t, "Call-ID of the refresh", again.CallID(), m.CallID())
	same(t, "CSeq of the refresh", again.Get(sip.IDCSeq), "2 REGISTER")
}

// TestNEW02_Answers: what becomes of each answer.
func TestNEW02_Answers(t *testing.T) {
	for _, row := range []struct {
		name    string
		status  int
		headers []string
		state   State
		error   string
		least   time.Duration // until the next REGISTER
		most    time.Duration
	}{
		{"no Contact in the 200", 200, []string{"Expires: 100"}, Registered, "", 50 * time.Second, 90 * time.Second},
		{"nothing said", 200, nil, Registered, "", 300 * time.Second, 540 * time.Second},
		{"very short", 200, []string{"Expires: 1"}, Registered, "", 500 * time.Millisecond, time.Second},
		{"for ever", 200, []string{"Expires: 4294967295"}, Registered, "", 12 * time.Hour, 22 * time.Hour},
		{"our contact is missing", 200, []string{"Contact: <sip:else@192.0.2.7>;expires=30"}, Failed, "not bound", 50 * time.Second, 70 * time.Second},
		{"our contact with the address of a NAT", 200, []string{"Contact: <sip:+49301234@203.0.113.5:1024>;expires=100"}, Registered, "", 50 * time.Second, 90 * time.Second},
		{"… once more from before", 200, []string{"Contact: <sip:+49301234@203.0.113.5:1024>;expires=300, <sip:+49301234@203.0.113.5:1025>;expires=100"}, Registered, "",
			50 * time.Second, 90 * time.Second},
		{"… which has been ended", 200, []string{"Contact: <sip:+49301234@203.0.113.5:1024>;expires=0"}, Failed, "not bound", 50 * time.Second, 70 * time.Second},
		{"our contact is there as well", 200, []string{"Contact: <sip:+49301234@203.0.113.5:1024>;expires=20, <sip:+49301234@192.0.2.1:5060>;expires=100"}, Registered, "", 50 * time.Second, 90 * time.Second},
		{"our contact written in another way", 200, []string{"Contact: <sip:%2B49301234@192.0.2.1>;expires=100"}, Registered, "", 50 * time.Second, 90 * time.Second},
		{"not bound", 200, []string{"Expires: 0"}, Failed, "not bound", 50 * time.Second, 70 * time.Second},
		{"forbidden", 403, nil, Failed, "answered 403 Forbidden", 50 * time.Second, 70 * time.Second},
		{"unknown", 404, []string{"Retry-After: 600"}, Failed, "404", 600 * time.Second, 600 * time.Second},
		{"moved", 302, []string{"Contact: <sip:192.0.2.66>"}, Failed, "302", 50 * time.Second, 70 * time.Second},
		{"global failure", 603, nil, Failed, "603", 50 * time.Second, 70 * time.Second},
		{"overload", 503, []string{"Retry-After: 120 (busy)"}, Failed, "503", 120 * time.Second, 120 * time.Second},
		{"retry in a year", 503, []string{"Retry-After: 31536000"}, Failed, "503", time.Hour, time.Hour},
		{"server error", 500, nil, Failed, "500", 9 * time.Second, 11 * time.Second},
		{"423 without a longer time", 423, []string{"Min-Expires: 600"}, Failed, "423", 50 * time.Second, 70 * time.Second},
		{"423 with an absurd time", 423, []string{"Min-Expires: 4294967295"}, Failed, "423", 50 * time.Second, 70 * time.Second},
		{"challenge of another realm", 401, []string{`WWW-Authenticate: Digest realm="x",nonce="1"`}, Failed, `no credentials for it: it asks for realm "x"`, 50 * time.Second, 70 * time.Second},
		{"challenge without form", 401, nil, Failed, "cannot be used", 50 * time.Second, 70 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newRig(t, trunk(t), 2)
			g.wait(0)
			g.answer(g.one(), row.status, row.headers...)
			g.is(row.state, row.error)
			st := g.Status()
			if d := st.Next.Sub(g.now); d < row.least || d > row.most {
				t.Errorf("next after %v, want %v to %v", d, row.least, row.most)
			}
			same(t, "code", st.Code, row.status)
		})
	}
}

// TestNEW02_Digest: a challenge is answered, and the next REGISTER has its nonce.
func TestNEW02_Digest(t *testing.T) {
	s := digest.Server{Realm: "provider.example", Key: []byte("0123456789abcdef"), Life: time.Hour}
	account := digest.NewAccount("alice", "secret", "")
	g := newRig(t, trunk(t), 3)
	g.wait(0)
	m := g.one()
	challenge := []string{"WWW-Authenticate: " + s.Challenge(g.now, "call1", false)[0]}
	g.answer(m, 401, challenge...)
	m = g.one()
	same(t, "CSeq", m.Get(sip.IDCSeq), "2 REGISTER")
	same(t, "credentials", s.Check(g.now, m, false, account), digest.Accepted)
	g.answer(m, 200)
	g.is(Registered, "")
	for g.wait(time.Hour) && len(g.out.Sends) == 0 {
	}
	m = g.one()
	same(t, "credentials of the refresh", s.Check(g.now, m, false, account), digest.Accepted)
	g.answer(m, 401, challenge...)
	g.answer(g.one(), 401, challenge...)
	g.is(Failed, `the credentials of user "alice" are refused`)
	if !g.Status().Until.IsZero() {
		t.Error("still bound")
	}

	g = newRig(t, trunk(t), 3) // many a registrar says so to a wrong password
	g.wait(0)
	g.answer(g.one(), 401, challenge...)
	g.answer(g.one(), 403)
	g.is(Failed, `answered 403 Forbidden to user "alice" and its password`)
}

// TestRFC3261_10_2_8_TooBrief: 423 says how long it has to be.
func TestRFC3261_10_2_8_TooBrief(t *testing.T) {
	g := newRig(t, trunk(t), 4)
	g.wait(0)
	g.answer(g.one(), 423, "Min-Expires: 1800")
	m := g.one()
	same(t, "Expires", m.Get(sip.IDExpires), "1800")
	g.answer(m, 200)
	same(t, "until", g.Status().Until.Sub(g.now), 1800*time.Second)

	g = newRig(t, trunk(t), 4) // one that wants more each time gets it in its own time
	g.wait(0)
	g.answer(g.one(), 423, "Min-Expires: 1800")
	g.answer(g.one(), 423, "Min-Expires: 3600")
	g.is(Failed, "423")
	list, _ := g.sent()
	same(t, "sent at once", len(list), 0)
	for next := g.Status().Next; g.now.Before(next); {
		g.wait(next.Sub(g.now))
	}
	same(t, "Expires of the next round", g.one().Get(sip.IDExpires), "3600")
}

// TestRFC3263_FailOver: one address after the other, and the one that has the registration first the next time.
func TestRFC3263_FailOver(t *testing.T) {
	g := newRig(t, trunk(t, "host: HOST", "host: sbc.provider.example", "root:", "root:\n      gatewayPort: dns"), 5)
	addrs := []Addr{{Remote: netip.MustParseAddrPort("198.51.100.1:5060")}, {Remote: netip.MustParseAddrPort("198.51.100.2:5060")}, {Remote: netip.MustParseAddrPort("198.51.100.3:5060")}}
	g.wait(0)
	if !g.Ask() || g.Ask() {
		t.Fatal("the name is asked for once")
	}
	g.Resolved(g.now, addrs, "", &g.out)
	begin := g.now
	_, to := g.sent()
	same(t, "first", to[0], addrs[0].Remote)
	for len(to) == 0 || to[len(to)-1] != addrs[1].Remote { // silent: noResponseTimeout
		g.wait(time.Minute)
		_, to = g.sent()
	}
	same(t, "given up after", g.now.Sub(begin), 4*time.Second)
	g.Failed(g.now, fmt.Sprint("z9hG4bK", g.branch), "connection refused", &g.out)
	list, to := g.sent()
	same(t, "third", to[0], addrs[2].Remote)
	g.answer(list[0], 200)
	g.is(Registered, "")
	same(t, "at", g.Status().At, addrs[2].Remote)
	for g.wait(time.Hour) && !g.Ask() {
	}
	g.Resolved(g.now, addrs, "", &g.out)
	list, to = g.sent()
	same(t, "refresh", to[0], addrs[2].Remote)
	g.answer(list[0], 500)
	list, to = g.sent()
	same(t, "then", to[0], addrs[0].Remote)
	g.answer(list[0], 500)
	list, _ = g.sent()
	g.answer(list[0], 500)
	g.is(Registered, "answered 500") // it stands until its end
	if next, end := g.Status().Next, g.Status().Until; !next.Before(end) {
		t.Errorf("next try %v, end %v", next, end)
	}
	for g.Status().State == Registered {
		g.wait(time.Hour)
		g.Ask()
		g.Resolved(g.now, nil, "provider.example: no such name in DNS", &g.out)
	}
	g.is(Failed, "does not resolve to an address: provider.example: no such name in DNS")
}

// TestSlowRegistrar: one that says that it is at it is waited for, though not for ever, and so is whoever looks its name up.
func TestSlowRegistrar(t *testing.T) {
	g := newRig(t, trunk(t), 11)
	g.wait(0)
	req := g.one()
	g.answer(req, 100)
	for end := g.now.Add(20 * time.Second); g.now.Before(end); {
		g.wait(end.Sub(g.now))
	}
	g.is(Trying, "")
	g.answer(req, 200, "Contact: "+req.Get(sip.IDContact)+";expires=3600")
	g.is(Registered, "")

	g = newRig(t, trunk(t), 12)
	begin := g.now
	g.wait(0)
	g.answer(g.one(), 100)
	for g.Status().State == Trying {
		g.wait(time.Minute)
	}
	g.is(Failed, "no answer")
	if took := g.now.Sub(begin); took < 30*time.Second || took > 40*time.Second {
		t.Errorf("given up after %v", took)
	}

	for _, row := range []struct {
		after time.Duration
		want  State
	}{{lookupTime - time.Second, Registered}, {lookupTime, Failed}} {
		g := newRig(t, trunk(t, "host: HOST", "host: provider.example"), 13)
		for !g.Ask() {
			g.wait(time.Second)
		}
		for end := g.now.Add(row.after); g.now.Before(end); {
			g.wait(end.Sub(g.now))
		}
		g.Advance(g.now, &g.out)
		g.Resolved(g.now, []Addr{{Remote: netip.MustParseAddrPort("192.0.2.9:5060")}}, "", &g.out)
		if list, _ := g.sent(); len(list) == 1 {
			g.answer(list[0], 200, "Contact: "+list[0].Get(sip.IDContact)+";expires=3600")
		}
		if st := g.Status(); st.State != row.want {
			t.Errorf("looked up after %v: %s %q", row.after, st.State, st.Error)
		}
	}
}

// RFC 3608 §5: a Service-Route is taken as a whole or not at all.
func TestRFC3608_5_ServiceRoute(t *testing.T) {
	many := strings.Repeat("<sip:a.example;lr>, ", maxRoutes-1) + "<sips:a.example;lr>"
	for value, want := range map[string]int{
		"<sip:a.example;lr>": 1, many: maxRoutes, many + ", <sip:b.example;lr>": 0, "<sip:a.example;lr>, <sip:b.example": 0, "<sip:a.example;lr>, <tel:+1>": 0, "sip": 0,
		"<sip:" + strings.Repeat("a", maxRoute) + ".example;lr>": 0,
	} {
		m := sip.NewRequest("REGISTER", "sip:a.example")
		m.AddName("Service-Route", value)
		if got := routes(m); len(got) != want {
			t.Errorf("%.60s: %d", value, len(got))
		}
	}
}

// TestNEW02_BackOff: rounds without success come further and further apart, and not in step.
func TestNEW02_BackOff(t *testing.T) {
	for _, row := range []struct {
		status int
		first  time.Duration
		last   time.Duration
	}{{503, firstPause, longestPause}, {403, firstRefused, longRefused}} {
		g := newRig(t, trunk(t), 6)
		var pauses []time.Duration
		for range 12 {
			for g.wait(time.Hour) && len(g.out.Sends) == 0 {
			}
			g.answer(g.one(), row.status)
			pauses = append(pauses, g.Status().Next.Sub(g.now))
		}
		if p := pauses[0]; p < row.first*9/10 || p > row.first*11/10 {
			t.Errorf("first pause %v", p)
		}
		if p := pauses[11]; p < row.last*9/10 || p > row.last*11/10 {
			t.Errorf("last pause %v", p)
		}
		if len(slices.Compact(slices.Clone(pauses))) < 12 {
			t.Errorf("pauses %v", pauses)
		}
	}
}

// TestNEW02_Retry: what has failed is tried again when somebody says so, and not oftener than a registrar can bear or has asked for.
func TestNEW02_Retry(t *testing.T) {
	for _, row := range []struct {
		headers []string
		after   time.Duration
		want    bool
	}{{nil, 0, false}, {nil, retryPause - 1, false}, {nil, retryPause, true}, {[]string{"Retry-After: 120"}, time.Minute, false}} {
		g := newRig(t, trunk(t), 8)
		same(t, "before the first answer", g.Retry(g.now.Add(time.Hour)), false)
		g.wait(0)
		req := g.one()
		same(t, "while it is asked", g.Retry(g.now.Add(time.Hour)), false)
		g.answer(req, 403, row.headers...)
		g.is(Failed, "403")
		g.now = g.now.Add(row.after)
		if got := g.Retry(g.now); got != row.want {
			t.Errorf("%v after %v: %v", row.headers, row.after, got)
			continue
		}
		g.Advance(g.now, &g.out)
		if list, _ := g.sent(); (len(list) == 1) != row.want {
			t.Errorf("%v after %v: %d REGISTERs", row.headers, row.after, len(list))
		}
		if row.want {
			same(t, "under way", g.Retry(g.now.Add(time.Hour)), false)
		}
	}
	g := newRig(t, trunk(t), 9)
	g.wait(0)
	req := g.one()
	g.answer(req, 200, "Contact: "+req.Get(sip.IDContact)+";expires=3600")
	g.is(Registered, "")
	same(t, "registered", g.Retry(g.now.Add(time.Minute)), false)
}

// TestNEW02_Leave: the end is said where the registration is, and not waited for for long.
func TestNEW02_Leave(t *testing.T) {
	g := newRig(t, trunk(t), 7)
	g.Leave(g.now, &g.out)
	g.is(Off, "")
	if len(g.out.Sends) > 0 || !g.Deadline().IsZero() {
		t.Error("nothing was registered")
	}
	g.Return(g.now)
	g.wait(0)
	g.answer(g.one(), 200)
	g.Leave(g.now, &g.out)
	m := g.one()
	same(t, "Expires", m.Get(sip.IDExpires), "0")
	g.is(Leaving, "")
	same(t, "idle while it leaves", g.Idle(), false)
	g.answer(m, 200)
	g.is(Off, "")
	same(t, "idle", g.Idle(), true)
	same(t, "deadline", g.Deadline().IsZero(), true)

	g.Return(g.now)
	g.wait(0)
	g.one()
	g.Leave(g.now, &g.out) // with a REGISTER under way, which may have arrived
	same(t, "Expires", g.one().Get(sip.IDExpires), "0")
	begin := g.now
	for g.wait(time.Hour) && g.Status().State != Off {
	}
	same(t, "silence ends it after", g.now.Sub(begin), leaveTime)
}

// RFC 3261 §18.4: where ICMP says that nobody has taken a REGISTER the next address is asked at once, and the last one on and on.
func TestRFC3261_18_4_Undelivered(t *testing.T) {
	const why = "nobody listens there (ICMP port unreachable from 198.51.100.2)"
	g := newRig(t, trunk(t, "host: HOST", "host: sbc.provider.example", "root:", "root:\n      gatewayPort: dns"), 5)
	addrs := []Addr{{Remote: netip.MustParseAddrPort("198.51.100.1:5060")}, {Remote: netip.MustParseAddrPort("198.51.100.2:5060")}}
	tell := func() { g.Undelivered(g.now, fmt.Sprint("z9hG4bK", g.branch), why, &g.out) }
	g.wait(0)
	g.Resolved(g.now, addrs, "", &g.out)
	begin := g.now
	g.sent()
	tell()
	_, to := g.sent()
	same(t, "next", to[0], addrs[1].Remote)
	same(t, "after", g.now.Sub(begin), 0)
	g.Undelivered(g.now, "z9hG4bKother", why, &g.out)
	tell()
	for g.Status().State != Failed {
		g.wait(time.Minute)
		if _, to = g.sent(); len(to) > 0 {
			same(t, "again", to[0], addrs[1].Remote)
		}
	}
	same(t, "given up after", g.now.Sub(begin), 4*time.Second)
	g.is(Failed, "no answer: "+why)

	g.wait(time.Hour) // the next round, which somebody has heard
	g.Resolved(g.now, addrs[:1], "", &g.out)
	list, _ := g.sent()
	g.answer(list[0], 100)
	tell()
	g.answer(list[0], 200)
	g.is(Registered, "")
}

// TestNEW02_Adopt: a new document goes on with what it does not change.
func TestNEW02_Adopt(t *testing.T) {
	for _, row := range []struct {
		change [2]string
		want   bool
	}{
		{[2]string{"", ""}, true},
		{[2]string{"expires: 10m", "expires: 10m, required: false, calledFrom: to"}, true},
		{[2]string{"expires: 10m", "expires: 11m"}, false},
		{[2]string{"user: '+49301234'", "user: '+49301235'"}, false},
		{[2]string{"secret", "other"}, false},
		{[2]string{"HOST", "192.0.2.8"}, false},
		{[2]string{"transport: UDP", "transport: TCP"}, false},
		{[2]string{"transport: UDP", "transport: UDP\n      port: 5070"}, false},
	} {
		g := newRig(t, trunk(t), 8)
		g.wait(0)
		g.answer(g.one(), 200)
		changes := row.change[:]
		if row.change[0] == "" {
			changes = nil
		}
		same(t, row.change[1], g.Adopt(trunk(t, changes...)), row.want)
	}
}

// TestNEW02_AnyAnswer: whatever a registrar says or does not say, there is a next step, and never a storm of requests.
func TestNEW02_AnyAnswer(t *testing.T) {
	s := digest.Server{Realm: "provider.example", Key: []byte("0123456789abcdef"), Life: time.Minute}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		g := newRig(t, trunk(t), seed)
		up := false
		for sends := 0; g.now.Before(epoch.Add(6 * time.Hour)); {
			if g.Deadline().IsZero() {
				t.Fatalf("seed %d: nothing will happen any more: %+v", seed, g.Status())
			}
			g.wait(time.Hour)
			list, _ := g.sent()
			if sends += len(list); sends > 6*3600 {
				t.Fatalf("seed %d: %d REGISTERs in %v", seed, sends, g.now.Sub(epoch))
			}
			for _, m := range list {
				switch k := r.IntN(8); {
				case k == 0: // lost
				case k == 1:
					g.answer(m, 401+6*r.IntN(2), "WWW-Authenticate: "+s.Challenge(g.now, "call1", r.IntN(2) == 0)[0])
				case k == 2:
					g.answer(m, []int{403, 404, 423, 480, 500, 503, 600, 302, 100, 183}[r.IntN(10)], "Min-Expires: 900", "Retry-After: 5")
				case k == 3:
					g.Failed(g.now, fmt.Sprint("z9hG4bK", g.branch), "connection refused", &g.out)
				default:
					g.answer(m, 200, fmt.Sprint("Expires: ", r.IntN(900)))
				}
			}
			up = up || g.Status().State == Registered
		}
		if !up {
			t.Errorf("seed %d: never registered", seed)
		}
	}
}
