package e2e

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

// means is what calls take of a server.
type means struct {
	calls, sessions, goroutines int
	ports                       int // free pairs
	sockets, files              int // descriptors
}

func (s *server) means() means {
	s.t.Helper()
	n := s.samples()
	m := means{calls: int(n["directsip_calls"]), sessions: int(n[`directsip_media{what="sessions"}`]), goroutines: int(n["go_goroutines"]), ports: int(n["directsip_media_ports_free"])}
	dir := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range list {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			m.sockets++
		} else if err == nil { // not closed since it was listed
			m.files++
		}
	}
	return m
}

// quiet is means with the median of the goroutines of some samples: the registry of metrics collects with more or fewer of them, as it happens, while
// they are counted.
func (s *server) quiet() means {
	s.t.Helper()
	m := s.means()
	list := []int{m.goroutines}
	for len(list) < 15 {
		m = s.means()
		list = append(list, m.goroutines)
	}
	slices.Sort(list)
	m.goroutines = list[len(list)/2]
	return m
}

// liveHeap is what a collection found to be in use, in octets; being asked so often brings it about. It is the third, because the
// first two leave what was pooled.
func (s *server) liveHeap() (octets int) {
	s.t.Helper()
	const count = "go_gc_duration_seconds_count"
	begin := s.samples()[count]
	until(s.t, "three collections", func() bool {
		m := s.samples()
		octets = int(m["go_gc_heap_live_bytes"])
		return m[count] >= begin+3
	})
	return octets
}

// samples are the metrics by name and labels, asked for as they are: a packer would show in what they say of the heap.
func (s *server) samples() map[string]float64 {
	s.t.Helper()
	req, err := http.NewRequest("GET", "http://"+s.metrics+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	m := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if i := strings.LastIndexByte(lines.Text(), ' '); i > 0 && lines.Text()[0] != '#' {
			if m[lines.Text()[:i]], err = strconv.ParseFloat(lines.Text()[i+1:], 64); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return m
}

// ways are calls that end in different ways, from the PBX to two gateways or back.
type ways struct {
	t             *testing.T
	l             *lab
	ctx           context.Context
	pbx, gw1, gw2 *siptest.Agent
	stranger      *net.UDPConn
	disturbed     chan *siptest.Call // at its callee
}

// way is one of them: who calls which number, what the caller does, and the reason in the record.
type way struct {
	name, number string
	from         *siptest.Agent
	do           func(c *siptest.Call) error
	reason       string
}

// newWays opens the peers. None of them sends media: what matters is what the server keeps.
func newWays(l *lab) *ways {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 2*timeout)
	l.t.Cleanup(cancel)
	w := &ways{t: l.t, l: l, ctx: ctx, stranger: l.rtp(l.ip(9)), disturbed: make(chan *siptest.Call, 1)}
	for i, a := range []**siptest.Agent{&w.pbx, &w.gw1, &w.gw2} {
		agent, err := siptest.NewAgent(siptest.Config{Name: []string{"pbx", "gw1", "gw2"}[i], Listen: l.ip(2+i) + ":5060", NoMedia: true})
		if err != nil {
			l.t.Fatal(err)
		}
		l.t.Cleanup(func() { agent.Close() })
		*a = agent
	}
	for _, gw := range []*siptest.Agent{w.gw1, w.gw2} { // the first may be down for what it refuses: then the second is asked first
		gw.AnswerUser("+14255550102", siptest.OK(), siptest.HangupAfter(0))
		gw.AnswerUser("+14255550103", siptest.RingForever())
		gw.AnswerUser("+14255550104", siptest.Reject(486))
		gw.AnswerUser("+14255550107", siptest.Custom(func(c *siptest.Call) bool { w.disturbed <- c; return true }), siptest.OK())
	}
	w.gw1.AnswerUser("+14255550105", siptest.Reject(503))
	w.gw1.AnswerUser("+14255550106", siptest.Silent())
	w.pbx.Answer(siptest.OK(), siptest.Until(siptest.Acked), siptest.Vanish())
	return w
}

// quick are the ways that take no timer. The gateway's part is in newWays.
func (w *ways) quick() []way {
	return []way{
		{"the caller hangs up", "+14255550101", w.pbx, w.hangUp, "normal-clearing"},
		{"the callee hangs up", "+14255550102", w.pbx, w.end, "normal-clearing"},
		{"cancelled", "+14255550103", w.pbx, func(c *siptest.Call) error {
			if err := c.Wait(w.ctx, siptest.Ringing); err != nil {
				return err
			}
			c.Cancel()
			return w.end(c)
		}, "caller-cancelled"},
		{"refused by the callee", "+14255550104", w.pbx, w.end, "busy"},
		{"failed over", "+14255550105", w.pbx, w.hangUp, "normal-clearing"},
		{"refused by the server", "+33155550100", w.pbx, w.end, "no-route"},
	}
}

// slow are those that wait for the server to notice a silence.
func (w *ways) slow() []way {
	return []way{
		{"the first gateway says nothing", "+14255550106", w.pbx, w.hangUp, "normal-clearing"},
		{"the callee vanishes", "+493055550100", w.gw1, w.end, "media-dead"},
	}
}

// disturb is a way of its own: media of a stranger comes to both ports of the call.
func (w *ways) disturb() way {
	return way{"media of a stranger", "+14255550107", w.pbx, func(c *siptest.Call) error {
		if err := c.Wait(w.ctx, siptest.Answered); err != nil {
			return err
		}
		callee := <-w.disturbed
		for _, m := range []string{string(c.Response().Append(nil)), string(callee.Invite().Append(nil))} {
			for i := range 10 {
				w.stranger.WriteToUDP(packet(uint16(i), 0xdead, "bad"), where(w.t, m))
			}
		}
		return w.hangUp(c)
	}, "normal-clearing"}
}

func (w *ways) hangUp(c *siptest.Call) error {
	if err := c.Wait(w.ctx, siptest.Answered); err != nil {
		return err
	}
	c.Hangup()
	return w.end(c)
}

func (w *ways) end(c *siptest.Call) error { return c.Wait(w.ctx, siptest.Ended) }

// call makes one call. One that a busy machine makes the server refuse before it exists is made again.
func (w *ways) call(v way) {
	for {
		c, err := v.from.Dial(w.ctx, w.l.ip(1)+":5060", "sip:"+v.number+"@"+w.l.ip(1))
		if err == nil {
			if err = v.do(c); c.Status() == 503 && w.ctx.Err() == nil {
				continue
			}
		}
		if err != nil {
			w.t.Errorf("%s: %v", v.name, err)
		}
		return
	}
}

// close makes the peers vanish for good.
func (w *ways) close() {
	w.t.Helper()
	for _, a := range []*siptest.Agent{w.pbx, w.gw1, w.gw2} {
		for _, v := range a.Violations() {
			w.t.Errorf("violation seen by %s", v)
		}
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// After hundreds of calls that ended in every way the server is what it was before: when the last transaction has run out no call,
// goroutine, descriptor or port is left of them, and no memory.
func TestNothingLeaks(t *testing.T) {
	const rounds = 60
	// heapRoom is less than what the calls would take if each left 2 kB behind. Maps keep the size that they once had.
	const heapRoom = 1 << 20
	l := newLab(t)
	s := &server{lab: l, name: "med1.test", metrics: l.ip(1) + ":9090", prefix: []string{"env", "GOGC=100"}} // collects often
	s.setUp(t, l.document("UDP", "mediaTimeout: 5s"))
	s.start()
	sockets := s.means().sockets
	first := l.talk("first", "+14255550100") // opens what stays open, and makes what is made once
	first.hangUp()
	first.b.udp.Close()
	s.records(1)
	until(t, "the first call's sockets closed", func() bool { return s.means().sockets == sockets })
	before, heap := s.quiet(), s.liveHeap()
	w := newWays(l)
	want := map[string]int{"normal-clearing": 2} // the first and the last
	var slow sync.WaitGroup
	for range rounds {
		var quick sync.WaitGroup
		for _, v := range w.quick() {
			want[v.reason]++
			quick.Go(func() { w.call(v) })
		}
		for _, v := range w.slow() {
			want[v.reason]++
			slow.Go(func() { w.call(v) })
		}
		v := w.disturb()
		want[v.reason]++
		w.call(v)
		quick.Wait()
	}
	slow.Wait()
	s.waitLive(0)
	w.close()

	// The last call outlives all others: when the server does not know its BYE any more (timer J, RFC 3261 §17.2.2), it knows nothing.
	last := l.talk("last", "+14255550100")
	last.hangUp()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(3 * timeout)
	for known := true; known; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the BYE of the last call is still known")
		}
		last.a.send(last.a.bye(last.answer))
		known = !strings.HasPrefix(last.a.next(time.Second), "SIP/2.0 481 ")
	}

	got := map[string]int{}
	for _, r := range s.records(rounds*9 + 2) {
		got[r.Reason]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("the calls ended as %v, want %v", got, want)
	}
	after := s.quiet()
	for deadline = time.Now().Add(timeout); after != before && time.Now().Before(deadline); after = s.quiet() {
		<-tick.C
	}
	if after != before {
		t.Errorf("%+v before the calls, %+v after", before, after)
	}
	left := s.liveHeap() - heap
	t.Logf("%d calls; live heap %d octets before, %+d after", rounds*9+2, heap, left)
	if left > heapRoom {
		t.Errorf("the live heap is %d octets larger than before", left)
	}
}
