package relay

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// TestClosedPortIsNoticed: what a peer's host says by ICMP is counted on the side of that peer, no packet to an address that is open gets lost by it, and the relay
// does not turn in circles.
func TestClosedPortIsNoticed(t *testing.T) {
	for _, ip := range []netip.Addr{ip4, ip6} {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip), newPhone(t, ip)
		s := call(1, a, b)
		gone := listen(t, ip)
		s.Streams[0].Side[1].Remote = address(gone)
		_ = gone.Close()
		r.open(s)
		toA := s.Streams[0].Side[0].Local
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		seq := uint16(0)
		next := func() []byte { seq++; return rtpPacket(0, seq, uint32(seq)*160, 0xa) }
		deadline := time.Now().Add(patience)
		for r.from(1, 0, 1).Refused < 3 {
			if time.Now().After(deadline) {
				t.Fatalf("%v: %+v", ip, r.from(1, 0, 1))
			}
			a.send(a.rtp, toA, next())
			<-tick.C
		}
		got := r.from(1, 0, 1)
		if got.RefusedWhy != "connection refused" || got.LastRefused.IsZero() || r.from(1, 0, 0).Refused != 0 {
			t.Errorf("%v: %+v", ip, got)
		}
		s.Streams[0].Side[1].Remote, s.Streams[0].Side[1].Relatch = address(b.rtp), 1
		if err := r.Update(s); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			p := next()
			a.send(a.rtp, toA, p)
			b.wantOn(b.rtp, s.Streams[0].Side[1].Local, p)
		}
		if fd := r.find(1).streams[0].side[1].rtp.socket.fd; tierOfTests == media.TierSockets && !idle(fd) {
			t.Errorf("%v: the socket stays in the ready list", ip)
		}
		if n := r.from(1, 0, 0).SendErrors; n != 0 {
			t.Errorf("%v: %d send errors", ip, n)
		}
		r.Close(1)
		s.ID = media.SessionID(2)
		if err := r.Open(s); err != nil { // the same sockets, warm
			t.Fatal(err)
		}
		if n := r.from(2, 0, 1).Refused; n != 0 {
			t.Errorf("%v: the next session has %d", ip, n)
		}
	}
}

// TestRefusalsOfEveryKind: whatever ICMP says of a packet, the next one to somebody who hears leaves, and what was said is told.
func TestRefusalsOfEveryKind(t *testing.T) {
	if !isolated(t) {
		return
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	nft(t, "add table inet ours; add chain inet ours input { type filter hook input priority 0; }")
	for ip, kinds := range map[netip.Addr][]string{
		ip4: {"icmp net-unreachable", "icmp host-unreachable", "icmp prot-unreachable", "icmp port-unreachable", "icmp net-prohibited", "icmp host-prohibited",
			"icmp admin-prohibited"},
		ip6: {"icmpv6 no-route", "icmpv6 admin-prohibited", "icmpv6 addr-unreachable", "icmpv6 port-unreachable", "icmpv6 policy-fail", "icmpv6 reject-route"},
	} {
		hears, shut := listen(t, ip), listen(t, ip)
		s, err := newSockets(Config{DSCP: -1}).bind(addrPort(ip, 40000), 1)
		if err != nil {
			t.Fatal(err)
		}
		toShut, toHears := sockaddrOf(address(shut)), sockaddrOf(address(hears))
		for _, kind := range kinds {
			nft(t, fmt.Sprintf("add rule inet ours input udp dport %d reject with %s", address(shut).Port(), strings.Replace(kind, " ", " type ", 1)))
			if errno := s.send([]byte("lost"), &toShut); errno != 0 {
				t.Errorf("%s: %v", kind, errno)
			}
			if n, err := unix.Poll([]unix.PollFd{{Fd: s.fd}}, int(patience/time.Millisecond)); n != 1 || err != nil {
				t.Fatalf("%s: no error comes: %v", kind, err)
			}
			if errno := s.send([]byte(kind), &toHears); errno != 0 {
				t.Errorf("%s: what is sent next: %v", kind, errno)
			}
			if errno := s.refusal(); errno == 0 {
				t.Errorf("%s: nothing is told", kind)
			}
			s.forgetErrors()
			nft(t, "flush chain inet ours input")
		}
		s.close()
	}
}

// idle waits until nothing is to be read from a descriptor, not even an error.
func idle(fd int32) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if n, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}, 0); n == 0 && err == nil {
			return true
		}
	}
	return false
}
