package txn

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/sip"
)

// channel is a network in virtual time that loses, doubles, delays and reorders.
type channel struct {
	rnd       *rand.Rand
	loss, dup float64
	delay     time.Duration // up to
	queue     packets
}

type packet struct {
	at     time.Time
	toPeer bool // to the server side
	data   []byte
}

type packets []packet

func (p packets) Len() int           { return len(p) }
func (p packets) Less(i, j int) bool { return p[i].at.Before(p[j].at) }
func (p packets) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)        { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

func (c *channel) carry(now time.Time, out *Out, toPeer bool) {
	for _, s := range out.Sends {
		copies := 1
		if c.rnd.Float64() < c.dup {
			copies = 2
		}
		for range copies {
			if c.rnd.Float64() < c.loss {
				continue
			}
			d := time.Duration(c.rnd.Int64N(int64(c.delay) + 1))
			heap.Push(&c.queue, packet{now.Add(d), toPeer, s.Data})
		}
	}
	out.Sends = out.Sends[:0]
}

// side is one end: its machine, and what its user does.
type side interface {
	deadline() time.Time
	advance(now time.Time, out *Out)
	receive(now time.Time, m *sip.Message, out *Out)
}

// play runs both sides until nothing is left to happen.
func play(t *rapid.T, c *channel, client, server side, out *Out) time.Time {
	now := epoch
	c.carry(now, out, true)
	for range 10000 {
		next, who := time.Time{}, 0
		consider := func(d time.Time, w int) {
			if !d.IsZero() && (next.IsZero() || d.Before(next)) {
				next, who = d, w
			}
		}
		if len(c.queue) > 0 {
			consider(c.queue[0].at, 1)
		}
		consider(client.deadline(), 2)
		consider(server.deadline(), 3)
		if who == 0 {
			return now
		}
		now = next
		switch who {
		case 1:
			p := heap.Pop(&c.queue).(packet)
			m, err := sip.Parse(p.data, nil)
			if err != nil {
				t.Fatal(err)
			}
			if p.toPeer {
				server.receive(now, m, out)
			} else {
				client.receive(now, m, out)
			}
			c.carry(now, out, !p.toPeer)
		case 2:
			client.advance(now, out)
			c.carry(now, out, true)
		case 3:
			server.advance(now, out)
			c.carry(now, out, false)
		}
	}
	t.Fatal("stuck: still busy after 10000 steps")
	return now
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// inviter is the user of an INVITE client; it has timer C.
type inviter struct {
	t       *rapid.T
	c       InviteClient
	timerC  time.Time
	results []int // final status, 0 for a time-out
}

func (u *inviter) deadline() time.Time {
	d, _ := u.c.Deadline()
	return earlier(d, u.timerC)
}

func (u *inviter) result(status int) {
	u.results = append(u.results, status)
	u.timerC = time.Time{}
}

func (u *inviter) advance(now time.Time, out *Out) {
	if due(u.timerC, now) {
		u.c.Fail(now, out)
		u.result(0)
	}
	if u.c.Advance(now, out) == TimedOut {
		u.result(0)
	}
}

func (u *inviter) receive(now time.Time, m *sip.Message, out *Out) {
	if !u.c.Matches(m) || !u.c.Receive(now, m, out) {
		return
	}
	switch {
	case m.Status < 200:
		u.timerC = now.Add(180 * time.Second)
		return
	case m.Status < 300:
		ack := request("ACK", "z9hG4bK77a", "z9hG4bKack")
		out.Sends = append(out.Sends, Send{Data: ack.Append(nil)})
		if len(u.results) > 0 && u.results[0] == m.Status {
			return // repeated 2xx, ACK repeated
		}
	}
	u.result(m.Status)
}

// invited is the user of an INVITE server: 100 at once, 180, a final response, repeated 2xx.
type invited struct {
	t       *rapid.T
	s       InviteServer
	req     *sip.Message
	final   int
	ringAt  time.Duration
	finalAt time.Duration
	ring    time.Time
	answer  time.Time
	again   time.Time
	step    time.Duration
	ends    int
}

func (u *invited) deadline() time.Time {
	d, _ := u.s.Deadline()
	return earlier(earlier(d, u.ring), earlier(u.answer, u.again))
}

func (u *invited) advance(now time.Time, out *Out) {
	if due(u.ring, now) {
		u.ring = time.Time{}
		u.s.Respond(now, response(u.req, 180), out)
	}
	if due(u.answer, now) {
		u.answer, u.ring = time.Time{}, time.Time{}
		u.s.Respond(now, response(u.req, u.final), out)
		if u.final < 300 {
			u.step, u.again = 500*time.Millisecond, now.Add(500*time.Millisecond)
		}
	}
	if due(u.again, now) {
		u.step = min(2*u.step, 4*time.Second)
		u.again = now.Add(u.step)
		u.s.Repeat(out)
	}
	if u.s.Advance(now, out) != None {
		u.ends++
		u.again = time.Time{}
	}
}

func (u *invited) receive(now time.Time, m *sip.Message, out *Out) {
	switch {
	case u.s.State() == Idle && m.Method == "INVITE":
		u.req = m
		u.s.Start(now, m, udp, nil)
		u.s.Respond(now, response(m, 100), out)
		u.ring, u.answer = now.Add(u.ringAt), now.Add(u.finalAt)
	case u.s.State() == Terminated:
	case u.s.Matches(m):
		if u.s.Receive(now, m, out) {
			u.t.Fatalf("%s up", m.Method)
		}
	case m.Method == "ACK": // of a 2xx: its branch is its own
		u.again = time.Time{}
	}
}

func drawChannel(t *rapid.T) *channel {
	return &channel{
		rnd:   rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)),
		loss:  float64(rapid.IntRange(0, 60).Draw(t, "loss %")) / 100,
		dup:   float64(rapid.IntRange(0, 30).Draw(t, "dup %")) / 100,
		delay: time.Duration(rapid.IntRange(0, 3000).Draw(t, "delay ms")) * time.Millisecond,
	}
}

func TestLossyInvite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ch := drawChannel(t)
		final := rapid.SampledFrom([]int{200, 302, 486, 503, 603}).Draw(t, "final")
		client := &inviter{t: t}
		server := &invited{
			t: t, final: final,
			ringAt:  time.Duration(rapid.IntRange(0, 5000).Draw(t, "ring ms")) * time.Millisecond,
			finalAt: time.Duration(rapid.IntRange(0, 40000).Draw(t, "final ms")) * time.Millisecond,
		}
		var out Out
		client.c.Start(epoch, request("INVITE"), udp, nil, &out)
		play(t, ch, client, server, &out)

		if client.c.State() != Terminated || len(client.results) != 1 {
			t.Fatalf("client: %v, results %v, want Terminated and one", client.c.State(), client.results)
		}
		if s := server.s.State(); s != Terminated && s != Idle || server.ends > 1 {
			t.Fatalf("server: %v after %d ends", s, server.ends)
		}
		if got := client.results[0]; got != final && (got != 0 || ch.loss == 0) {
			t.Fatalf("result %d, server said %d, loss %v", got, final, ch.loss)
		}
	})
}

// requester and responder are the users of the non-INVITE machines.
type requester struct {
	c       Client
	results []int
}

func (u *requester) deadline() time.Time {
	d, _ := u.c.Deadline()
	return d
}

func (u *requester) advance(now time.Time, out *Out) {
	if u.c.Advance(now, out) == TimedOut {
		u.results = append(u.results, 0)
	}
}

func (u *requester) receive(now time.Time, m *sip.Message, out *Out) {
	if u.c.Matches(m) && u.c.Receive(now, m, out) && m.Status >= 200 {
		u.results = append(u.results, m.Status)
	}
}

type responder struct {
	s       Server
	req     *sip.Message
	starts  int
	finalAt time.Duration
	answer  time.Time
}

func (u *responder) deadline() time.Time {
	d, _ := u.s.Deadline()
	return earlier(d, u.answer)
}

func (u *responder) advance(now time.Time, out *Out) {
	if due(u.answer, now) {
		u.answer = time.Time{}
		u.s.Respond(now, response(u.req, 200), out)
	}
	u.s.Advance(now, out)
}

func (u *responder) receive(now time.Time, m *sip.Message, out *Out) {
	switch {
	case u.s.State() == Idle:
		u.starts++
		u.req = m
		u.s.Start(now, m, udp, nil)
		u.answer = now.Add(u.finalAt)
		if u.finalAt > time.Second {
			u.s.Respond(now, response(m, 100), out)
		}
	case u.s.Matches(m):
		u.s.Receive(now, m, out)
	}
}

func TestLossyNonInvite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ch := drawChannel(t)
		client := &requester{}
		server := &responder{finalAt: time.Duration(rapid.IntRange(0, 5000).Draw(t, "final ms")) * time.Millisecond}
		var out Out
		client.c.Start(epoch, request("UPDATE"), udp, nil, &out)
		end := play(t, ch, client, server, &out)

		if client.c.State() != Terminated || len(client.results) != 1 {
			t.Fatalf("client: %v, results %v, want Terminated and one", client.c.State(), client.results)
		}
		if s := server.s.State(); s != Terminated && s != Idle || server.starts > 1 {
			t.Fatalf("server: %v after %d starts", s, server.starts)
		}
		if ch.loss == 0 && client.results[0] != 200 {
			t.Fatalf("result %v without loss", client.results)
		}
		if end.Sub(epoch) > 80*time.Second {
			t.Fatalf("took %v", end.Sub(epoch))
		}
	})
}
