package transport

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// echo is a client and a server that answers every message with itself. Neither allocates, so that what is measured
// is the transport.
type echo struct {
	client, server *Transport
	sends          []Send
	left           atomic.Int64
	done           chan struct{}
}

// reflector answers messages from where they came, one Send per batch.
type reflector struct {
	mu    sync.Mutex
	t     *Transport
	data  []byte
	sends []Send
}

func (r *reflector) Packet(src sip.Source, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sends = append(r.sends, Send{
		Hop:  sip.Hop{Transport: src.Transport, Local: src.Local, Remote: src.Remote, Flow: src.Flow},
		Data: r.data[:len(data)],
	})
}

func (r *reflector) Flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.t.Send(r.sends)
	r.sends = r.sends[:0]
}

func (r *reflector) Failed(string, string, sip.Hop, error) {}

func (e *echo) Packet(sip.Source, []byte) {
	if e.left.Add(-1) == 0 {
		e.done <- struct{}{}
	}
}
func (e *echo) Flush()                                {}
func (e *echo) Failed(string, string, sip.Hop, error) {}

func newEcho(t testing.TB, tr sip.Transport) *echo {
	msg := message("benchmark", string(make([]byte, 500)))
	r := &reflector{data: msg}
	e := &echo{done: make(chan struct{}, 1)}
	e.client, e.server = New(Config{Handler: e}), New(Config{Handler: r})
	r.t = e.server
	t.Cleanup(func() {
		for _, x := range []*Transport{e.client, e.server} {
			if err := x.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	spec := ListenSpec{Transport: tr, Addr: loop4}
	if tr == sip.TLS {
		spec = newAuthority(t, "ca").issue(t, t.TempDir(), "example.com")
	}
	for _, x := range []*Transport{e.client, e.server} {
		if err := x.Listen([]ListenSpec{spec}); err != nil {
			t.Fatal(err)
		}
	}
	h := hop(tr, e.client.Listeners()[0].Addr, e.server.Listeners()[0].Addr)
	h.Name = "example.com"
	for range 64 {
		e.sends = append(e.sends, Send{Hop: h, Data: msg})
	}
	return e
}

// round sends n messages together and waits for all to come back.
func (e *echo) round(t testing.TB, n int) {
	e.left.Store(int64(n))
	e.client.Send(e.sends[:n])
	<-e.done
}

// bench counts one message there and back, two sent and two received, as one operation.
func bench(b *testing.B, tr sip.Transport, batch int) {
	e := newEcho(b, tr)
	e.round(b, batch)
	b.ReportAllocs()
	b.ResetTimer()
	for n := b.N; n > 0; n -= batch {
		e.round(b, min(n, batch))
	}
}

func BenchmarkUDPEcho(b *testing.B)    { bench(b, sip.UDP, 64) }
func BenchmarkUDPEchoOne(b *testing.B) { bench(b, sip.UDP, 1) }
func BenchmarkTCPEcho(b *testing.B)    { bench(b, sip.TCP, 64) }
func BenchmarkTCPEchoOne(b *testing.B) { bench(b, sip.TCP, 1) }
func BenchmarkTLSEcho(b *testing.B)    { bench(b, sip.TLS, 64) }
func BenchmarkTLSEchoOne(b *testing.B) { bench(b, sip.TLS, 1) }
