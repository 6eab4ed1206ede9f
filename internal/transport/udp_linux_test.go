package transport

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/sip"
)

// A full send buffer must not hold up the caller: messages wait up to a bound and leave in order.
func TestUDPFullSendBuffer(t *testing.T) {
	a := newNode(t, Config{Limits: Limits{UDPQueue: 100}}, ListenSpec{Transport: sip.UDP, Addr: loop4})
	b := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: loop4})
	s := a.onlyUDP()
	release := make(chan struct{})
	var calls atomic.Int64
	s.tx.sendmmsg = func(fd uintptr, msgs []unix.Mmsghdr) (int, syscall.Errno) {
		switch calls.Add(1) {
		case 1:
			return 0, unix.EAGAIN
		case 2:
			<-release // in the goroutine that waits for room
		}
		return sendmmsg(fd, msgs[:min(len(msgs), 7)]) // the kernel may take a part
	}
	h := hop(sip.UDP, s.local, b.addr(t, sip.UDP))
	var sends []Send
	for i := range 150 {
		sends = append(sends, one(h, fmt.Sprint(i))...)
	}
	a.Send(sends[:40])
	a.Send(sends[40:]) // 100 wait, 10 are lost
	if got := a.stats(t, sip.UDP).Drops.QueueFull; got != 10 {
		t.Errorf("%d dropped for want of room, want 10", got)
	}
	close(release)
	for i := range 140 {
		if p := b.next(t); p.data != string(sends[i].Data) {
			t.Fatalf("datagram %d is %q", i, p.data)
		}
	}
	until(t, "ownership given up", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.busy
	})
	a.Send(one(h, "again"))
	b.next(t)
}

func TestSocketOptions(t *testing.T) {
	for _, at := range []netip.AddrPort{loop4, loop6} {
		n := newNode(t, Config{DSCP: 24, Limits: Limits{SocketBuffer: 1 << 20}}, ListenSpec{Transport: sip.UDP, Addr: at})
		level, option := unix.IPPROTO_IP, unix.IP_TOS
		if at.Addr().Is6() {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
		}
		err := n.onlyUDP().raw.Control(func(fd uintptr) {
			if v, err := unix.GetsockoptInt(int(fd), level, option); v != 24<<2 || err != nil {
				t.Errorf("%s: traffic class %d, %v; want %d", at, v, err, 24<<2)
			}
			for _, o := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF} {
				if v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, o); v <= 212992 || err != nil {
					t.Errorf("%s: buffer %d, %v; want more than the usual", at, v, err)
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestUDPReceiveAndSendAllocateNothing(t *testing.T) {
	e := newEcho(t, sip.UDP)
	e.round(t, 64) // grow what grows once
	if a := testing.AllocsPerRun(50, func() { e.round(t, 64) }); a > 1 {
		t.Errorf("%v allocations for 64 datagrams there and back, want none", a)
	}
}

func TestUDPStrangerAllocatesNothing(t *testing.T) {
	s := newStranger(t)
	if a := testing.AllocsPerRun(100, func() { s.deliver(rxBatchSize) }); a != 0 {
		t.Errorf("%v allocations for a batch of strangers, want none", a)
	}
	if n := s.counters.unknown.Load(); n != 101*rxBatchSize {
		t.Errorf("%d counted, want %d", n, 101*rxBatchSize)
	}
}

// newStranger is a socket that is not opened, with a batch from somebody whom nobody knows.
func newStranger(t testing.TB) *udpSocket {
	s := &udpSocket{t: New(Config{Handler: newInbox(), Allow: denyAll}), local: loop4, maxSize: maxDatagram}
	t.Cleanup(func() {
		if err := s.t.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	for i := range s.rx.names {
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.rx.names[i]))
		*a = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: 1, Addr: [4]byte{192, 0, 2, byte(i)}}
	}
	return s
}

// BenchmarkUDPStranger is the cost of a datagram that is turned away, from the batch on.
func BenchmarkUDPStranger(b *testing.B) {
	s := newStranger(b)
	b.ReportAllocs()
	for b.Loop() {
		s.deliver(1)
	}
}
