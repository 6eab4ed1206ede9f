package transport

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// stuck is a connection of a peer that does not read, with the messages for it that do not get through.
func stuck(t *testing.T, n node, remote func(packet) sip.Hop) (peer net.Conn, c *conn) {
	t.Helper()
	peer = client(t, "tcp4", n.addr(t, sip.TCP))
	write(t, peer, message("begin", ""))
	p := n.next(t)
	h := remote(p)
	c = n.conns.byFlowLocked(p.src.Flow)
	for i := 0; ; i++ { // until more waits than the kernel takes, and some behind what is being written
		m := one(h, fmt.Sprint(i))
		m[0].Data = []byte("SIP/2.0 200 OK\r\nCall-ID: " + m[0].CallID + "\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("z", 60000))
		n.Send(m)
		c.mu.Lock()
		full := len(c.queue) > 4 && c.waiting > 24<<20
		c.mu.Unlock()
		if full {
			return peer, c
		}
	}
}

// back is the way back for a response: the connection, or a new one to where the peer listens.
func back(f *fickle) func(packet) sip.Hop {
	return func(p packet) sip.Hop {
		return sip.Hop{Transport: sip.TCP, Local: p.src.Local, Remote: addrPort(f.ln.Addr()), Flow: p.src.Flow}
	}
}

// A peer resets its connection while responses wait for it: they go by a new one (RFC 3261 §18.2.2).
func TestResponsesOutliveTheirConnection(t *testing.T) {
	f := newFickle(t)
	n := newNode(t, Config{Limits: Limits{WriteQueueBytes: 64 << 20}}, tcp4)
	peer, c := stuck(t, n, back(f))
	c.mu.Lock()
	first := c.queue[0].CallID
	c.mu.Unlock()
	reset(peer.(*net.TCPConn))
	again, err := f.ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var got []byte
	room := make([]byte, 1<<16)
	for !bytes.Contains(got, []byte("Call-ID: "+first+"\r\n")) {
		k, err := again.Read(room)
		if err != nil {
			t.Fatalf("%v after %d octets", err, len(got))
		}
		got = append(got, room[:k]...)
	}
	if !bytes.HasPrefix(got, []byte("SIP/2.0 200 OK\r\n")) {
		t.Errorf("the new connection begins with %q", got[:40])
	}
	n.none(t)
}

// RFC 5626 §3.5.1: who sends keep-alives and does not read what they are answered with fills no memory.
func TestFloodOfKeepAlives(t *testing.T) {
	n := newNode(t, Config{Limits: Limits{WriteQueueBytes: 64 << 20}}, tcp4)
	peer, c := stuck(t, n, back(newFickle(t)))
	c.mu.Lock()
	before := len(c.queue)
	c.mu.Unlock()
	for i := range 500 {
		write(t, peer, []byte("\r\n\r\n"))
		until(t, "the keep-alive was read", func() bool { return n.stats(t, sip.TCP).KeepAlives == uint64(i+1) })
	}
	c.mu.Lock()
	more := len(c.queue) - before
	c.mu.Unlock()
	if more > 1 {
		t.Errorf("%d answers wait", more)
	}
}

// A connection ends within a message: those before count, and what there is of that one does not.
func TestHalfAMessageIsNone(t *testing.T) {
	whole, half := message("whole", ""), message("half", "body")
	for name, end := range map[string]func(net.Conn){
		"closed": func(c net.Conn) { c.Close() },
		"half":   func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
	} {
		for _, cut := range []int{1, 20, len(half) - 5, len(half) - 1} {
			t.Run(fmt.Sprint(name, cut), func(t *testing.T) {
				n := newNode(t, Config{}, tcp4)
				c := client(t, "tcp4", n.addr(t, sip.TCP))
				write(t, c, append(whole[:len(whole):len(whole)], half[:cut]...))
				if p := n.next(t); p.data != string(whole) {
					t.Errorf("delivered %q", p.data)
				}
				end(c)
				until(t, "forgotten", func() bool { return n.Stats().Accepted == 0 })
				n.none(t)
			})
		}
	}
}

// A body that is longer than its Content-Length leaves something that begins no message. Nothing behind it can be trusted, and a connection that ends tells the peer.
func TestBodyLongerThanItsLength(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	c := client(t, "tcp4", n.addr(t, sip.TCP))
	body := "v=0\r\na=sendrecv\r\n"
	long := message("long", body)
	short := bytes.Replace(long, fmt.Appendf(nil, "Content-Length: %d", len(body)), []byte("Content-Length: 5"), 1)
	write(t, c, append(short, message("behind", "")...))
	if p := n.next(t); p.data != strings.TrimSuffix(string(short), "a=sendrecv\r\n") {
		t.Errorf("delivered %q", p.data)
	}
	closed(t, c)
	n.none(t)
	if s := n.stats(t, sip.TCP); s.Drops.Malformed != 1 {
		t.Errorf("%+v", s)
	}
}

// Many messages of one segment come out one by one, up to the largest and no larger.
func TestManyMessagesInOneSegment(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	c := client(t, "tcp4", n.addr(t, sip.TCP))
	var all []byte
	for i := range 500 {
		all = append(all, message(fmt.Sprint(i), "body")...)
	}
	largest := message("largest", strings.Repeat("x", 65535-len(message("largest", ""))-4))
	if len(largest) != 65535 {
		t.Fatalf("%d octets", len(largest))
	}
	write(t, c, append(all, largest...))
	for i := range 500 {
		if p := n.next(t); p.data != string(message(fmt.Sprint(i), "body")) {
			t.Fatalf("message %d is %q", i, p.data)
		}
	}
	if p := n.next(t); p.data != string(largest) {
		t.Errorf("the largest has %d octets", len(p.data))
	}
	_, _ = c.Write(message("too large", strings.Repeat("x", 65535))) // it may be refused while it is written
	closed(t, c)
	n.none(t)
}
