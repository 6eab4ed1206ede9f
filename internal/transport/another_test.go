package transport

import (
	"net"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// caller connects from an address, says something and is heard.
func (n node) caller(t *testing.T, from string) (c net.Conn, src sip.Source) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp4", n.addr(t, sip.TCP).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	write(t, c, message("hello", ""))
	return c, n.next(t).src
}

// Behind a NAT a peer is reached by its connections alone: what belongs to one that is gone goes by the last one that it has opened since. Nobody else's is taken for that, and what
// begins anew goes where it is sent.
func TestMessageOfALostConnectionGoesByAnother(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	nowhere := newFickle(t)
	nowhere.ln.Close()
	first, src := n.caller(t, "127.0.0.1")
	n.caller(t, "127.0.0.2")
	first.Close()
	until(t, "closed", func() bool { a, _ := n.conns.count(); return a == 1 })
	h := hop(sip.TCP, src.Local, addrPort(nowhere.ln.Addr()))
	h.Flow = src.Flow
	n.Send(one(h, "nobody"))
	if got := n.failure(t); got.callID != "nobody" {
		t.Errorf("%+v", got)
	}
	n.caller(t, "127.0.0.1")
	second, _ := n.caller(t, "127.0.0.1")
	n.Send(one(h, "another"))
	expect(t, second, message("another", ""))
	h.Name = "gw.test" // which it has not shown
	n.Send(one(h, "named"))
	h.Name, h.Flow = "", 0
	n.Send(one(h, "anew"))
	for range 2 {
		if got := n.failure(t); got.callID != "named" && got.callID != "anew" {
			t.Errorf("%+v", got)
		}
	}
}
