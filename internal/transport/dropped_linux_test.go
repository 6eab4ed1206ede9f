package transport

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/sip"
)

// on does something with the socket of a connection.
func on(t *testing.T, c net.Conn, do func(fd int) error) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if failed := raw.Control(func(fd uintptr) { err = do(int(fd)) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
}

// Nothing that comes by a connection gets to its peer any more, as behind a firewall that knows it no longer. When the kernel gives it up, after the time in which a lost connection
// shows by itself, a request goes by a new one and an INVITE fails.
func TestRequestOfADroppedConnection(t *testing.T) {
	f := newFickle(t)
	n := newNode(t, Config{}, tcp4)
	h := hop(sip.TCP, n.addr(t, sip.TCP), addrPort(f.ln.Addr()))
	first := f.serves(n, h)
	on(t, first, func(fd int) error {
		nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing[0]})
	})
	for _, c := range n.conns.all() {
		on(t, c.raw, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int((askedFor + askedFor/4).Milliseconds()))
		})
	}
	n.Send(one(h, "bye"))
	invite := one(h, "invite")
	invite[0].Data = append([]byte("INVITE "), invite[0].Data[len("OPTIONS "):]...)
	n.Send(invite)
	f.hears("bye")
	if got := n.failure(t); got.callID != "invite" {
		t.Errorf("%+v", got)
	}
	n.none(t)
}
