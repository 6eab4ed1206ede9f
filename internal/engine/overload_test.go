package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

func replace(s, old, new string) string { return strings.ReplaceAll(s, old, new) }

func TestAdmitBySizeOfTheMailbox(t *testing.T) {
	r := newRig(t, basic)
	for _, c := range []struct {
		what                string
		low, soft, hard     admission
		transport           sip.Transport
		method, number, tag string
		status              int
	}{
		{"new call over UDP", take, drop, drop, sip.UDP, "INVITE", "+14255550101", "", 0},
		{"new call over TCP", take, refuse, drop, sip.TCP, "INVITE", "+14255550101", "", 0},
		{"emergency call", take, take, drop, sip.TCP, "INVITE", "112", "", 0},
		{"re-INVITE", take, take, drop, sip.UDP, "INVITE", "+14255550101", ";tag=x", 0},
		{"OPTIONS", take, drop, drop, sip.UDP, "OPTIONS", "+14255550101", "", 0},
		{"MESSAGE", take, drop, drop, sip.TCP, "MESSAGE", "+14255550101", "", 0},
		{"ACK", take, take, drop, sip.UDP, "ACK", "+14255550101", "", 0},
		{"BYE", take, take, drop, sip.UDP, "BYE", "+14255550101", ";tag=x", 0},
		{"CANCEL", take, take, drop, sip.UDP, "CANCEL", "+14255550101", "", 0},
		{"INFO in a call", take, take, drop, sip.UDP, "INFO", "+14255550101", ";tag=x", 0},
		{"response", take, take, drop, sip.UDP, "OPTIONS", "+14255550101", "", 200},
	} {
		data := string(r.request(c.method, c.number, "c1"))
		data = replace(data, "To: <sip:"+c.number+"@"+r.net+"1>", "To: <sip:"+c.number+"@"+r.net+"1>"+c.tag)
		m, err := sip.Parse([]byte(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.status != 0 {
			m = sip.NewResponse(m, c.status, "")
		}
		src := r.source("2", c.transport)
		for _, x := range []struct {
			depth int32
			bytes int64
			want  admission
		}{{0, 0, c.low}, {softDepth - 1, 0, c.low}, {softDepth, 0, c.soft}, {1, softBytes, c.soft}, {hardDepth, 0, c.hard}, {1, hardBytes, c.hard}} {
			box := newMailbox()
			box.depth.Store(x.depth)
			box.bytes.Store(x.bytes)
			if got := r.admit(box, src, m); got != x.want {
				t.Errorf("%s at %d messages of %d octets: %d, want %d", c.what, x.depth, x.bytes, got, x.want)
			}
		}
	}
}

// TestOverloadShedsNewCallsOnly has a shard that is behind refuse new calls, and nothing else.
func TestOverloadShedsNewCallsOnly(t *testing.T) {
	r := newRig(t, basic)
	r.invite("+14255550101", "running")
	r.Flush()
	r.wire.wait(t, "INVITE", 1)

	release := r.block(0)
	const n = 40
	for i := range n {
		r.invite("+14255550101", fmt.Sprint("new", i))
	}
	r.invite("+14255550101", "running") // its repetition
	r.invite("112", "help")
	r.Packet(r.source("2", sip.UDP), r.request("OPTIONS", "x", "ping"))
	r.cfg.MaxLag = time.Nanosecond // all of them have waited longer
	release()
	r.Flush()

	r.wire.wait(t, "503 INVITE", n)
	r.wire.wait(t, "INVITE", 2)
	r.wire.wait(t, "200 OPTIONS", 1)
	r.quiesce()
	if got := r.wire.count("503 INVITE"); got != n {
		t.Errorf("%d calls were refused, want %d: not the one that runs, and not the emergency call", got, n)
	}
	c := r.Counters()
	if c.Shed != n || c.Calls != 2 || c.Dropped != 0 {
		t.Errorf("counters %+v", c)
	}
	for _, m := range r.wire.sent {
		if m.Status == 503 && (m.Get(sip.IDRetryAfter) != "1" || m.ToTag() == "") { // overload is over in less than a second, and who heeds this sends nothing meanwhile
			t.Fatalf("a refusal without Retry-After of a second, or To tag:\n%s", m.Append(nil))
		}
	}
	release = r.block(0)
	r.cfg.MaxLag = time.Minute
	r.invite("+14255550101", "later")                                                                                                       // nothing has waited that long
	r.invite("+14255550101", "new7")                                                                                                        // repeated before its refusal was there: its caller has gone elsewhere
	r.Packet(r.source("2", sip.UDP), bytes.ReplaceAll(r.request("INVITE", "+14255550101", "new8"), []byte("CSeq: 1 "), []byte("CSeq: 2 "))) // comes again
	release()
	r.Flush()
	r.wire.wait(t, "INVITE", 4)
	r.quiesce()
	if got := r.wire.count("503 INVITE"); got != n+1 {
		t.Errorf("%d refusals, want one more than %d: of the INVITE that was repeated", got, n)
	}
	if c := r.Counters(); c.Calls != 4 {
		t.Errorf("%d calls were begun, want 4", c.Calls)
	}
}

// TestRefusalsAreForgotten when they are too old, and before that when they are too many.
func TestRefusalsAreForgotten(t *testing.T) {
	var r refusals
	now := time.Now()
	at := func(d time.Duration, key uint64, want bool) {
		t.Helper()
		if got := r.has(now.Add(d), key); got != want {
			t.Errorf("%d after %v: %v", key, d, got)
		}
	}
	at(0, 1, false)
	r.add(now, 1)
	r.add(now.Add(refusedFor-1), 2)
	at(refusedFor, 1, true)
	at(2*refusedFor-2, 2, true)
	at(2*refusedFor, 1, false)
	at(2*refusedFor, 2, false)
	if !r.empty() {
		t.Errorf("%d and %d are remembered", len(r.young), len(r.old))
	}
	r.add(now.Add(2*refusedFor), 3)
	at(4*refusedFor, 3, false)
	for i := range uint64(10 * refusedMost) {
		r.add(now.Add(4*refusedFor), i)
	}
	if n := len(r.young) + len(r.old); n < refusedMost || n > 2*refusedMost {
		t.Errorf("%d are remembered", n)
	}
	at(4*refusedFor, 10*refusedMost-1, true)
	at(4*refusedFor, 9*refusedMost, true)
	at(4*refusedFor, 8*refusedMost-1, false)
}

func TestShortPauseIsNoOverload(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.MaxLag = time.Nanosecond }) // every message waits longer
	release := r.block(0)                                                 // the pause
	for i := range minDepth / 2 {
		r.invite("+14255550101", fmt.Sprint("c", i))
	}
	release()
	r.Flush()
	r.wire.wait(t, "INVITE", minDepth/2)
	if c := r.Counters(); c.Shed != 0 {
		t.Errorf("%d calls were refused after a pause", c.Shed)
	}
}

func TestSheddingEndsAtHalfTheLag(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.MaxLag = 20 * time.Millisecond })
	release := r.block(0)
	defer release()
	s := r.shards[0]
	m, err := sip.Parse(r.request("INVITE", "+14255550101", "c1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.box.depth.Add(100)
	defer s.box.depth.Add(-100)
	for i, x := range []struct {
		wait time.Duration
		want bool
	}{{0, false}, {19, false}, {21, true}, {15, true}, {11, true}, {10, false}, {15, false}, {20, false}, {21, true}, {0, false}} {
		if got := s.overloaded(x.wait*time.Millisecond, m); got != x.want {
			t.Errorf("step %d, waited %d ms: %v, want %v", i, x.wait, got, x.want)
		}
	}
}

func TestMailboxCountsWhatIsUnderWay(t *testing.T) {
	b := newMailbox()
	for range 3 {
		b.put(input{size: 100})
	}
	q := b.take()
	if len(q) != 3 || b.depth.Load() != 3 || b.bytes.Load() != 300 {
		t.Fatalf("taken %d, depth %d, octets %d", len(q), b.depth.Load(), b.bytes.Load())
	}
	b.put(input{size: 7})
	for i := range q {
		b.done(&q[i])
	}
	if b.depth.Load() != 1 || b.bytes.Load() != 7 {
		t.Fatalf("depth %d, octets %d after the work", b.depth.Load(), b.bytes.Load())
	}
	if q = b.take(); len(q) != 1 || q[0].size != 7 {
		t.Fatalf("second take: %+v", q)
	}
	if len(b.take()) != 0 {
		t.Error("an empty mailbox gives something out")
	}
}

// TestRetryAfterIsOfTheWholeServer: who is asked to come later makes no call at all until then (RFC 3261 §21.5.4). So a call that one target has no room for is
// refused without that, and one that came too fast, or when the server was full, may come again after a second: a pause keeps emergency calls away, too.
func TestRetryAfterIsOfTheWholeServer(t *testing.T) {
	for name, c := range map[string]struct{ old, limit, want string }{
		"the caller's trunk":      {"trunk:pbx: {", "trunk:pbx: {maxCPS: 1, ", "1"},
		"the server":              {"addresses: ", "maxCPS: 1, addresses: ", "1"},
		"calls of the server":     {"addresses: ", "maxCalls: 1, addresses: ", "1"},
		"the target's trunk":      {"trunk:pbx: {", "trunk:gw: {maxCPS: 1, options: false}\n  trunk:pbx: {", ""},
		"calls of the target":     {"trunk:pbx: {", "trunk:gw: {maxCalls: 1, options: false}\n  trunk:pbx: {", ""},
		"a target that has asked": {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, strings.Replace(basic, c.old, c.limit, 1))
			if c.old == "" {
				r.board.Pause(r.Snapshot().TrunkByName("gw"), time.Now().Add(time.Hour))
			} else {
				r.invite("+14255550101", "first")
			}
			r.invite("+14255550101", "second")
			r.Flush()
			r.wire.wait(t, "503 INVITE", 1)
			r.wire.mu.Lock()
			defer r.wire.mu.Unlock()
			for _, m := range r.wire.sent {
				if m.Status == 503 && m.Get(sip.IDRetryAfter) != c.want {
					t.Errorf("Retry-After: %s, want %s\n%s", m.Get(sip.IDRetryAfter), c.want, m.Append(nil))
				}
			}
		})
	}
}
