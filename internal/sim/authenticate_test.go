package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// askers is the document with UC platforms that must give a password when they call.
var askers = []string{
	"host: 198.51.100.1, root: {transport: UDP,", "host: 198.51.100.1, root: {transport: UDP, authenticate: {},",
	"host: 198.51.100.2, root: {transport: TCP,", "host: 198.51.100.2, root: {transport: TCP, authenticate: {user: directsip, password: secret, algorithms: [MD5], qop: auth-int},",
}

var asked = strings.NewReplacer(askers...).Replace(Document)

func asking(t testing.TB) *topology.Snapshot {
	t.Helper()
	snap, err := Compile(asked)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// authenticateStories are calls whose peers must give a password (RFC 3261 §22.1).
func authenticateStories() []story {
	up := Caller{Manner: hangUp}
	wrong := up
	wrong.Login.Wrong = 2
	locked := up
	locked.Login.None = true
	with := func(s story) story {
		s.changes = askers
		return s
	}
	fromTCP := one1("authenticate-tcp", "The trunk of a peer by TCP asks for MD5 and the body (auth-int)", "normal-clearing", 200, up, at(answers, "gwa"))
	fromTCP.calls[0].From = "ucb"
	return []story{
		with(one1("authenticate", "The caller's trunk asks for the password of the INVITE, and of nothing within the call", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{2 * second, Info}, Action{3 * second, Bye})}, at(answers, "gwa"))),
		with(one1("authenticate-wrong", "A wrong password is asked for again, and nothing is kept of the INVITE", "normal-clearing", 200, wrong, at(answers, "gwa"))),
		with(fromTCP),
		with(to("112", one1("authenticate-emergency", "NEW-18: an emergency call needs no password", "normal-clearing", 200, locked, at(answers, "gwa")))),
		with(one1("authenticate-both", "NEW-02: both trunks ask for a password, each its own side", "normal-clearing", 200, up, at(asks(407, answers), "gwa"))),
	}
}

// TestRFC3261_22_PasswordIsGuessed: who has no password gets nothing kept, and who guesses is locked out, while others call.
func TestRFC3261_22_PasswordIsGuessed(t *testing.T) {
	w := New(7, asking(t))
	for i := range 8 {
		c := plain(Caller{Manner: hangUp, Login: Login{Wrong: 99}}, at(answers, "gwa"))
		c.Start = time.Duration(i) * second
		w.Call(c)
	}
	right := plain(Caller{Manner: hangUp}, at(answers, "gwa"))
	right.Start = 10 * second // within the minute: refused
	w.Call(right)
	other := right
	other.From = "ucb"
	w.Call(other)
	late := right
	late.Start = 70 * second
	w.Call(late)
	w.Run(20 * time.Minute)
	for _, f := range w.Failures() {
		t.Error(f)
	}
	c := w.Nodes[0].Core().Counts()
	if c.WrongPassword != 10 || c.Authenticated != 2 || c.Locked == 0 || c.Calls != 2 || len(w.Nodes[0].Records) != 2 {
		t.Errorf("%+v, %d records", c, len(w.Nodes[0].Records))
	}
	text := w.Trace.String()
	if n := strings.Count(text, "403 (INVITE)"); n != int(c.Locked) {
		t.Errorf("%d INVITEs were refused, %d counted\n%s", n, c.Locked, text)
	}
}

// TestOPTIONSNeedNoPassword: some peers take a trunk for dead whose OPTIONS are not answered with 200.
func TestOPTIONSNeedNoPassword(t *testing.T) {
	w := New(7, asking(t))
	h := w.Host("uca")
	p := h.party(&Scenario{Name: "probe"}, h.token(), Manner{})
	p.to = sip.Hop{Transport: sip.UDP, Local: h.listen(), Remote: w.Nodes[0].netAddr(5060)}
	p.target, p.local, p.remote = "sip:192.0.2.11", "<sip:198.51.100.1>", "<sip:192.0.2.11>"
	status := 0
	p.send(p.message("OPTIONS", 1), func(m *sip.Message) {
		if m != nil {
			status = m.Status
		}
		p.end()
	})
	w.Run(time.Minute)
	if status != 200 {
		t.Errorf("OPTIONS were answered with %d", status)
	}
}

// TestAuthenticatedMix is TestTenThousandCalls with callers who are asked for a password, some of whom do not know it.
func TestAuthenticatedMix(t *testing.T) {
	t.Parallel()
	challenged, authenticated := uint64(0), uint64(0)
	mixes(t, asked, 20, func(w *World) {
		for _, n := range w.Nodes {
			for _, s := range n.shards {
				c := s.core.Counts()
				challenged += c.Challenged
				authenticated += c.Authenticated
				if c.Authenticated > c.Challenged {
					t.Errorf("seed %d: %+v", w.Seed, c)
				}
			}
		}
	})
	if authenticated == 0 || challenged < authenticated {
		t.Errorf("%d challenges, %d with the password", challenged, authenticated)
	}
}
