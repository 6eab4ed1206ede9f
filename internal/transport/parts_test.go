package transport

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

func TestRateTable(t *testing.T) {
	r := newRateTable(10, 3)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	take := func(addr netip.Addr, now time.Duration, want int) {
		t.Helper()
		got := 0
		for r.take(addr, now) {
			got++
		}
		if got != want {
			t.Errorf("%s at %s: %d messages, want %d", addr, now, got, want)
		}
	}
	take(a, time.Second, 3) // the burst
	take(b, time.Second, 3) // each source has its own
	take(a, time.Second+100*time.Millisecond, 1)
	take(a, time.Second+350*time.Millisecond, 2) // two and a half
	take(a, time.Second+400*time.Millisecond, 1)
	take(a, time.Hour, 3)
	take(a, time.Minute, 0) // a clock of another reader that is a little behind
	if wait, ok := r.spend(a, time.Hour); ok || wait <= 0 || wait > 100*time.Millisecond {
		t.Errorf("wait %s, %v; want up to 100 ms", wait, ok)
	}
	for i := range 100_000 { // strangers without end take no memory, and push out those silent longest
		if !r.take(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 2*time.Hour) {
			t.Fatal("a new source has no burst")
		}
	}
	take(a, 2*time.Hour, 3)
	if (*rateTable)(nil).take(a, 0) != true || newRateTable(0, 1) != nil {
		t.Error("no rate limits something")
	}
}

func TestSendRing(t *testing.T) {
	r := sendRing{limit: 100}
	next, want := 0, 0
	for step := range 300 {
		for range step % 50 {
			if r.push(Send{CallID: fmt.Sprint(next)}) {
				next++
			} else if r.n != 100 {
				t.Fatalf("full at %d, want at 100", r.n)
			}
		}
		for range step % 37 {
			m, ok := r.pop()
			if !ok {
				break
			}
			if m.CallID != fmt.Sprint(want) {
				t.Fatalf("popped %s, want %d", m.CallID, want)
			}
			want++
		}
	}
	if r.n != next-want {
		t.Errorf("%d left, want %d", r.n, next-want)
	}
}

func TestLogGate(t *testing.T) {
	var g logGate
	for _, tt := range []struct {
		now  time.Duration
		want bool
	}{{time.Second, true}, {time.Second, false}, {time.Second + logGap - 1, false}, {time.Second + logGap, true}} {
		if got := g.open(tt.now); got != tt.want {
			t.Errorf("open at %s: %v", tt.now, got)
		}
	}
}

func TestFailuresAreBounded(t *testing.T) {
	in := &blockedInbox{release: make(chan struct{})}
	f := newFailures(in)
	const total = 3 * maxFailures
	for range total {
		f.add(Send{}, ErrClosed)
	}
	close(in.release)
	f.close()
	if lost := f.lost.Load(); lost < maxFailures || int(lost)+in.n != total { // one list waits, one is being delivered
		t.Errorf("%d delivered, %d lost of %d", in.n, lost, total)
	}
	f.add(Send{}, ErrClosed) // after the end: lost, no panic
}

// blockedInbox is a Handler whose Failed waits, against its contract.
type blockedInbox struct {
	inbox

	release chan struct{}
	n       int
}

func (b *blockedInbox) Failed(string, string, sip.Hop, error) {
	<-b.release
	b.n++
}

func TestSetRate(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	a := netip.MustParseAddr("192.0.2.1")
	spend := func() (k int) {
		for k < 1000 && n.rate.Load().take(a, n.now()+1) {
			k++
		}
		return k
	}
	if got := spend(); got != 1000 {
		t.Errorf("without a limit %d messages pass", got)
	}
	n.SetRate(10)
	if got := spend(); got < 20 || got > 40 {
		t.Errorf("with 10 a second %d messages pass at once, want twice as many", got)
	}
	n.SetRate(10) // no fresh burst
	if got := spend(); got > 10 {
		t.Errorf("after the same limit %d messages pass at once", got)
	}
	n.SetRate(0)
	if got := spend(); got != 1000 {
		t.Errorf("when the limit is gone %d messages pass", got)
	}
}
