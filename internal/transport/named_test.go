package transport

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// door is where connections are taken and closed at once; the function tells how many.
func door(t *testing.T) (at netip.AddrPort, knocks func() int) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return addrPort(ln.Addr()), func() int { return int(n.Load()) }
}

// A name leads to few addresses, each once, then to where the peer was met, and all that waits for the connection fails with it.
func TestNameLeadsToFewDoors(t *testing.T) {
	for name, again := range map[string]bool{"met elsewhere": false, "met at one of them": true} {
		t.Run(name, func(t *testing.T) {
			var found []netip.AddrPort
			var knocks []func() int
			for range 3 * maxReached {
				at, n := door(t)
				found, knocks = append(found, at), append(knocks, n)
			}
			met, atMet := door(t)
			want := maxReached + 1
			if again {
				met, atMet, want = found[1], func() int { return 0 }, maxReached
			}
			asked, sent := atomic.Int32{}, make(chan struct{}) // both, before the first address can fail
			ca := newAuthority(t, "ca")
			n := newNode(t, Config{Find: func(_ context.Context, h *sip.Hop) ([]netip.AddrPort, string) {
				asked.Add(1)
				<-sent
				return found, h.Name
			}}, ca.issue(t, t.TempDir(), "a.example.com"))
			h := hop(sip.TLS, n.addr(t, sip.TLS), met)
			h.Name, h.Host, h.Port = "b.example.com", "node.example.com", 5061
			n.Send(append(one(h, "a"), one(h, "b")...))
			close(sent)
			n.failure(t)
			n.failure(t)
			total := atMet()
			for _, k := range knocks {
				if k() > 1 {
					t.Error("an address was tried twice")
				}
				total += k()
			}
			if total != want || asked.Load() != 1 {
				t.Errorf("%d addresses were tried, want %d; DNS was asked %d times", total, want, asked.Load())
			}
		})
	}
}

// Whoever was not there comes last the next time, and one connection serves all who name the host.
func TestNameIsDialledOnce(t *testing.T) {
	b := newNode(t, Config{}, tcp4)
	gone, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := addrPort(gone.Addr())
	gone.Close()
	n := newNode(t, Config{Find: func(context.Context, *sip.Hop) ([]netip.AddrPort, string) {
		return []netip.AddrPort{nobody, b.addr(t, sip.TCP)}, ""
	}}, tcp4)
	h := hop(sip.TCP, n.addr(t, sip.TCP), nobody)
	h.Host = "node.example.com"
	n.Send(one(h, "a"))
	first := b.next(t)
	n.Send(one(h, "b"))
	if second := b.next(t); second.src.Flow != first.src.Flow {
		t.Error("a second connection")
	}
	if !n.absent.has(n.now(), nobody) {
		t.Error("that nobody was there is not remembered")
	}
	if dialled := n.Stats().Dialled; dialled != 1 {
		t.Errorf("%d connections", dialled)
	}
}
