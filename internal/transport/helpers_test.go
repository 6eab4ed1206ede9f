package transport

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

var (
	loop4 = netip.MustParseAddrPort("127.0.0.1:0")
	loop6 = netip.MustParseAddrPort("[::1]:0")
)

// packet is what a Handler got.
type packet struct {
	src  sip.Source
	data string
}

// failed is a call of Handler.Failed.
type failed struct {
	callID, branch string
	hop            sip.Hop
	err            error
}

// inbox is a Handler that keeps everything.
type inbox struct {
	packets  chan packet
	failures chan failed
	flushes  atomic.Int64
}

func newInbox() *inbox {
	return &inbox{packets: make(chan packet, 1<<16), failures: make(chan failed, 1<<16)}
}

func (in *inbox) Packet(src sip.Source, data []byte) { in.packets <- packet{src, string(data)} }
func (in *inbox) Flush()                             { in.flushes.Add(1) }
func (in *inbox) Failed(callID, branch string, hop sip.Hop, err error) {
	in.failures <- failed{callID, branch, hop, err}
}

func (in *inbox) next(t testing.TB) packet {
	t.Helper()
	select {
	case p := <-in.packets:
		return p
	case f := <-in.failures:
		t.Fatalf("failed instead of delivered: %+v", f)
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
	}
	panic("unreachable")
}

func (in *inbox) failure(t testing.TB) failed {
	t.Helper()
	select {
	case f := <-in.failures:
		return f
	case <-time.After(patience):
		t.Fatal("no failure was reported")
	}
	panic("unreachable")
}

// none checks that nothing has been delivered; whatever could be must have passed before.
func (in *inbox) none(t testing.TB) {
	t.Helper()
	select {
	case p := <-in.packets:
		t.Errorf("delivered: %+v", p)
	case f := <-in.failures:
		t.Errorf("failed: %+v", f)
	default:
	}
}

// node is a Transport under test with its inbox.
type node struct {
	*Transport
	*inbox
}

func newNode(t testing.TB, cfg Config, specs ...ListenSpec) node {
	t.Helper()
	in := newInbox()
	cfg.Handler = in
	n := node{New(cfg), in}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := n.Listen(specs); err != nil {
		t.Fatal(err)
	}
	return n
}

// addr is the address of the only listener of a transport and family.
func (n node) addr(t testing.TB, tr sip.Transport) netip.AddrPort {
	t.Helper()
	for _, l := range n.Listeners() {
		if l.Transport == tr {
			return l.Addr
		}
	}
	t.Fatalf("no listener for %s", tr)
	return netip.AddrPort{}
}

// stats are those of the only listener of a transport.
func (n node) stats(t testing.TB, tr sip.Transport) ListenerStats {
	t.Helper()
	for _, l := range n.Stats().Listeners {
		if l.Transport == tr {
			return l
		}
	}
	t.Fatalf("no listener for %s", tr)
	return ListenerStats{}
}

// until waits for a condition that no event announces.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never came true: %s", what)
		}
	}
}

// message is a whole request with the given body.
func message(callID, body string) []byte {
	return fmt.Appendf(nil, "OPTIONS sip:b@example.com SIP/2.0\r\nCall-ID: %s\r\nContent-Length: %d\r\n\r\n%s", callID, len(body), body)
}

func hop(tr sip.Transport, local, remote netip.AddrPort) sip.Hop {
	return sip.Hop{Transport: tr, Local: local, Remote: remote}
}

// one is a Send of one message named id.
func one(h sip.Hop, id string) []Send {
	return []Send{{Hop: h, Data: message(id, ""), CallID: id, Branch: "z9hG4bK" + id}}
}

// client is a plain socket toward a listener.
func client(t testing.TB, network string, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.Dial(network, to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t testing.TB, c net.Conn, data []byte) {
	t.Helper()
	if _, err := c.Write(data); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly want.
func expect(t testing.TB, c net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// closed reads until the peer closes, and fails when it does not.
func closed(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, c); isTimeout(err) {
		t.Fatal("the connection was not closed")
	}
}

func denyAll(netip.AddrPort, sip.Transport, netip.Addr) Verdict { return Silent }
