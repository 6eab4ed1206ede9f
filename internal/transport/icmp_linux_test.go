package transport

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/sip"
)

// inNamespace goes on in a network namespace of its own, which ends with the test, after some commands there.
func inNamespace(t *testing.T, commands ...string) {
	t.Helper()
	runtime.LockOSThread() // for good: no other goroutine gets a thread that is elsewhere
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lack.Of(t, "a network namespace of its own: ", err)
	}
	for _, c := range commands {
		args := strings.Fields(c)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", c, err, out)
		}
	}
}

// nobody is a port of the host on which nobody listens for as long as the test runs: another socket has bound and connected it, so that what others send there is refused.
func nobody(t *testing.T, at netip.AddrPort) netip.AddrPort {
	t.Helper()
	a, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	port := a.LocalAddr().(*net.UDPAddr).AddrPort()
	a.Close()
	c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(port), net.UDPAddrFromAddrPort(netip.AddrPortFrom(port.Addr(), 9)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return port
}

// request is a request as the core writes it, with a body that no quotation holds.
func request(method, callID, branch string) []byte {
	return fmt.Appendf(nil, "%s sip:+14255550100@gw.example;branch=x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s;rport\r\nMax-Forwards: 69\r\nCall-ID: %s\r\n"+
		"CSeq: 1 %s\r\nContent-Length: 900\r\n\r\n%s", method, branch, callID, method, strings.Repeat("v", 900))
}

// A peer whose program is down: its host says so, and whoever has sent the request hears of it (RFC 3261 §18.4). Others lose nothing by that.
func TestRFC3261_18_4_PortUnreachable(t *testing.T) {
	for _, at := range []netip.AddrPort{loop4, loop6} {
		a := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: at})
		b := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: at})
		s := a.onlyUDP()
		dead := hop(sip.UDP, s.local, nobody(t, at))
		well := hop(sip.UDP, s.local, b.addr(t, sip.UDP))
		const n = 200
		for i := range n { // one system call sends both: what the first meets comes back in the middle of it
			id := fmt.Sprint("c", i)
			a.Send([]Send{{Hop: dead, Data: request("INVITE", id, "z9hG4bK"+id)}, {Hop: well, Data: request("OPTIONS", "w"+id, "z9hG4bKw")}})
			if p := b.next(t); !strings.Contains(p.data, "Call-ID: w"+id+"\r\n") {
				t.Fatalf("%s: datagram %d is %q", at, i, p.data)
			}
		}
		seen := map[string]bool{}
		for range n { // loopback says it of each; other hosts say it some times a second
			f := a.failure(t)
			e, ok := errors.AsType[*ICMPError](f.err)
			if !ok || e.Errno != syscall.ECONNREFUSED || e.From != at.Addr() || f.hop.Remote != dead.Remote || f.branch != "z9hG4bK"+f.callID || seen[f.callID] {
				t.Fatalf("%s: %+v", at, f)
			}
			seen[f.callID] = true
		}
		if d := a.stats(t, sip.UDP).Drops; d.SendError != 0 || d.Unreachable != n {
			t.Errorf("%s: %d messages not sent for what happened to others, %d refused", at, d.SendError, d.Unreachable)
		}
		b.Send(one(hop(sip.UDP, well.Remote, s.local), "still here"))
		a.next(t)
	}
}

// A socket whose send buffer is full has only an error to tell when ICMP comes, and then Go's poller refuses to wait for it: the reader must outlive that.
func TestPortUnreachableWhileTheBufferIsFull(t *testing.T) {
	inNamespace(t, "ip link set lo up", "tc qdisc add dev lo root tbf rate 4mbit burst 2k limit 1m")
	var log logged
	a := newNode(t, Config{Limits: Limits{SocketBuffer: 16 << 10}, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		ListenSpec{Transport: sip.UDP, Addr: loop4})
	b := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: loop4})
	s := a.onlyUDP()
	dead := hop(sip.UDP, s.local, nobody(t, loop4))
	well := hop(sip.UDP, s.local, b.addr(t, sip.UDP))
	for i := 0; !strings.Contains(log.String(), "not pollable"); i++ {
		id := fmt.Sprint("c", i)
		a.Send([]Send{{Hop: dead, Data: request("INVITE", id, "z9hG4bK"+id)}})
		for range 30 {
			a.Send([]Send{{Hop: well, Data: request("OPTIONS", "w", "z9hG4bKw")}})
		}
		if f := a.failure(t); f.callID != id {
			t.Fatalf("%+v", f)
		}
	}
	for range 3 {
		b.Send(one(hop(sip.UDP, well.Remote, s.local), "still here"))
		a.next(t)
	}
}

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
