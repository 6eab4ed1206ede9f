package transport

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// fickle is a peer that takes connections and ends them when the test says so.
type fickle struct {
	t  *testing.T
	ln *net.TCPListener
}

func newFickle(t *testing.T) *fickle {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return &fickle{t, ln.(*net.TCPListener)}
}

// hears takes the next connection and reads the message with that Call-ID from it.
func (f *fickle) hears(id string) *net.TCPConn {
	f.t.Helper()
	if err := f.ln.SetDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	c, err := f.ln.AcceptTCP()
	if err != nil {
		f.t.Fatalf("waiting for %s: %v", id, err)
	}
	f.t.Cleanup(func() { c.Close() })
	f.reads(c, id)
	return c
}

// serves takes a connection that proves itself: what came by it, the message a, is answered.
func (f *fickle) serves(n node, h sip.Hop) *net.TCPConn {
	f.t.Helper()
	n.Send(one(h, "a"))
	c := f.hears("a")
	write(f.t, c, message("answer", ""))
	n.next(f.t)
	return c
}

// reads reads one message.
func (f *fickle) reads(c *net.TCPConn, id string) {
	f.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil || !strings.Contains(string(b[:n]), "\r\nCall-ID: "+id+"\r\n") {
		f.t.Fatalf("read %q, %v; want the message %s", b[:n], err, id)
	}
}

// A connection that has served before ends behind a request and before anything is heard: the request goes by a new one, once.
func TestRequestOfALostConnectionIsSentAgain(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn){
		"closed": func(c *net.TCPConn) { c.Close() },
		"reset":  func(c *net.TCPConn) { reset(c) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFickle(t)
			n := newNode(t, Config{}, tcp4)
			h := hop(sip.TCP, n.addr(t, sip.TCP), addrPort(f.ln.Addr()))
			first := f.serves(n, h)
			n.Send(one(h, "b"))
			f.reads(first, "b")
			end(first)
			second := f.hears("b")
			n.none(t)
			write(t, second, message("answer", "")) // it serves, too
			n.next(t)
			n.Send(one(h, "c"))
			f.reads(second, "c")
			f.ln.Close() // nobody takes a new one
			end(second)
			if got := n.failure(t); got.callID != "c" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What has been answered, or is an answer, is not sent again when its connection ends.
func TestAnsweredRequestIsNotSentAgain(t *testing.T) {
	f := newFickle(t)
	n := newNode(t, Config{}, tcp4)
	h := hop(sip.TCP, n.addr(t, sip.TCP), addrPort(f.ln.Addr()))
	c := f.serves(n, h)
	m := one(h, "response")
	m[0].Data = []byte(strings.Replace(string(m[0].Data), "OPTIONS sip:b@example.com SIP/2.0", "SIP/2.0 200 OK", 1))
	n.Send(m)
	f.reads(c, "response")
	c.Close()
	until(t, "closed", func() bool { return n.Stats().Dialled == 0 })
	n.Send(one(h, "next"))
	f.hears("next")
	n.none(t)
}

// A request whose write is under way is not forgotten because the peer says something meanwhile: when the write fails it is sent again.
func TestRequestBeingWrittenIsNotForgotten(t *testing.T) {
	f := newFickle(t)
	n := newNode(t, Config{Limits: Limits{WriteQueueBytes: 64 << 20}}, tcp4)
	h := hop(sip.TCP, n.addr(t, sip.TCP), addrPort(f.ln.Addr()))
	c := f.serves(n, h)
	m := one(h, "large")
	m[0].Data = message("large", strings.Repeat("x", 48<<20)) // more than the kernel takes of it
	n.Send(m)
	f.reads(c, "large")
	write(t, c, message("more", ""))
	n.next(t)
	reset(c)
	f.hears("large")
	n.none(t)
}

// Nobody is at the address that a peer names as its own: messages go where it has been reached, the later ones at once.
func TestWayOfAPeerThatIsElsewhere(t *testing.T) {
	f, gone := newFickle(t), newFickle(t)
	n := newNode(t, Config{}, tcp4)
	h := hop(sip.TCP, n.addr(t, sip.TCP), addrPort(gone.ln.Addr()))
	h.Way = addrPort(f.ln.Addr())
	gone.ln.Close()
	c := f.serves(n, h)
	n.Send(one(h, "b"))
	f.reads(c, "b")
	n.none(t)
	if s := n.stats(t, sip.TCP); s.DialFailed != 1 {
		t.Errorf("%d attempts to find it where it is not", s.DialFailed)
	}
}

// Where nobody is at either address, as when the peer is started anew, the next message finds it where it says that it is.
func TestWayOfAPeerThatComesBack(t *testing.T) {
	f, gone := newFickle(t), newFickle(t)
	n := newNode(t, Config{}, tcp4)
	at := gone.ln.Addr().String()
	h := hop(sip.TCP, n.addr(t, sip.TCP), addrPort(gone.ln.Addr()))
	h.Way = addrPort(f.ln.Addr())
	gone.ln.Close()
	f.ln.Close()
	n.Send(one(h, "a"))
	n.failure(t)
	ln, err := net.Listen("tcp4", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	n.Send(one(h, "b"))
	(&fickle{t, ln.(*net.TCPListener)}).hears("b")
}
