package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

var tcp4 = ListenSpec{Transport: sip.TCP, Addr: loop4}

func TestTCPConnectionServesBothDirections(t *testing.T) {
	for _, at := range []netip.AddrPort{loop4, loop6} {
		t.Run(at.String(), func(t *testing.T) {
			spec := ListenSpec{Transport: sip.TCP, Addr: at}
			a, b := newNode(t, Config{}, spec), newNode(t, Config{}, spec)
			la, lb := a.addr(t, sip.TCP), b.addr(t, sip.TCP)
			for i := range 200 { // many wait for one dial
				a.Send(one(hop(sip.TCP, la, lb), fmt.Sprint(i)))
			}
			var p packet
			for i := range 200 {
				if p = b.next(t); p.data != string(message(fmt.Sprint(i), "")) {
					t.Fatalf("message %d is %q", i, p.data)
				}
			}
			if p.src.Local != lb || p.src.Remote.Addr() != la.Addr() || p.src.Flow == 0 {
				t.Errorf("source %+v", p.src)
			}
			// The way back: by flow, and by the address of the peer's end alone.
			b.Send(one(sip.Hop{Transport: sip.TCP, Local: lb, Remote: la, Flow: p.src.Flow}, "by flow"))
			b.Send(one(hop(sip.TCP, lb, p.src.Remote), "by address"))
			for _, id := range []string{"by flow", "by address"} {
				q := a.next(t)
				if q.data != string(message(id, "")) || q.src.Local != la || q.src.Remote != lb || q.src.Flow == 0 {
					t.Errorf("%s: %+v", id, q)
				}
			}
			a.Send(one(hop(sip.TCP, la, lb), "once more"))
			b.next(t)
			if s := b.stats(t, sip.TCP); s.Accepted != 1 || s.Open != 1 || s.In.Messages != 201 {
				t.Errorf("%+v; want one connection and 201 messages", s)
			}
			if s := a.stats(t, sip.TCP); s.Dialled != 1 || s.Accepted != 0 {
				t.Errorf("%+v; want one dialled connection", s)
			}
		})
	}
}

func TestTrunksDoNotShareConnections(t *testing.T) {
	a := newNode(t, Config{}, tcp4, ListenSpec{Transport: sip.TCP, Addr: netip.MustParseAddrPort("127.0.0.2:0")})
	b := newNode(t, Config{}, tcp4)
	to := b.addr(t, sip.TCP)
	for _, l := range a.Listeners() {
		a.Send(one(hop(sip.TCP, l.Addr, to), l.Addr.Addr().String()))
	}
	seen := map[netip.Addr]bool{}
	for range 2 {
		p := b.next(t)
		if p.data != string(message(p.src.Remote.Addr().String(), "")) {
			t.Errorf("%q came from %s", p.data, p.src.Remote)
		}
		seen[p.src.Remote.Addr()] = true
	}
	if len(seen) != 2 {
		t.Errorf("sources %v, want the address of each trunk", seen)
	}
}

func TestFlowThatIsGoneIsDialledAgain(t *testing.T) {
	a, b := newNode(t, Config{}, tcp4), newNode(t, Config{}, tcp4)
	h := hop(sip.TCP, a.addr(t, sip.TCP), b.addr(t, sip.TCP))
	h.Flow = 12345
	a.Send(one(h, "1"))
	flow := b.next(t).src.Flow
	b.Send(one(sip.Hop{Transport: sip.TCP, Flow: flow}, "answer")) // proves the connection
	h.Flow = a.next(t).src.Flow
	b.conns.byFlowLocked(flow).cut()
	until(t, "both ends closed", func() bool { return a.Stats().Dialled == 0 && b.Stats().Accepted == 0 })
	a.Send(one(h, "2"))
	if p := b.next(t); p.data != string(message("2", "")) || p.src.Flow == flow {
		t.Errorf("%+v", p)
	}
}

func (ct *connTable) byFlowLocked(flow uint64) *conn {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	return ct.byFlow[flow]
}

func TestRFC3261_18_4_DialFailure(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := addrPort(ln.Addr())
	ln.Close()
	n := newNode(t, Config{}, tcp4)
	h := hop(sip.TCP, n.addr(t, sip.TCP), nobody)
	var sends []Send
	for i := range 10 {
		sends = append(sends, one(h, fmt.Sprint(i))...)
	}
	n.Send(sends)
	for i := range 10 {
		f := n.failure(t)
		if f.callID != fmt.Sprint(i) || f.hop != h || !errors.Is(f.err, syscall.ECONNREFUSED) {
			t.Errorf("failure %d: %+v", i, f)
		}
	}
	until(t, "nothing left", func() bool { return n.Stats().Dialled == 0 })
	if s := n.stats(t, sip.TCP); s.DialFailed == 0 || s.Open != 0 {
		t.Errorf("%+v", s)
	}
}

// A peer that takes the connection and hangs up without a word has not got the request.
func TestPeerThatHangsUpFailsWhatWasSent(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := ln.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 1000))
			c.Close()
		}
	}()
	n := newNode(t, Config{}, tcp4)
	n.Send(one(hop(sip.TCP, n.addr(t, sip.TCP), addrPort(ln.Addr())), "lost"))
	if f := n.failure(t); f.callID != "lost" || !errors.Is(f.err, ErrClosed) {
		t.Errorf("%+v", f)
	}
}

func TestRFC3261_18_3_StreamFraming(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	c := client(t, "tcp4", n.addr(t, sip.TCP))
	first, second := message("1", "body"), message("2", strings.Repeat("y", 20000))
	all := append(append([]byte("\r\n"), first...), second...)
	for _, piece := range [][]byte{all[:1], all[1:30], all[30 : len(first)+10], all[len(first)+10:]} {
		write(t, c, piece)
	}
	for _, want := range [][]byte{first, second} {
		if p := n.next(t); p.data != string(want) {
			t.Errorf("delivered %q, want %q", p.data, want)
		}
	}
	write(t, c, []byte("\r\n\r\n"))
	expect(t, c, []byte("\r\n")) // RFC 5626 §3.5.1
	write(t, c, append(message("3", ""), "OPTIONS sip:a SIP/2.0\r\nCall-ID: no length\r\n\r\n"...))
	if p := n.next(t); p.data != string(message("3", "")) {
		t.Errorf("delivered %q", p.data)
	}
	closed(t, c)
	if s := n.stats(t, sip.TCP); s.Drops.Malformed != 1 || s.KeepAlives != 1 {
		t.Errorf("%+v", s)
	}
	c = client(t, "tcp4", n.addr(t, sip.TCP))
	write(t, c, []byte("\x16\x03\x01\x02\x00")) // TLS to a TCP port
	closed(t, c)
}

func TestStreamFramingAtEveryCut(t *testing.T) {
	stream := bytes.Join([][]byte{message("1", "a\r\n\r\nb"), {}, message("2", ""), message("3", "x")}, []byte("\r\n\r\n"))
	for cut := range stream {
		var f framer
		var got []string
		pings := 0
		for _, piece := range [][]byte{stream[:cut], stream[cut:]} {
			for len(piece) > 0 {
				n := copy(f.space(), piece)
				f.filled(n)
				piece = piece[n:]
				for {
					msg, p, err := f.next()
					pings += p
					if err != nil {
						t.Fatalf("cut at %d: %v", cut, err)
					}
					if msg == nil {
						break
					}
					got = append(got, string(msg))
				}
			}
		}
		want := []string{string(message("1", "a\r\n\r\nb")), string(message("2", "")), string(message("3", "x"))}
		if strings.Join(got, "|") != strings.Join(want, "|") || pings != 3 || f.partial() {
			t.Fatalf("cut at %d: %q, %d pings", cut, got, pings)
		}
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(message("1", "body"), 3)
	f.Add([]byte("\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabcBYE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"), 1)
	f.Add([]byte("INVITE sip:a SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n"), 7)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		step = max(1, step&0xff)
		whole, wholeErr := frames(stream, len(stream)+1)
		parts, partsErr := frames(stream, step)
		if strings.Join(whole, "\x00") != strings.Join(parts, "\x00") || (wholeErr == nil) != (partsErr == nil) {
			t.Errorf("whole: %q, %v; in steps of %d: %q, %v", whole, wholeErr, step, parts, partsErr)
		}
	})
}

func frames(stream []byte, step int) (list []string, err error) {
	var f framer
	for len(stream) > 0 {
		n := copy(f.space(), stream[:min(step, len(stream))])
		f.filled(n)
		stream = stream[n:]
		for {
			msg, _, err := f.next()
			if err != nil {
				return list, err
			}
			if msg == nil {
				break
			}
			list = append(list, string(msg))
		}
	}
	return list, nil
}

func TestSlowMessageIsCutOff(t *testing.T) {
	n := newNode(t, Config{Limits: Limits{ReadTimeout: 100 * time.Millisecond}}, tcp4)
	c := client(t, "tcp4", n.addr(t, sip.TCP))
	write(t, c, message("1", "")) // a whole message starts no clock
	n.next(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for { // a byte now and then does not help
		<-tick.C
		if _, err := c.Write([]byte("A")); err != nil {
			break
		}
		if n.stats(t, sip.TCP).Drops.Slow == 1 {
			break
		}
	}
	closed(t, c)
	n.none(t)
}

func TestIdleConnectionIsClosed(t *testing.T) {
	n := newNode(t, Config{Limits: Limits{IdleTimeout: 50 * time.Millisecond}}, tcp4)
	closed(t, client(t, "tcp4", n.addr(t, sip.TCP)))
	until(t, "forgotten", func() bool { return n.Stats().Accepted == 0 })
	if s := n.stats(t, sip.TCP); s.Drops.Slow != 0 {
		t.Errorf("an idle connection counts as slow: %+v", s)
	}
}

// A peer that does not read costs its queue and no more, and is cut off.
func TestSlowReaderIsCutOff(t *testing.T) {
	n := newNode(t, Config{Limits: Limits{WriteTimeout: 200 * time.Millisecond, WriteQueueBytes: 1 << 20}}, tcp4)
	c := client(t, "tcp4", n.addr(t, sip.TCP))
	write(t, c, message("1", ""))
	p := n.next(t)
	h := sip.Hop{Transport: sip.TCP, Flow: p.src.Flow, Local: p.src.Local, Remote: p.src.Remote}
	data := message("big", strings.Repeat("z", 60000))
	more := slices.Repeat([]Send{{Hop: h, Data: data, CallID: "big"}}, 40) // more than the queue takes
	until(t, "cut off", func() bool {
		n.Send(more)
		return n.Stats().Accepted == 0
	})
	kinds := map[bool]int{}
	for len(kinds) < 2 {
		kinds[errors.Is(n.failure(t).err, ErrQueueFull)]++
	}
	if s := n.stats(t, sip.TCP); s.Drops.Slow != 1 || s.Drops.QueueFull == 0 {
		t.Errorf("%+v", s)
	}
}

func TestConnectionLimits(t *testing.T) {
	cfg := Config{
		Limits: Limits{MaxConns: 3, MaxConnsPerSource: 2},
		Allow: func(_ netip.AddrPort, _ sip.Transport, remote netip.Addr) Verdict {
			if remote == netip.MustParseAddr("127.0.0.9") {
				return Silent
			}
			return Accept
		},
	}
	n := newNode(t, cfg, tcp4)
	to := n.addr(t, sip.TCP)
	try := func(from string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		return d.Dial("tcp4", to.String())
	}
	dial := func(from string) net.Conn {
		c, err := try(from)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	refused := func(from string) { // the reset may come as early as the end of connecting
		if c, err := try(from); err == nil {
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			closed(t, c)
		} else if !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	}
	first := dial("127.0.0.1")
	dial("127.0.0.1")
	until(t, "two connections", func() bool { return n.Stats().Accepted == 2 })
	refused("127.0.0.1") // per source
	dial("127.0.0.2")
	until(t, "three connections", func() bool { return n.Stats().Accepted == 3 })
	refused("127.0.0.3") // altogether
	refused("127.0.0.9") // a stranger
	first.Close()
	until(t, "room again", func() bool { return n.Stats().Accepted == 2 })
	write(t, dial("127.0.0.1"), message("1", ""))
	n.next(t)
	if s := n.stats(t, sip.TCP); s.Refused != 2 || s.Drops.UnknownSource != 1 || s.Accepted != 4 || s.Open != 3 {
		t.Errorf("%+v", s)
	}
	n.conns.mu.Lock()
	defer n.conns.mu.Unlock()
	if len(n.conns.perSource) != 2 {
		t.Errorf("sources remembered: %v", n.conns.perSource)
	}
}

// TestSilentConnectionsGiveWay: a peer that opens a connection for each call and closes none goes on calling.
func TestSilentConnectionsGiveWay(t *testing.T) {
	for name, lim := range map[string]Limits{"of a source": {MaxConnsPerSource: 3}, "altogether": {MaxConns: 3}} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, Config{Limits: lim}, tcp4)
			to := n.addr(t, sip.TCP)
			var open []net.Conn
			for i := range 3 {
				open = append(open, client(t, "tcp4", to))
				write(t, open[i], message(fmt.Sprint(i), ""))
				n.next(t)
			}
			if c, err := net.Dial("tcp4", to.String()); err == nil { // all have spoken a moment ago
				defer c.Close()
				if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				closed(t, c)
			}
			for i, c := range n.conns.all() {
				c.heard.Add(-int64(silentFor + time.Duration(i)*time.Second))
			}
			write(t, open[0], message("alive", ""))
			n.next(t)
			write(t, client(t, "tcp4", to), message("new", ""))
			if got := n.next(t); !strings.Contains(got.data, "Call-ID: new") {
				t.Errorf("%+v", got)
			}
			write(t, open[0], message("more", ""))
			n.next(t)
			if s := n.stats(t, sip.TCP); s.Refused != 2 || s.Open != 3 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestDialLimit(t *testing.T) {
	n := newNode(t, Config{Limits: Limits{MaxConns: 1}}, tcp4)
	a, b := newNode(t, Config{}, tcp4), newNode(t, Config{}, tcp4)
	n.Send(one(hop(sip.TCP, n.addr(t, sip.TCP), a.addr(t, sip.TCP)), "1"))
	a.next(t)
	n.Send(one(hop(sip.TCP, n.addr(t, sip.TCP), b.addr(t, sip.TCP)), "2"))
	if f := n.failure(t); f.callID != "2" || !errors.Is(f.err, ErrConnLimit) {
		t.Errorf("%+v", f)
	}
}

// On a stream the rate holds the sender back and loses nothing.
func TestStreamRateDelays(t *testing.T) {
	n := newNode(t, Config{Limits: Limits{RatePerSource: 100, RateBurst: 2}}, tcp4)
	c := client(t, "tcp4", n.addr(t, sip.TCP))
	start := time.Now()
	for i := range 10 {
		write(t, c, message(fmt.Sprint(i), ""))
	}
	for i := range 10 {
		if p := n.next(t); p.data != string(message(fmt.Sprint(i), "")) {
			t.Errorf("message %d is %q", i, p.data)
		}
	}
	if took := time.Since(start); took < 80*time.Millisecond { // one token is for the connection
		t.Errorf("ten messages at 100 per second with a burst of 2 took %s", took)
	}
}

func TestReconcileLeavesConnections(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	to := n.addr(t, sip.TCP)
	c := client(t, "tcp4", to)
	write(t, c, message("1", ""))
	p := n.next(t)
	if err := n.Reconcile(nil); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp4", to.String()); err == nil {
		c.Close()
		t.Error("the closed listener accepts")
	}
	write(t, c, message("2", ""))
	n.next(t)
	answer := one(sip.Hop{Transport: sip.TCP, Flow: p.src.Flow}, "3")
	n.Send(answer)
	expect(t, c, answer[0].Data)
}

func TestCloseWritesWhatIsQueued(t *testing.T) {
	a, b := newNode(t, Config{}, tcp4), newNode(t, Config{}, tcp4)
	h := hop(sip.TCP, a.addr(t, sip.TCP), b.addr(t, sip.TCP))
	a.Send(one(h, "first"))
	b.next(t)
	for i := range 500 {
		a.Send(one(h, fmt.Sprint(i)))
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		if p := b.next(t); p.data != string(message(fmt.Sprint(i), "")) {
			t.Fatalf("message %d is %q", i, p.data)
		}
	}
	a.Send(one(h, "too late")) // nobody listens, and nothing breaks
}

func TestCloseCutsOffWhenTimeIsUp(t *testing.T) {
	n := New(Config{Handler: newInbox(), Limits: Limits{WriteQueueBytes: 64 << 20}})
	if err := n.Listen([]ListenSpec{tcp4}); err != nil {
		t.Fatal(err)
	}
	in := n.cfg.Handler.(*inbox)
	c := client(t, "tcp4", n.Listeners()[0].Addr)
	write(t, c, message("1", ""))
	p := in.next(t)
	data := message("big", strings.Repeat("z", 60000))
	for range 300 {
		n.Send([]Send{{Hop: sip.Hop{Transport: sip.TCP, Flow: p.src.Flow}, Data: data}})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := n.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
}

func TestGoroutinesPerConnection(t *testing.T) {
	n := newNode(t, Config{}, tcp4)
	before := runtime.NumGoroutine()
	const conns = 50
	for i := range conns {
		c := client(t, "tcp4", n.addr(t, sip.TCP))
		write(t, c, message(fmt.Sprint(i), ""))
		n.next(t)
	}
	if got := runtime.NumGoroutine() - before; got > conns+2 {
		t.Errorf("%d goroutines for %d idle connections, want one each", got, conns)
	}
}
