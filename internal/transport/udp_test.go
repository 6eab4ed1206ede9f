package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

func TestUDPDeliversInOrder(t *testing.T) {
	for _, at := range []netip.AddrPort{loop4, loop6} {
		t.Run(at.String(), func(t *testing.T) {
			spec := ListenSpec{Transport: sip.UDP, Addr: at}
			a, b := newNode(t, Config{}, spec), newNode(t, Config{}, spec)
			from, to := a.addr(t, sip.UDP), b.addr(t, sip.UDP)
			const n = 150 // more than two batches
			var sends []Send
			for i := range n {
				sends = append(sends, one(hop(sip.UDP, from, to), fmt.Sprint(i))...)
			}
			a.Send(sends)
			for i := range n {
				p := b.next(t)
				if want := string(message(fmt.Sprint(i), "")); p.data != want {
					t.Fatalf("datagram %d is %q, want %q", i, p.data, want)
				}
				if p.src.Local != to || p.src.Remote != from || p.src.Transport != sip.UDP || p.src.Flow != 0 {
					t.Fatalf("source %+v, want from %s to %s", p.src, from, to)
				}
			}
			until(t, "flush", func() bool { return b.flushes.Load() > 0 })
			if s := a.stats(t, sip.UDP).Out; s.Messages != n {
				t.Errorf("sent %+v, want %d messages", s, n)
			}
			until(t, "counters", func() bool { return b.stats(t, sip.UDP).In.Messages == n })
			if in, out := b.stats(t, sip.UDP).In, a.stats(t, sip.UDP).Out; in != out {
				t.Errorf("in %+v, out %+v", in, out)
			}
		})
	}
}

func TestUDPSocketsShareOneSend(t *testing.T) {
	a := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: loop4}, ListenSpec{Transport: sip.UDP, Addr: loop6})
	b := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: loop4}, ListenSpec{Transport: sip.UDP, Addr: loop6})
	la, lb := a.Listeners(), b.Listeners()
	var sends []Send
	for i := range 80 {
		sends = append(sends, one(hop(sip.UDP, la[i%2].Addr, lb[i%2].Addr), fmt.Sprint(i))...)
	}
	a.Send(sends)
	seen := map[bool]int{}
	for range 80 {
		p := b.next(t)
		if p.src.Local.Addr().Is4() != p.src.Remote.Addr().Is4() {
			t.Fatalf("families mixed: %+v", p.src)
		}
		seen[p.src.Local.Addr().Is4()]++
	}
	if seen[true] != 40 || seen[false] != 40 {
		t.Errorf("received by family: %v", seen)
	}
}

func TestUDPTellsMessagesFromJunk(t *testing.T) {
	n := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: loop4})
	c := client(t, "udp4", n.addr(t, sip.UDP))
	large := string(message("large", strings.Repeat("x", 65000)))
	stun := "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"
	for _, d := range []string{"", "\r\n\r\n", "\x00\x00\x00\x00", stun, "\x16\xfe\xfd", "\xff\xff", "\r\n" + large, string(message("last", ""))} {
		write(t, c, []byte(d))
	}
	if p := n.next(t); p.data != large {
		t.Errorf("the large message came as %d bytes, want %d", len(p.data), len(large))
	}
	if p := n.next(t); p.data != string(message("last", "")) {
		t.Errorf("delivered %q", p.data)
	}
	n.none(t)
	until(t, "counters", func() bool { return n.stats(t, sip.UDP).In.Messages == 2 })
	if s := n.stats(t, sip.UDP); s.KeepAlives != 4 || s.Drops.Malformed != 2 {
		t.Errorf("keep-alives %d, malformed %d; want 4 (STUN and zeros among them) and 2", s.KeepAlives, s.Drops.Malformed)
	}
}

func TestUDPStrangerLeavesNoTrace(t *testing.T) {
	known := netip.MustParseAddr("127.0.0.2")
	cfg := Config{
		Allow: func(_ netip.AddrPort, tr sip.Transport, remote netip.Addr) Verdict {
			if tr == sip.UDP && remote == known {
				return Accept
			}
			return Silent
		},
		Limits: Limits{RatePerSource: 1, RateBurst: 5},
	}
	n := newNode(t, cfg, ListenSpec{Transport: sip.UDP, Addr: loop4})
	to := n.addr(t, sip.UDP)
	stranger := client(t, "udp4", to)
	for i := range 500 {
		write(t, stranger, message(fmt.Sprint(i), ""))
	}
	until(t, "strangers counted", func() bool { return n.stats(t, sip.UDP).Drops.UnknownSource == 500 })
	n.none(t)
	if s := n.stats(t, sip.UDP); s.LastUnknown != addrPort(stranger.LocalAddr()) || s.LastUnknownAt.IsZero() {
		t.Errorf("last stranger %s at %s, want %s", s.LastUnknown, s.LastUnknownAt, stranger.LocalAddr())
	}
	rate := n.rate.Load()
	for i := range rate.sets {
		set := &rate.sets[i]
		set.mu.Lock()
		ways := set.ways
		set.mu.Unlock()
		if ways != [rateWays]bucket{} {
			t.Fatal("a stranger has an entry in the rate table")
		}
	}
	friend := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: netip.AddrPortFrom(known, 0)})
	friend.Send(one(hop(sip.UDP, friend.addr(t, sip.UDP), to), "friend"))
	if p := n.next(t); p.src.Remote.Addr() != known {
		t.Errorf("delivered from %s", p.src.Remote)
	}
}

// onlyUDP is the UDP socket of a node with one.
func (n node) onlyUDP() *udpSocket {
	for _, s := range *n.udp.Load() {
		return s
	}
	return nil
}

func TestUDPRateOfOneSource(t *testing.T) {
	n := newNode(t, Config{Limits: Limits{RatePerSource: 0.001, RateBurst: 3}}, ListenSpec{Transport: sip.UDP, Addr: loop4})
	c := client(t, "udp4", n.addr(t, sip.UDP))
	for i := range 10 {
		write(t, c, message(fmt.Sprint(i), ""))
	}
	until(t, "the rest dropped", func() bool { return n.stats(t, sip.UDP).Drops.Rate == 7 })
	for i := range 3 {
		if p := n.next(t); p.data != string(message(fmt.Sprint(i), "")) {
			t.Errorf("message %d is %q", i, p.data)
		}
	}
	n.none(t)
}

func TestRFC3261_18_4_UDPSendErrors(t *testing.T) {
	n := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: loop4})
	local := n.addr(t, sip.UDP)
	other := newNode(t, Config{}, ListenSpec{Transport: sip.UDP, Addr: loop4})
	to := other.addr(t, sip.UDP)
	good, tooLong := hop(sip.UDP, local, to), message("long", strings.Repeat("x", 70000))
	nowhere := hop(sip.UDP, netip.MustParseAddrPort("127.0.0.1:1"), to)
	wrongFamily := hop(sip.UDP, local, netip.MustParseAddrPort("[::1]:5060"))
	n.Send([]Send{
		{Hop: nowhere, Data: message("1", ""), CallID: "no listener", Branch: "b"},
		{Hop: wrongFamily, Data: message("2", ""), CallID: "family", Branch: "b"},
		{Hop: sip.Hop{}, Data: message("3", ""), CallID: "no transport", Branch: "b"},
		{Hop: good, Data: message("before", "")},
		{Hop: good, Data: tooLong, CallID: "too long", Branch: "b"},
		{Hop: good, Data: message("after", "")},
	})
	want := map[string]error{"no listener": ErrNoListener, "family": ErrFamily, "no transport": ErrNoListener, "too long": syscall.EMSGSIZE}
	for range 4 {
		f := n.failure(t)
		if e := want[f.callID]; e == nil || !errors.Is(f.err, e) || f.branch != "b" {
			t.Errorf("%q failed with %v, want %v", f.callID, f.err, e)
		}
		delete(want, f.callID)
	}
	for _, id := range []string{"before", "after"} {
		if p := other.next(t); p.data != string(message(id, "")) {
			t.Errorf("delivered %q, want %s", p.data, id)
		}
	}
	if s := n.stats(t, sip.UDP); s.Drops.SendError != 2 || s.Out.Messages != 2 {
		t.Errorf("send errors %d, sent %d; want 2 and 2", s.Drops.SendError, s.Out.Messages)
	}
}

func TestUDPReconcile(t *testing.T) {
	keep, drop := ListenSpec{Transport: sip.UDP, Addr: loop4}, ListenSpec{Transport: sip.UDP, Addr: loop6}
	n := newNode(t, Config{}, keep, drop)
	before := n.onlyFamily(true)
	gone := n.onlyFamily(false).local
	tcp := ListenSpec{Transport: sip.TCP, Addr: gone}
	taken := ListenSpec{Transport: sip.UDP, Addr: newNode(t, Config{}, keep).addr(t, sip.UDP)}
	if err := n.Reconcile([]ListenSpec{keep, taken, tcp}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v, want address in use", err)
	}
	if n.onlyFamily(true) != before || n.onlyFamily(false) != nil {
		t.Error("the listener that stays was touched, or the one that goes is there")
	}
	if n.addr(t, sip.TCP) != gone {
		t.Error("the new listener is not there")
	}
	c := client(t, "udp4", before.local)
	write(t, c, message("still", ""))
	n.next(t)
	if err := n.Listen([]ListenSpec{{Transport: sip.TCP, Addr: loop4}, taken}); err == nil || len(n.Listeners()) != 2 {
		t.Errorf("Listen opened %d of its listeners though one failed (%v)", len(n.Listeners())-2, err)
	}
}

func (n node) onlyFamily(is4 bool) *udpSocket {
	for _, s := range *n.udp.Load() {
		if s.local.Addr().Is4() == is4 {
			return s
		}
	}
	return nil
}
