package txn

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/directsip/directsip/internal/sip"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

var (
	udp = sip.Hop{Transport: sip.UDP, Remote: netip.MustParseAddrPort("192.0.2.2:5060")}
	tcp = sip.Hop{Transport: sip.TCP, Remote: netip.MustParseAddrPort("192.0.2.2:5060")}
)

// request builds a request of a peer that follows RFC 3261; edit changes its text.
func request(method string, edit ...string) *sip.Message {
	text := method + " sip:+15551234@b.example SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP a.example:5060;branch=z9hG4bK77a;rport\r\n" +
		"Via: SIP/2.0/UDP first.example;branch=z9hG4bKfirst\r\n" +
		"Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n" +
		"Max-Forwards: 70\r\n" +
		"From: \"A\" <sip:a@a.example>;tag=from1\r\n" +
		"To: <sip:+15551234@b.example>\r\n" +
		"Call-ID: call1@a.example\r\n" +
		"CSeq: 7 " + method + "\r\n" +
		"Content-Length: 0\r\n\r\n"
	text = strings.NewReplacer(edit...).Replace(text)
	m, err := sip.Parse([]byte(text), nil)
	if err != nil {
		panic(fmt.Sprint(err, "\n", text))
	}
	return m
}

func response(req *sip.Message, status int) *sip.Message {
	r := sip.NewResponse(req, status, "")
	r.SetToTag("to1")
	return r
}

// sent reads what was appended to out, and empties it.
func sent(t *testing.T, out *Out) (ms []*sip.Message, again []bool) {
	t.Helper()
	for _, s := range out.Sends {
		m, err := sip.Parse(s.Data, nil)
		if err != nil {
			t.Fatalf("sent %q: %v", s.Data, err)
		}
		if s.CallID != "call1@a.example" || s.Branch == "" || !s.Hop.Remote.IsValid() {
			t.Fatalf("sent without way back: %+v", s)
		}
		ms, again = append(ms, m), append(again, s.Again)
	}
	out.Sends = out.Sends[:0]
	return ms, again
}

// brief is the sent messages as text: method or status, "+" behind a repetition.
func brief(t *testing.T, out *Out) string {
	t.Helper()
	ms, again := sent(t, out)
	var b strings.Builder
	for i, m := range ms {
		if i > 0 {
			b.WriteByte(' ')
		}
		if m.IsRequest() {
			b.WriteString(m.Method)
		} else {
			fmt.Fprint(&b, m.Status)
		}
		if again[i] {
			b.WriteByte('+')
		}
	}
	return b.String()
}

type clock interface {
	Advance(time.Time, *Out) Event
	Deadline() (time.Time, string)
	State() State
}

// run advances a machine from deadline to deadline until the end or the limit, and tells when
// what happened: "500:INVITE+ 32000:TimedOut".
func run(t *testing.T, m clock, limit time.Time, out *Out) string {
	t.Helper()
	var parts []string
	for range 100 {
		d, why := m.Deadline()
		if d.IsZero() || d.After(limit) {
			return strings.Join(parts, " ")
		}
		if why == "" {
			t.Fatalf("deadline without a name in %v", m.State())
		}
		ev := m.Advance(d, out)
		what := brief(t, out)
		if ev != None {
			what += ev.String()
		}
		parts = append(parts, fmt.Sprintf("%d:%s", d.Sub(epoch).Milliseconds(), what))
	}
	t.Fatal("deadlines do not end")
	return ""
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// A call carries several machines for its whole life, so they must stay small.
func TestSize(t *testing.T) {
	for name, size := range map[string]uintptr{
		"InviteClient": unsafe.Sizeof(InviteClient{}), "Client": unsafe.Sizeof(Client{}),
		"InviteServer": unsafe.Sizeof(InviteServer{}), "Server": unsafe.Sizeof(Server{}),
	} {
		t.Logf("%s: %d bytes", name, size)
		if size > 160 {
			t.Errorf("%s has %d bytes, want at most 160", name, size)
		}
	}
}

func TestTimersDefaults(t *testing.T) {
	ms := time.Millisecond
	var none *Timers
	want := Timers{T1: 500 * ms, T2: 4000 * ms, T4: 5000 * ms, B: 32000 * ms, F: 32000 * ms, D: 32000 * ms}
	same(t, "nil", none.Defaults(), want)
	same(t, "scaled by T1", (&Timers{T1: 100 * ms}).Defaults().B, 6400*ms)
	same(t, "own B", (&Timers{B: 10000 * ms}).Defaults().B, 10000*ms)
	same(t, "negative", (&Timers{T1: -1}).Defaults(), want)
}

// aliases tells whether two equal strings share memory.
func aliases(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }

// A call of an hour must not carry the bytes of its first seconds.
func TestBytesAreLetGo(t *testing.T) {
	var c InviteClient
	var s InviteServer
	var out Out
	req := request("INVITE")
	c.Start(epoch, req, udp, nil, &out)
	s.Start(epoch, req, udp, nil)
	c.Receive(at(1), response(req, 200), &out)
	s.Respond(at(1), response(req, 200), &out)
	same(t, "INVITE after its 2xx", len(c.kept.send.Data), 0)
	c.Advance(at(40000), &out)
	s.Advance(at(40000), &out)
	if c.kept != nil || s.kept != nil {
		t.Error("something is kept after the end")
	}
	same(t, "live", c.Live() || s.Live(), false)
	same(t, "hop", s.Hop(), sip.Hop{})
}
