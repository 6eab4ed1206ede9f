package relay

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// TestDSCP: Expedited Forwarding unless told otherwise (RFC 3246, RFC 2474: the upper six bits of the octet).
func TestDSCP(t *testing.T) {
	for _, c := range []struct {
		ip            netip.Addr
		level, option int
	}{{ip4, unix.IPPROTO_IP, unix.IP_TOS}, {ip6, unix.IPPROTO_IPV6, unix.IPV6_TCLASS}} {
		for dscp, want := range map[int]int{0: 184, 34: 136, -1: 0} {
			r, err := newRelay(Config{Workers: 1, DSCP: dscp, Best: media.TierSockets})
			if err != nil {
				t.Fatal(err)
			}
			r.workers[0].release()
			s, err := r.sockets.bind(netip.AddrPortFrom(c.ip, 0), 1)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := unix.GetsockoptInt(int(s.fd), c.level, c.option); err != nil || got != want {
				t.Errorf("%v with DSCP %d: octet %d %v, want %d", c.ip, dscp, got, err, want)
			}
			s.close()
		}
	}
}

// TestPriority: what leaves a socket or the raw one has the same priority with IPv6 as with IPv4, where the kernel makes it of the DSCP.
func TestPriority(t *testing.T) {
	for dscp := range 64 {
		var got [2][2]int
		for f, ip := range [...]netip.Addr{inet: ip4, inet6: ip6} {
			s, err := newSockets(Config{DSCP: dscp}).bind(netip.AddrPortFrom(ip, 0), 1)
			if err != nil {
				t.Fatal(err)
			}
			got[f][0], _ = unix.GetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_PRIORITY)
			s.close()
			if o, err := newOutlet(f, dscp); err == nil {
				got[f][1], _ = unix.GetsockoptInt(int(o.fd), unix.SOL_SOCKET, unix.SO_PRIORITY)
				o.close()
			} else if !errors.Is(err, unix.EPERM) {
				t.Fatal(err)
			}
		}
		if got[inet] != got[inet6] || dscp == 46 && got[inet][0] == 0 {
			t.Errorf("DSCP %d: %d with IPv4, %d with IPv6", dscp, got[inet], got[inet6])
		}
	}
}

// TestReusedDescriptor: an event that the ready list had before a session was closed must not read the socket of the
// session that got the same descriptor since.
func TestReusedDescriptor(t *testing.T) {
	aboutSockets(t)
	b := newBench(t, 1, Config{Warm: -1})
	w, s := b.relay.workers[0], b.sessions[0]
	b.phones[0].send(rtpPacket(8, 1, 160, 7), &b.to[0])
	if !w.poll(uintptr(w.epoll)) {
		t.Fatal("no event")
	}
	old := w.ready[0].Fd
	b.relay.Close(s.ID)
	if err := b.relay.Open(s); err != nil {
		t.Fatal(err)
	}
	p := b.relay.sockets.table.get(old)
	if p == nil {
		t.Fatal("the descriptor was not reused; the test shows nothing")
	}
	b.phones[p.side].send(rtpPacket(8, 2, 320, 7), &b.to[p.side])
	w.work() // the old event
	if stats, _ := b.relay.Stats(s.ID); stats.Streams[0].From[p.side].Packets != 0 {
		t.Error("an event of a closed socket was served")
	}
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	if stats, _ := b.relay.Stats(s.ID); stats.Streams[0].From[p.side].Packets != 1 {
		t.Errorf("%+v", stats.Streams[0].From[p.side])
	}
}

func TestTableEnds(t *testing.T) {
	var tb table
	for _, fd := range []int32{-1, tableChunk * tableChunks} {
		if tb.set(fd, &port{}) || tb.get(fd) != nil {
			t.Errorf("descriptor %d", fd)
		}
	}
	if tb.get(5000) != nil || !tb.set(5000, &port{}) || tb.get(5000) == nil {
		t.Error("descriptor 5000")
	}
}

func TestPortErrorUnwraps(t *testing.T) {
	r := newRig(t, Config{})
	_, err := r.sockets.bind(netip.MustParseAddrPort("192.0.2.1:5000"), 1) // not ours, RFC 5737
	var port *PortError
	if !errors.As(err, &port) || !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("%v", err)
	}
}
