package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// refused connects and is turned away; the reset may come as early as the end of connecting.
func refused(t *testing.T, to netip.AddrPort) {
	t.Helper()
	c, err := net.Dial("tcp4", to.String())
	if errors.Is(err, syscall.ECONNRESET) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	closed(t, c)
}

// TestStrangersWhoOnlyConnectKeepNobodyOut: who connects for TLS and shows no certificate gives way, the oldest first. Peers do not.
func TestStrangersWhoOnlyConnectKeepNobodyOut(t *testing.T) {
	ca := newAuthority(t, "ca")
	n := newNode(t, Config{Limits: Limits{MaxConns: 3}}, ca.issue(t, t.TempDir(), "n.example.com"), tcp4)
	var strangers [4]net.Conn
	for i := range strangers {
		strangers[i] = client(t, "tcp4", n.addr(t, sip.TLS))
		until(t, "it is taken", func() bool { return n.stats(t, sip.TLS).Accepted == uint64(i+1) })
	}
	closed(t, strangers[0])
	var peers [3]node
	for i := range peers {
		peers[i] = newNode(t, Config{}, ca.issue(t, t.TempDir(), "p.example.com"))
		peers[i].Send(one(tlsHop(peers[i], n, t, "n.example.com"), "first"))
		n.next(t)
	}
	for _, c := range strangers[1:] {
		closed(t, c)
	}
	refused(t, n.addr(t, sip.TCP))
	for _, p := range peers {
		p.Send(one(tlsHop(p, n, t, "n.example.com"), "second"))
		n.next(t)
		p.none(t)
	}
	if s := n.Stats(); s.Accepted != 3 || n.stats(t, sip.TLS).Refused != 4 || n.stats(t, sip.TLS).Open != 3 || n.stats(t, sip.TCP).Refused != 1 {
		t.Errorf("%+v", s)
	}
}

// TestUnknownSourcesGiveWay: so do connections from addresses of which nobody knows whether they are peers, whatever they have sent.
func TestUnknownSourcesGiveWay(t *testing.T) {
	peer := netip.MustParseAddr("127.0.0.2")
	n := newNode(t, Config{Limits: Limits{MaxConns: 2}, Allow: func(_ netip.AddrPort, _ sip.Transport, remote netip.Addr) Verdict {
		if remote == peer {
			return Accept
		}
		return Unknown
	}}, tcp4)
	to := n.addr(t, sip.TCP)
	first, second := client(t, "tcp4", to), client(t, "tcp4", to)
	for _, c := range []net.Conn{first, second} {
		write(t, c, message("from a stranger", ""))
		n.next(t)
	}
	var known [2]net.Conn
	for i := range known {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: peer.AsSlice()}}
		c, err := d.Dial("tcp4", to.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		write(t, c, message("from a peer", ""))
		n.next(t)
		known[i] = c
	}
	closed(t, first)
	closed(t, second)
	refused(t, to)
	for _, c := range known {
		write(t, c, message("once more", ""))
		n.next(t)
	}
	if s := n.stats(t, sip.TCP); s.Refused != 3 || s.Open != 2 {
		t.Errorf("%+v", s)
	}
}

// TestVainHandshakesAreRefused: who fails in one handshake after the other is not let begin any more, which costs next to nothing. Others are.
func TestVainHandshakesAreRefused(t *testing.T) {
	ca := newAuthority(t, "ca")
	const burst, tries = 20, 200
	n := newNode(t, Config{Limits: Limits{MaxConnsPerSource: burst}}, ca.issue(t, t.TempDir(), "n.example.com"))
	to := n.addr(t, sip.TLS)
	for range tries {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
		c, err := d.Dial("tcp4", to.String())
		if errors.Is(err, syscall.ECONNRESET) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("no handshake\r\n")) // it may be refused by now
		closed(t, c)
		c.Close()
	}
	for range 2 * burst { // as often as they like, since they do not fail
		peer := newNode(t, Config{}, ca.issue(t, t.TempDir(), "p.example.com"))
		peer.Send(one(tlsHop(peer, n, t, "n.example.com"), "a peer"))
		n.next(t)
		if err := peer.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s := n.stats(t, sip.TLS)
	if s.HandshakeFailed < burst || s.Drops.Rate == 0 || s.HandshakeFailed+s.Drops.Rate != tries {
		t.Errorf("%d handshakes failed and %d were refused, of %d", s.HandshakeFailed, s.Drops.Rate, tries)
	}
	for _, same := range [][2]string{{"2001:db8::1", "2001:db8::ffff:1"}, {"::ffff:192.0.2.1", "192.0.2.1"}} {
		if a, b := subnet(netip.MustParseAddr(same[0])), subnet(netip.MustParseAddr(same[1])); a != b {
			t.Errorf("%v counts as %v, %v as %v", same[0], a, same[1], b)
		}
	}
}

// TestHandshakesTakeTurns: however many begin a handshake at once, as many sign at a time as leave processors to the calls, which do not wait for them, and each has its turn.
func TestHandshakesTakeTurns(t *testing.T) {
	ca := newAuthority(t, "ca")
	n := newNode(t, Config{}, ca.issue(t, t.TempDir(), "n.example.com"), ListenSpec{Transport: sip.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")})
	busy := n.turns.room
	for range busy {
		n.turns.enter(ofOthers, nil) // signatures under way
	}
	var peers [5]node
	for i := range peers {
		peers[i] = newNode(t, Config{}, ca.issue(t, t.TempDir(), "p.example.com"))
		peers[i].Send(one(tlsHop(peers[i], n, t, "n.example.com"), "by TLS"))
	}
	until(t, "the handshakes begin", func() bool { return n.stats(t, sip.TLS).Accepted == uint64(len(peers)) })
	c := client(t, "udp4", n.addr(t, sip.UDP))
	for range 20 {
		write(t, c, message("by UDP", ""))
		if got := n.next(t); got.src.Transport != sip.UDP {
			t.Fatalf("%+v", got.src)
		}
	}
	for range busy {
		n.turns.leave()
	}
	for range peers {
		if got := n.next(t); got.src.Transport != sip.TLS {
			t.Errorf("%+v", got.src)
		}
	}
	until(t, "every turn has ended", func() bool { n.turns.mu.Lock(); defer n.turns.mu.Unlock(); return n.turns.room == busy })
}

// TestPeersDoNotWaitForStrangers: the handshake of who calls from an address that is known comes before all that others have begun, and theirs come after it.
func TestPeersDoNotWaitForStrangers(t *testing.T) {
	ca := newAuthority(t, "ca")
	known := netip.MustParseAddr("127.0.0.2")
	n := newNode(t, Config{Allow: func(_ netip.AddrPort, _ sip.Transport, remote netip.Addr) Verdict {
		if remote == known {
			return Accept
		}
		return Unknown
	}}, ca.issue(t, t.TempDir(), "n.example.com"))
	busy := n.turns.room
	for range busy {
		n.turns.enter(ofOthers, nil)
	}
	var others [5]node
	for i := range others {
		others[i] = newNode(t, Config{}, ca.issue(t, t.TempDir(), "p.example.com"))
		others[i].Send(one(tlsHop(others[i], n, t, "n.example.com"), "another"))
	}
	wait := func(of turn, want int) {
		until(t, "they wait", func() bool { n.turns.mu.Lock(); defer n.turns.mu.Unlock(); return len(n.turns.waiting[of]) == want })
	}
	wait(ofOthers, len(others))
	spec := ca.issue(t, t.TempDir(), "p.example.com")
	spec.Addr = netip.AddrPortFrom(known, 0)
	peer := newNode(t, Config{}, spec)
	peer.Send(one(tlsHop(peer, n, t, "n.example.com"), "a peer"))
	wait(ofPeers, 1)
	n.turns.leave()
	n.turns.mu.Lock()
	if len(n.turns.waiting[ofPeers]) > 0 {
		t.Error("one of the others comes first")
	}
	n.turns.mu.Unlock()
	for range busy - 1 {
		n.turns.leave()
	}
	for range len(others) + 1 {
		n.next(t)
	}
}

// TestWhoIsGoneWaitsForNoTurn: a handshake that is over, because its time is or because its connection gave way to another, waits no more and is not signed for.
func TestWhoIsGoneWaitsForNoTurn(t *testing.T) {
	for name, lim := range map[string]Limits{"late": {HandshakeTimeout: 300 * time.Millisecond}, "in the way": {MaxConns: 2, HandshakeTimeout: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, Config{Limits: lim}, newAuthority(t, "ca").issue(t, t.TempDir(), "n.example.com"))
			busy := n.turns.room
			for range busy {
				n.turns.enter(ofPeers, nil)
			}
			waits := func() int {
				n.turns.mu.Lock()
				defer n.turns.mu.Unlock()
				return len(n.turns.waiting[ofPeers]) + len(n.turns.waiting[ofOthers])
			}
			const begun = 5
			var list [begun]net.Conn
			ended := make(chan error, begun)
			for i := range list {
				list[i] = client(t, "tcp4", n.addr(t, sip.TLS))
				go func() { ended <- tls.Client(list[i], &tls.Config{InsecureSkipVerify: true}).Handshake() }()
				if lim.MaxConns > 0 {
					until(t, "it is heard", func() bool { return n.stats(t, sip.TLS).Accepted == uint64(i+1) && waits() == min(i+1, lim.MaxConns) })
				}
			}
			left := max(0, lim.MaxConns)
			until(t, "who is gone has left", func() bool { return n.stats(t, sip.TLS).HandshakeFailed == uint64(begun-left) && waits() == left })
			for range begun - left {
				if <-ended == nil {
					t.Error("it was signed for")
				}
			}
			for range busy {
				n.turns.leave()
			}
			until(t, "every turn has ended", func() bool { n.turns.mu.Lock(); defer n.turns.mu.Unlock(); return n.turns.room == busy })
		})
	}
}
