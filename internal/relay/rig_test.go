package relay

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

const patience = 20 * time.Second

var (
	ip4 = netip.MustParseAddr("127.0.0.1")
	ip6 = netip.MustParseAddr("::1")
)

// rig is a relay with its events.
type rig struct {
	*Relay
	t      *testing.T
	events chan media.Event
}

func newRig(t *testing.T, config Config) *rig {
	t.Helper()
	events := make(chan media.Event, 100)
	config.Events = func(e media.Event) { events <- e }
	if config.Logger == nil {
		config.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if config.Workers == 0 {
		config.Workers = 2
	}
	r, err := New(withTier(config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Shutdown)
	r.overTier(t)
	return &rig{r, t, events}
}

// want waits for an event.
func (r *rig) want(kind media.EventKind, stream int, side media.SideIndex) media.Event {
	r.t.Helper()
	select {
	case e := <-r.events:
		if e.Kind != kind || e.Stream != stream || e.Side != side {
			r.t.Fatalf("event %+v, want kind %d stream %d side %d", e, kind, stream, side)
		}
		return e
	case <-time.After(patience):
		r.t.Fatalf("no event, want kind %d stream %d side %d", kind, stream, side)
		panic("unreachable")
	}
}

// ports are shared by all tests of the process, start at a place of its own, and come back when a test ends.
var ports = struct {
	sync.Mutex
	*media.Ports
}{Ports: media.NewPorts(uint16(10000+os.Getpid()%100*100), 32000, 0)}

// open gives every side without a local address one of loopback and opens the session, passing over ports that
// other programs have.
func (r *rig) open(s *media.Session) {
	r.t.Helper()
	var err error
	for range 5000 { // another program may have very many that follow one another
		if err = r.Open(assign(r.t, s)); err == nil {
			return
		} else if busy := (*PortError)(nil); !errors.As(err, &busy) {
			r.t.Fatal(err)
		}
		for i := range s.Streams {
			for j := range s.Streams[i].Side {
				s.Streams[i].Side[j].Local = netip.AddrPort{}
			}
		}
	}
	r.t.Fatal("no free ports: ", err)
}

func assign(t *testing.T, s *media.Session) *media.Session {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for i := range s.Streams {
		for j := range s.Streams[i].Side {
			sd := &s.Streams[i].Side[j]
			if sd.Local.IsValid() {
				continue
			}
			p, ok := ports.Take(time.Now())
			if !ok {
				t.Fatal("no ports left")
			}
			ip := ip4
			if sd.Remote.Addr().Is6() {
				ip = ip6
			}
			sd.Local = netip.AddrPortFrom(ip, p)
			t.Cleanup(func() {
				ports.Lock()
				defer ports.Unlock()
				ports.Release(time.Now(), p)
			})
		}
	}
	return s
}

// call is a session of one stream that flows both ways.
func call(id media.SessionID, a, b *phone) *media.Session {
	return &media.Session{ID: id, Streams: []media.Stream{stereo(a, b)}}
}

func stereo(a, b *phone) media.Stream {
	return media.Stream{Side: [2]media.Side{a.side(), b.side()}}
}

// phone has a socket for RTP and one for RTCP.
type phone struct {
	t         *testing.T
	rtp, rtcp *net.UDPConn
}

func newPhone(t *testing.T, ip netip.Addr) *phone {
	t.Helper()
	return &phone{t, listen(t, ip), listen(t, ip)}
}

func listen(t *testing.T, ip netip.Addr) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func address(c *net.UDPConn) netip.AddrPort {
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// side is what the phone's SDP would say, latching on.
func (p *phone) side() media.Side {
	return media.Side{Remote: address(p.rtp), RemoteRTCP: address(p.rtcp), Latch: media.LatchPeer, Send: true, Recv: true}
}

// send sends from c to to.
func (p *phone) send(c *net.UDPConn, to netip.AddrPort, b []byte) {
	p.t.Helper()
	if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
		p.t.Fatal(err)
	}
}

// wantOn waits for exactly this packet, from exactly that port of the relay. As a socket keeps order, a packet that
// must not be relayed is proven absent by one sent after it that arrives first.
func (p *phone) wantOn(c *net.UDPConn, from netip.AddrPort, b []byte) {
	p.t.Helper()
	buf, src := p.readFrom(c)
	if src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port()); src != from {
		p.t.Fatalf("packet from %v, want %v", src, from)
	}
	if !bytes.Equal(buf, b) {
		p.t.Fatalf("packet %x, want %x", buf[:min(len(buf), 16)], b[:min(len(b), 16)])
	}
}

// readFrom waits for a packet.
func (p *phone) readFrom(c *net.UDPConn) ([]byte, netip.AddrPort) {
	p.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 2048)
	n, src, err := c.ReadFromUDPAddrPort(buf)
	if err != nil {
		p.t.Fatal(err)
	}
	return buf[:n], src
}

// arrives sends b again and again until it comes out of c.
func (p *phone) arrives(from *net.UDPConn, to netip.AddrPort, b []byte, at *net.UDPConn) (sent int) {
	p.t.Helper()
	buf := make([]byte, 2048)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		p.send(from, to, b)
		sent++
		_ = at.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, err := at.Read(buf); err == nil && bytes.Equal(buf[:n], b) {
			return sent
		}
	}
	p.t.Fatal("never arrived")
	return 0
}

// rtcpPort is the port above.
func rtcpPort(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

func (r *rig) from(id media.SessionID, stream int, side media.SideIndex) media.Counters {
	r.t.Helper()
	s, ok := r.Stats(id)
	if !ok || len(s.Streams) <= stream {
		r.t.Fatalf("no stats of session %d stream %d", id, stream)
	}
	return s.Streams[stream].From[side]
}
