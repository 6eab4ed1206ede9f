package transport

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// Many shards send at once: nothing is lost, and each sees its own messages in order.
func TestConcurrentSenders(t *testing.T) {
	for _, tr := range []sip.Transport{sip.UDP, sip.TCP} {
		t.Run(tr.String(), func(t *testing.T) {
			spec := ListenSpec{Transport: tr, Addr: loop4}
			lim := Limits{UDPQueue: 1 << 14, WriteQueueBytes: 16 << 20}
			a, b := newNode(t, Config{Limits: lim}, spec), newNode(t, Config{Limits: lim}, spec)
			h := hop(tr, a.addr(t, tr), b.addr(t, tr))
			const shards, rounds, batch = 8, 20, 10
			var wg sync.WaitGroup
			for shard := range shards {
				wg.Go(func() {
					for round := range rounds {
						var sends []Send
						for i := range batch {
							sends = append(sends, one(h, fmt.Sprintf("%d-%06d", shard, round*batch+i))...)
						}
						a.Send(sends)
					}
				})
			}
			wg.Wait()
			last := map[string]string{}
			for range shards * rounds * batch {
				_, id, _ := strings.Cut(b.next(t).data, "Call-ID: ")
				id, _, _ = strings.Cut(id, "\r\n")
				shard, n, _ := strings.Cut(id, "-")
				if n <= last[shard] {
					t.Fatalf("shard %s: %s came after %s", shard, n, last[shard])
				}
				last[shard] = n
			}
		})
	}
}

// Sending goes on while listeners come and go and the transport closes. Nothing blocks, races or is left running.
func TestSendWhileClosing(t *testing.T) {
	udp := ListenSpec{Transport: sip.UDP, Addr: loop4}
	b := newNode(t, Config{}, udp, tcp4)
	for range 20 {
		a := newNode(t, Config{}, udp, tcp4)
		hops := []sip.Hop{
			hop(sip.UDP, a.addr(t, sip.UDP), b.addr(t, sip.UDP)), hop(sip.TCP, a.addr(t, sip.TCP), b.addr(t, sip.TCP)),
		}
		started := make(chan struct{}, 2)
		var wg sync.WaitGroup
		for _, h := range hops {
			wg.Go(func() {
				for i := range 200 {
					a.Send(one(h, fmt.Sprint(i)))
					if i == 20 {
						started <- struct{}{}
					}
				}
			})
		}
		<-started
		<-started
		if err := a.Reconcile([]ListenSpec{tcp4}); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
}
